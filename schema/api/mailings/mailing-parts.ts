import { Type } from '@sinclair/typebox';
import { MOST_VARIANTS } from '../../db/tables/mailings.js';
import { id, exampleId, LOCALE_PATTERN } from '../common.js';
import { email } from '../signatures/signing.js';
import { closed, component, line, list, nullable, open, optional, ref, text } from '../typebox.js';

/* The parts of a mailing's content, as they are written and read. */

export const MOST_MAILING_LANGUAGES = 24;

const subject = () =>
  line(250, {
    description:
      'The subject. Values with Liquid: `first_name`, `name`, `country` (each with a default), `petition.title` and others.',
    examples: ['{{ first_name | default: "Friend" }}, the meadows need you'],
  });
const preview = () =>
  nullable(
    line(250, {
      description: 'What mail programs show beside the subject.',
      examples: ['They decide on Thursday.'],
    }),
  );
const markdown = () =>
  nullable(
    text(60_000, {
      description:
        'The body in Markdown, with Liquid for values, and blocks on a line of their own: `[[headline]]`, `[[statement]]`, `[[button]]` (or `[[button: Add your name]]`), `[[campaigner]]`, `[[share]]`, `[[references]]`, `[[footer]]`; `[[coalition]]` in a sentence. `[^1]` cites the reference of that number, or a note of the text. Footer and references are added where they are not placed.',
      examples: ['Dear {{ first_name | default: "friend" }},\n\n[[statement]]\n\n[[button]]'],
    }),
  );
const html = () =>
  nullable(
    text(200_000, {
      description:
        'The body in HTML of your own, with the same values and blocks. Style sheets are put on the elements; scripts, forms and what would watch readers is left out. With `markdown` too, this is the HTML part, and the text part comes from the Markdown.',
      examples: ['<p>Dear {{ first_name | default: "friend" }},</p>[[button]]'],
    }),
  );

export const MailingTextInput = component(
  'MailingTextInput',
  closed(
    {
      subject: optional(subject()),
      preview: optional(preview()),
      markdown: optional(markdown()),
      html: optional(html()),
    },
    {
      description:
        'The text of a mailing in one language, `markdown` or `html` or both; or what a variant says differently.',
      examples: [
        { subject: 'The meadows need you', markdown: 'Dear friend,\n\n[[statement]]\n\n[[button]]' },
      ],
    },
  ),
);

export const MailingText = component(
  'MailingText',
  open(
    {
      subject: optional(
        Type.String({ pattern: '^[\\s\\S]*$', maxLength: 250, description: 'The subject; empty: none yet.' }),
      ),
      preview: optional(preview()),
      markdown: optional(markdown()),
      html: optional(html()),
    },
    {
      description: 'The text of a mailing in one language.',
      examples: [{ subject: 'The meadows need you', preview: null, markdown: '[[button]]', html: null }],
    },
  ),
);

const localized = <T extends Parameters<typeof ref>[0]>(value: T, description: string) =>
  Type.Record(Type.String({ pattern: LOCALE_PATTERN }), ref(value), {
    maxProperties: MOST_MAILING_LANGUAGES,
    additionalProperties: false,
    description,
    examples: [{ en: { subject: 'The meadows need you', markdown: '[[statement]]\n\n[[button]]' } }],
  });

export const textsInput = (description: string) => localized(MailingTextInput, description);
export const textsView = (description: string) => localized(MailingText, description);

const senderName = (description: string) =>
  nullable(line(100, { description, examples: ['Mo of River Meadows'] }));
const replyTo = () => nullable(email());

export const MailingSenderInput = component(
  'MailingSenderInput',
  closed(
    {
      name: optional(senderName('The display name of the From address; null: the organization’s name.')),
      reply_to: optional(replyTo()),
    },
    {
      description: 'Whom the mailing is from. The address itself is this server’s.',
      examples: [{ name: 'Mo of River Meadows', reply_to: 'mo@rivermeadows.example' }],
    },
  ),
);

export const MailingSender = component(
  'MailingSender',
  open(
    { name: senderName('The display name; null: the organization’s name.'), reply_to: replyTo() },
    {
      description: 'Whom the mailing is from.',
      examples: [{ name: 'Mo of River Meadows', reply_to: null }],
    },
  ),
);

const variantName = () =>
  line(60, { description: 'Your name for it, different for each.', examples: ['Short subject'] });

export const MailingVariantInput = component(
  'MailingVariantInput',
  closed(
    {
      name: variantName(),
      sender_name: optional(senderName('Its own display name of the sender.')),
      texts: optional(
        textsInput('What it says differently, by language: subject, preview, or a whole body of its own.'),
      ),
    },
    {
      description: 'A wording of the mailing that is tested against the others.',
      examples: [{ name: 'Short subject', texts: { en: { subject: 'Meadows or depot?' } } }],
    },
  ),
);

export const MailingVariant = component(
  'MailingVariant',
  open(
    {
      id: id('mvr', 'The variant.'),
      name: variantName(),
      sender_name: senderName('Its own display name of the sender; null: the mailing’s.'),
      texts: textsView('What it says differently, by language.'),
    },
    {
      description: 'A wording of the mailing. A mailing with content has at least one, called “A”.',
      examples: [{ id: exampleId('mvr'), name: 'A', sender_name: null, texts: {} }],
    },
  ),
);

export const variantsInput = () =>
  list(ref(MailingVariantInput), MOST_VARIANTS, {
    description: `Up to ${MOST_VARIANTS} wordings. None or an empty list: one, as the mailing is written. In a change they replace the earlier ones; one of the same name keeps its id.`,
  });
