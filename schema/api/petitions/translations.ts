import { Type, type Static } from '@sinclair/typebox';
import { MOST_TRANSLATIONS } from '../../db/tables/petitions.js';
import { localeTag, PetitionPath, typedLocale } from '../common.js';
import {
  closed,
  component,
  instant,
  line,
  list,
  nullable,
  open,
  optional,
  ref,
  text,
  webUrl,
} from '../typebox.js';
import { statement, title } from './petition-input.js';
import { ShareText } from './petition-parts.js';

const fields = {
  call_to_action: () =>
    nullable(
      line(200, {
        description: 'The text of the link or button. Null: the words of this server, in this language.',
      }),
    ),
  background: () =>
    nullable(
      text(20_000, {
        description:
          'The explanation, in Markdown without HTML; `[^1]` cites reference 1 of the petition. Null: none in this language.',
      }),
    ),
  image_alt: () =>
    nullable(
      line(500, { description: 'The description of the petition’s picture. Null: that of the petition.' }),
    ),
  share_texts: () =>
    list(ref(ShareText), 100, { description: 'Texts to share it with in this language, per network.' }),
  page_url: () =>
    nullable(
      webUrl({
        description: 'The page where people read and sign it in this language. Null: that of the petition.',
      }),
    ),
};

const INPUT_EXAMPLE = {
  title: 'Die Mühlenwiesen sollen Wiesen bleiben',
  statement:
    'Wir fordern Corvane Logistics auf, das Lager anderswo zu bauen und die Mühlenwiesen dem Fluss zu lassen.',
  call_to_action: 'Für die Wiesen unterschreiben',
};

export const PetitionTranslationInput = component(
  'PetitionTranslationInput',
  closed(
    {
      title: title(),
      statement: statement(),
      call_to_action: optional(fields.call_to_action()),
      background: optional(fields.background()),
      image_alt: optional(fields.image_alt()),
      share_texts: optional(fields.share_texts()),
      page_url: optional(fields.page_url()),
    },
    {
      description: 'The texts of a petition in a further language. What is absent there is none of in it.',
      examples: [INPUT_EXAMPLE],
    },
  ),
);
export type PetitionTranslationInput = Static<typeof PetitionTranslationInput>;

const TRANSLATION_EXAMPLE = {
  locale: 'de',
  title: INPUT_EXAMPLE.title,
  statement: INPUT_EXAMPLE.statement,
  call_to_action: INPUT_EXAMPLE.call_to_action,
  background: null,
  image_alt: null,
  share_texts: [],
  page_url: null,
  fixed: true,
  created_at: '2026-11-01T09:00:00.000Z',
  updated_at: '2026-11-02T06:00:00.000Z',
};

export const PetitionTranslation = component(
  'PetitionTranslation',
  open(
    {
      locale: localeTag(),
      title: title(),
      statement: statement(),
      call_to_action: fields.call_to_action(),
      background: fields.background(),
      image_alt: fields.image_alt(),
      share_texts: fields.share_texts(),
      page_url: fields.page_url(),
      fixed: Type.Boolean({
        description: 'Whether somebody has signed in this language, so that title and statement stay.',
      }),
      created_at: instant({ description: 'When it was first written.' }),
      updated_at: instant({ description: 'When it was last written.' }),
    },
    { description: 'A petition’s texts in a further language.', examples: [TRANSLATION_EXAMPLE] },
  ),
);

export const PetitionTranslationList = component(
  'PetitionTranslationList',
  open(
    {
      data: list(ref(PetitionTranslation), MOST_TRANSLATIONS, {
        description: 'One for each language, by its tag.',
      }),
    },
    { description: 'All translations of a petition.', examples: [{ data: [TRANSLATION_EXAMPLE] }] },
  ),
);

export const PetitionTranslationPath = closed({
  ...PetitionPath.properties,
  locale: typedLocale({ examples: ['de'] }),
});
