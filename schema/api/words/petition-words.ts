import { MOST_LANGUAGES } from '../../db/tables/words.js';
import { localeTag, PetitionPath } from '../common.js';
import { closed, component, instant, line, list, nullable, open, optional, ref, text } from '../typebox.js';

const PLACEHOLDERS = '`{petition}` stands for its title, `{organization}` for your name.';

const texts = {
  confirmation: () =>
    nullable(
      text(2000, {
        description: `What introduces the mail that asks to confirm a signature, in Markdown: paragraphs, emphasis, lists, quotes, links with https. The statement, the consents, the button, the code and the imprint stay. ${PLACEHOLDERS} Null: this server's words.`,
      }),
    ),
  confirmation_subject: () =>
    nullable(
      line(120, {
        description: `The subject of that mail. Reminders have this server's. ${PLACEHOLDERS} Null: this server's words.`,
      }),
    ),
  thanks: () =>
    nullable(
      text(2000, {
        description: `What thanks the signer once the signature counts, in the same Markdown. ${PLACEHOLDERS} Null: nothing beyond this server's words.`,
      }),
    ),
  button: () =>
    nullable(
      line(60, {
        description: `The button that signs. ${PLACEHOLDERS} Null: \`call_to_action\` of the petition, else this server's words.`,
      }),
    ),
};

const INPUT_EXAMPLE = {
  confirmation:
    'Thank you for standing with the **Ewe meadows**!\n\nPlease confirm your name under “{petition}”. [How we work](https://rivermeadows.example/about)',
  confirmation_subject: 'One click for the meadows',
  thanks: 'You are part of it now. On **12 December** we hand the names over in Ewehaven.',
  button: 'I stand with the meadows',
};

export const PetitionWordsInput = component(
  'PetitionWordsInput',
  closed(
    {
      confirmation: optional(texts.confirmation()),
      confirmation_subject: optional(texts.confirmation_subject()),
      thanks: optional(texts.thanks()),
      button: optional(texts.button()),
    },
    {
      description: 'Your own words in one language; what is absent or null is this server’s.',
      examples: [INPUT_EXAMPLE],
    },
  ),
);

const WORDS_EXAMPLE = {
  locale: 'en',
  ...INPUT_EXAMPLE,
  created_at: '2026-11-01T09:00:00.000Z',
  updated_at: '2026-11-02T06:00:00.000Z',
};

export const PetitionWords = component(
  'PetitionWords',
  open(
    {
      locale: localeTag(),
      confirmation: texts.confirmation(),
      confirmation_subject: texts.confirmation_subject(),
      thanks: texts.thanks(),
      button: texts.button(),
      created_at: instant({ description: 'When they were first written.' }),
      updated_at: instant({ description: 'When they were last written.' }),
    },
    { description: 'Your own words for one petition, in one language.', examples: [WORDS_EXAMPLE] },
  ),
);

export const PetitionWordsList = component(
  'PetitionWordsList',
  open(
    { data: list(ref(PetitionWords), MOST_LANGUAGES, { description: 'One for each language, by its tag.' }) },
    {
      description: 'Your own words for one petition, in all languages.',
      examples: [{ data: [WORDS_EXAMPLE] }],
    },
  ),
);

const HTML =
  '<p>You are part of it now. On <strong>12 December</strong> we hand the names over in Ewehaven.</p>\n';
const thanksHtml = () =>
  nullable(
    text(60_000, { description: '`thanks` as HTML that is safe in any page, placeholders filled in.' }),
  );
const shownButton = () => nullable(text(400, { description: '`button`, placeholders filled in.' }));

export const PetitionShownWords = component(
  'PetitionShownWords',
  open(
    { locale: localeTag(), button: shownButton(), thanks_html: thanksHtml() },
    {
      description: 'What forms show of the own words of the lead organization, in one language.',
      examples: [{ locale: 'en', button: 'I stand with the meadows', thanks_html: HTML }],
    },
  ),
);

const MAIL_EXAMPLE = {
  subject: 'One click for the meadows',
  text: 'One more step …',
  html: '<!doctype html>…',
};

export const PetitionWordsMail = component(
  'PetitionWordsMail',
  open(
    {
      subject: text(1000, { description: 'Its subject.' }),
      text: text(200_000, { description: 'Its plain text.' }),
      html: text(400_000, { description: 'Its HTML, which loads nothing.' }),
    },
    {
      description: 'The mail that asks to confirm, as an example signer would get it.',
      examples: [MAIL_EXAMPLE],
    },
  ),
);

export const PetitionWordsPreview = component(
  'PetitionWordsPreview',
  open(
    {
      mail: ref(PetitionWordsMail),
      thanks_html: thanksHtml(),
      button: shownButton(),
    },
    {
      description: 'How words would look. Nothing is stored or sent.',
      examples: [
        {
          mail: MAIL_EXAMPLE,
          thanks_html: HTML,
          button: 'I stand with the meadows',
        },
      ],
    },
  ),
);

export const PetitionWordsPath = closed({ ...PetitionPath.properties, locale: localeTag() });
