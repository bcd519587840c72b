import { Type } from '@sinclair/typebox';
import { exampleId, id, localeTag } from '../common.js';
import { email } from '../signatures/signing.js';
import {
  closed,
  component,
  enumOf,
  int,
  line,
  list,
  matching,
  nullable,
  open,
  optional,
  ref,
} from '../typebox.js';

/* Looking at a mailing before it is sent. */

export const MailingPreviewInput = component(
  'MailingPreviewInput',
  closed(
    {
      variant_id: optional(id('mvr', 'The variant; the first, if absent.')),
      locale: optional(
        localeTag({
          description: 'The language of the recipient; if absent, the subscription’s or the mailing’s own.',
        }),
      ),
      subscription_id: optional(
        id(
          'sub',
          'As this subscriber of yours would get it. The links are examples all the same: none is theirs.',
        ),
      ),
      person: optional(
        enumOf(['example', 'unnamed'], {
          description:
            'Without a subscription: as an example person, or as somebody of whom the address alone is known.',
        }),
      ),
    },
    { description: 'Whose mail to show. Nothing is sent.', examples: [{ locale: 'de', person: 'unnamed' }] },
  ),
);

const PREVIEW_EXAMPLE = {
  variant_id: exampleId('mvr'),
  locale: 'en',
  sender: 'River Meadows Alliance',
  subject: 'Katy, the meadows need you',
  html: '<!doctype html>…',
  text: 'Dear Katy,\n…',
  bytes: 8412,
};

const mailText = (maxLength: number, description: string) =>
  Type.String({ pattern: '^[\\s\\S]*$', maxLength, description });

export const MailingPreview = component(
  'MailingPreview',
  open(
    {
      variant_id: id('mvr', 'The variant.'),
      locale: localeTag({ description: 'The language of the text, the best for the recipient.' }),
      sender: line(100, { description: 'The display name of the sender.' }),
      subject: mailText(250, 'The subject.'),
      html: mailText(4_000_000, 'The HTML part.'),
      text: mailText(4_000_000, 'The text part.'),
      bytes: int(0, 100_000_000, { description: 'The size of the whole mail.' }),
    },
    { description: 'A mail as one recipient would get it.', examples: [PREVIEW_EXAMPLE] },
  ),
);

const PARTS = ['subject', 'preview', 'markdown', 'html', 'sender', 'domain', 'mailing'] as const;
const FINDING_EXAMPLE = {
  code: 'default_missing',
  severity: 'warning',
  detail: 'Not everybody has first_name: write {{ first_name | default: "…" }}, or it says “friend”.',
  variant: null,
  locale: 'en',
  part: 'markdown',
};

export const MailingFinding = component(
  'MailingFinding',
  open(
    {
      code: Type.String({
        maxLength: 40,
        pattern: '^[a-z_]+$',
        description: 'What is the matter, for programs.',
      }),
      severity: enumOf(['error', 'warning'], { description: 'Errors keep the mailing from being sent.' }),
      detail: mailText(4000, 'What is the matter and what to do, in words.'),
      variant: nullable(line(60, { description: 'The name of the variant; null: all, or there is one.' })),
      locale: nullable(localeTag({ description: 'The language; null: all.' })),
      part: enumOf(PARTS, { description: 'Where it is.' }),
    },
    {
      description: 'Something that should be known before the mailing is sent.',
      examples: [FINDING_EXAMPLE],
    },
  ),
);

export const MailingCheck = component(
  'MailingCheck',
  open(
    {
      ready: Type.Boolean({ description: 'Whether there is no error.' }),
      findings: list(ref(MailingFinding), 10_000, { description: 'Errors first.' }),
    },
    {
      description: 'What a look at the mailing has found.',
      examples: [{ ready: true, findings: [FINDING_EXAMPLE] }],
    },
  ),
);

export const MOST_TEST_ADDRESSES = 10;

export const MailingTestInput = component(
  'MailingTestInput',
  closed(
    {
      to: Type.Array(email(), {
        minItems: 1,
        maxItems: MOST_TEST_ADDRESSES,
        uniqueItems: true,
        description: 'Addresses of your own people. Each has to be an active subscriber of yours.',
        examples: [['mo@rivermeadows.example']],
      }),
      variant_ids: optional(
        Type.Array(id('mvr', 'A variant.'), {
          minItems: 1,
          maxItems: 8,
          uniqueItems: true,
          description: 'Which variants; all, if absent.',
        }),
      ),
      locale: optional(localeTag({ description: 'In this language; if absent, in that of each recipient.' })),
    },
    { description: 'To whom to send a test.', examples: [{ to: ['mo@rivermeadows.example'] }] },
  ),
);

export const MailingTestAnswer = component(
  'MailingTestAnswer',
  open(
    { queued: int(0, 80, { description: 'How many mails are on their way.' }) },
    { description: 'The tests are queued.', examples: [{ queued: 2 }] },
  ),
);

export const MailingCheckQuery = closed({
  dkim_selector: Type.Optional(
    matching('^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$', 63, {
      rule: 'Write the selector as it stands in s=… of a DKIM-Signature.',
      description: 'The selector of the key that your mail server signs with, to look for it in the DNS.',
      examples: ['mail'],
    }),
  ),
});
