import { SIGNALS } from '../../db/tables/brakes.js';
import { MODERATION_ACTIONS } from '../../db/tables/signatures.js';
import { SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { signal } from '../brakes/suspicions.js';
import { REF_RULE, exampleId, id } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  list,
  matching,
  open,
  optional,
  ref,
  text,
} from '../typebox.js';
import { Signature, SIGNATURE_EXAMPLE } from './signatures.js';
import { source } from './signing.js';

const MAX = 2_147_483_647;

export const ModerationFilter = component(
  'ModerationFilter',
  closed(
    {
      status: optional(list(enumOf(SIGNATURE_STATUSES), 5, { minItems: 1, description: 'Any of these.' })),
      signals: optional(
        list(signal(), SIGNALS.length, { minItems: 1, description: 'Quarantined for any of these.' }),
      ),
      source: optional(source()),
      collector: optional(id('org', 'The organization that it is attributed to.')),
      import: optional(id('imp', 'The import that brought it: see `listSignatureImports`.')),
      created_from: optional(instant({ description: 'Signed at or after.' })),
      created_before: optional(instant({ description: 'Signed before.' })),
      email_domain: optional(
        matching('^[^\\s@]+$', 253, {
          rule: 'Write what stands behind the @, like example.org.',
          description: 'The domain of the address: exactly that one.',
          examples: ['example.org'],
        }),
      ),
    },
    {
      description:
        'Which signatures are meant: all of this must hold. Empty: every one that the action can move.',
      examples: [{ signals: ['too_fast'], created_from: '2026-11-23T00:00:00.000Z' }],
    },
  ),
);

export const ModerationPreviewInput = component(
  'ModerationPreviewInput',
  closed(
    {
      petition: matching('^[a-z0-9_-]+$', 100, {
        rule: REF_RULE,
        description: 'Id or slug of a petition that you lead.',
        examples: [exampleId('pet')],
      }),
      action: enumOf(MODERATION_ACTIONS, {
        description:
          '`release` and `refuse` for quarantined ones; `invalidate` for those that are not withdrawn; `restore` for invalidated ones; `quarantine` for pending and confirmed ones, until you release them.',
      }),
      filter: ref(ModerationFilter),
    },
    {
      description: 'What you mean to do with many signatures.',
      examples: [
        { petition: exampleId('pet'), action: 'refuse', filter: { signals: ['honeypot', 'link_in_name'] } },
      ],
    },
  ),
);

const previewToken = () =>
  matching('^mp_[A-Za-z0-9_-]+$', 5000, {
    rule: 'Send the token of previewModerations as it came.',
    description: 'Says, sealed, what the preview has found. Good for 30 minutes.',
    examples: ['mp_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG'],
  });

const TOKEN = 'mp_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG';

export const ModerationPreview = component(
  'ModerationPreview',
  open(
    {
      matched: int(0, MAX, { description: 'How many signatures it would move.' }),
      sample: list(ref(Signature), 10, { description: 'The first of them, first signed first.' }),
      preview_token: previewToken(),
    },
    {
      description: 'What would be moderated. Nothing has changed.',
      examples: [{ matched: 1, sample: [SIGNATURE_EXAMPLE], preview_token: TOKEN }],
    },
  ),
);

export const ModerationInput = component(
  'ModerationInput',
  closed(
    {
      preview_token: previewToken(),
      reason: text(500, {
        description: 'Why. Kept with each of them, your key and the time.',
        examples: ['Spam wave of Monday night'],
      }),
    },
    {
      description: 'Do what the preview has shown.',
      examples: [{ preview_token: TOKEN, reason: 'Spam wave of Monday night' }],
    },
  ),
);

export const ModerationResult = component(
  'ModerationResult',
  open(
    {
      moderated: int(0, MAX, { description: 'How many were moved by this request.' }),
      skipped: int(0, MAX, {
        description:
          'How many of the preview are no longer what they were, by whomever: an earlier request with the same token, too.',
      }),
      remaining: int(0, MAX, { description: 'How many are left: send the same again.' }),
    },
    {
      description: 'What was done.',
      examples: [{ moderated: 212, skipped: 3, remaining: 0 }],
    },
  ),
);
