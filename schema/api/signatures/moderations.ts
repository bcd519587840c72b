import { SIGNALS } from '../../db/tables/brakes.js';
import { MODERATION_ACTIONS } from '../../db/tables/signatures.js';
import { SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { signal } from '../brakes/suspicions.js';
import { ownPetition, exampleId, id } from '../common.js';
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
          rule: 'Write the part after the @, like example.org.',
          description: 'The domain of the address, without subdomains.',
          examples: ['example.org'],
        }),
      ),
    },
    {
      description:
        'Which signatures are meant: all conditions must hold. Empty: every signature to which the action can apply.',
      examples: [{ signals: ['too_fast'], created_from: '2026-11-23T00:00:00.000Z' }],
    },
  ),
);

export const ModerationPreviewInput = component(
  'ModerationPreviewInput',
  closed(
    {
      petition: ownPetition('Id or slug of a petition that you lead.'),
      action: enumOf(MODERATION_ACTIONS, {
        description:
          '`release` and `refuse` for quarantined ones; `invalidate` for those that are not withdrawn; `restore` for invalidated ones; `quarantine` for pending and confirmed ones, until you release them.',
      }),
      filter: ref(ModerationFilter),
    },
    {
      description: 'The action to preview, and the signatures that it is for.',
      examples: [
        { petition: exampleId('pet'), action: 'refuse', filter: { signals: ['honeypot', 'link_in_name'] } },
      ],
    },
  ),
);

const previewToken = () =>
  matching('^mp_[A-Za-z0-9_-]+$', 5000, {
    rule: 'Send the token of previewModerations unchanged.',
    description: 'The sealed result of the preview. Valid for 30 minutes.',
    examples: ['mp_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG'],
  });

const TOKEN = 'mp_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG';

export const ModerationPreview = component(
  'ModerationPreview',
  open(
    {
      matched: int(0, MAX, { description: 'To how many signatures the action would apply.' }),
      sample: list(ref(Signature), 10, { description: 'The first of them, oldest first.' }),
      preview_token: previewToken(),
    },
    {
      description: 'The signatures that would be moderated. Nothing has changed.',
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
        description: 'Why. Kept with each signature, along with your key and the time.',
        examples: ['Spam wave of Monday night'],
      }),
    },
    {
      description: 'Applies a preview.',
      examples: [{ preview_token: TOKEN, reason: 'Spam wave of Monday night' }],
    },
  ),
);

export const ModerationResult = component(
  'ModerationResult',
  open(
    {
      moderated: int(0, MAX, { description: 'How many this request has moderated.' }),
      skipped: int(0, MAX, {
        description:
          'How many signatures of the preview have changed since, for any reason, including an earlier request with the same token.',
      }),
      remaining: int(0, MAX, { description: 'How many are left: if not 0, repeat the request.' }),
    },
    {
      description: 'What was done.',
      examples: [{ moderated: 212, skipped: 3, remaining: 0 }],
    },
  ),
);
