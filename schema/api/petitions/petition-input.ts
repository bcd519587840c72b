import { Type, type Static } from '@sinclair/typebox';
import { CONFIRMATIONS, OUTCOMES } from '../../db/tables/petitions.js';
import { externalId, localeTag, slug } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  line,
  list,
  nullable,
  nullableRef,
  ref,
  text,
  webUrl,
  optional,
} from '../typebox.js';
import { MOST_OWN_FIELDS, PetitionFieldInput } from './form-fields.js';
import {
  PetitionCampaigner,
  PetitionCampaignerPatch,
  challenge,
  metadata,
  metadataOf,
  metadataValue,
  origins,
  PetitionPartner,
  PetitionFormInput,
  PetitionFormPatch,
  PetitionImage,
  PetitionImagePatch,
  PetitionReference,
  retentionDays,
  shareSplit,
  ShareText,
  PetitionTarget,
} from './petition-parts.js';
import { MOST_THRESHOLDS, ThresholdInput } from './steps.js';

/** Members that the lead organization may set, all optional. */
const writable = {
  slug: optional(
    slug('Its name in URLs, made from the title if absent. After a change the old slug redirects.'),
  ),
  call_to_action: optional(nullable(line(200, { description: 'The text of the link or button.' }))),
  background: optional(
    nullable(
      text(20_000, { description: 'The explanation, in Markdown without HTML; `[^1]` cites reference 1.' }),
    ),
  ),
  references: optional(list(ref(PetitionReference), 100, { description: 'The sources, by number.' })),
  targets: optional(
    list(ref(PetitionTarget), 20, { description: 'The people or bodies that it asks to act.' }),
  ),
  campaigner: optional(nullableRef(PetitionCampaigner, { description: 'Who speaks for the campaign.' })),
  partners: optional(list(ref(PetitionPartner), 100, { description: 'The coalition.' })),
  image: optional(nullableRef(PetitionImage, { description: 'Its picture.' })),
  locale: optional(localeTag()),
  form: optional(ref(PetitionFormInput)),
  form_fields: optional(
    list(ref(PetitionFieldInput), MOST_OWN_FIELDS, {
      description: 'Further fields of the form, in the order to show.',
    }),
  ),
  goals: optional(
    list(int(1, 2_000_000_000), 50, {
      description: 'The goals, in ascending order.',
      examples: [[1000, 5000, 25000]],
    }),
  ),
  thresholds: optional(
    list(ref(ThresholdInput), MOST_THRESHOLDS, {
      description: 'What is promised for which numbers of signatures, each number once.',
    }),
  ),
  share_texts: optional(list(ref(ShareText), 100, { description: 'Texts to share it with, per network.' })),
  share_split: optional(shareSplit()),
  challenge: optional(challenge()),
  origins: optional(origins()),
  page_url: optional(nullable(webUrl({ description: 'The page where people read and sign it.' }))),
  confirmation: optional(
    enumOf(CONFIRMATIONS, {
      description:
        '`email` (if absent): a signature counts once its signer has confirmed by mail. `none`: at once.',
    }),
  ),
  opens_at: optional(nullable(instant({ description: 'Signing begins; null: with publication.' }))),
  closes_at: optional(nullable(instant({ description: 'Signing ends; null: when it is closed.' }))),
  response: optional(
    nullable(text(10_000, { description: "The target's answer, or how it ended. Public." })),
  ),
  retention_days: optional(retentionDays()),
  external_id: optional(nullable(externalId('petition'))),
  metadata: optional(metadata()),
};

export const title = () =>
  line(200, { description: 'Headline.', examples: ['Keep the Old Mill Meadows a meadow'] });
export const statement = () => text(5000, { description: 'The exact text that signers endorse.' });

export const INPUT_EXAMPLE = {
  title: 'Keep the Old Mill Meadows a meadow',
  statement:
    'We call on Corvane Logistics to build its depot elsewhere and leave the Old Mill Meadows to the river.',
  targets: [{ name: 'Dana Whitlock', title: 'Chief Executive', organization: 'Corvane Logistics' }],
  goals: [1000, 5000, 25000],
  form: { country: 'required' },
};

export const PetitionInput = component(
  'PetitionInput',
  closed(
    { title: title(), statement: statement(), ...writable },
    { description: 'A new petition. It begins as a draft.', examples: [INPUT_EXAMPLE] },
  ),
);
export type PetitionInput = Static<typeof PetitionInput>;

export const PetitionPatch = component(
  'PetitionPatch',
  closed(
    {
      title: optional(title()),
      statement: optional(statement()),
      ...writable,
      references: optional(
        Type.Unsafe<Static<typeof PetitionReference>[] | null>({
          ...nullableList(PetitionReference, 100),
          description: 'Replaces the sources.',
        }),
      ),
      targets: optional(
        Type.Unsafe<Static<typeof PetitionTarget>[] | null>({
          ...nullableList(PetitionTarget, 20),
          description: 'Replaces the targets.',
        }),
      ),
      partners: optional(
        Type.Unsafe<Static<typeof PetitionPartner>[] | null>({
          ...nullableList(PetitionPartner, 100),
          description: 'Replaces the coalition.',
        }),
      ),
      share_texts: optional(
        Type.Unsafe<Static<typeof ShareText>[] | null>({
          ...nullableList(ShareText, 100),
          description: 'Replaces the texts.',
        }),
      ),
      share_split: optional(nullable(shareSplit())),
      challenge: optional(nullable(challenge())),
      origins: optional(
        Type.Unsafe<string[] | null>({
          ...origins(),
          type: ['array', 'null'],
          description: 'Replaces the list; null: anywhere.',
        }),
      ),
      thresholds: optional(
        Type.Unsafe<Static<typeof ThresholdInput>[] | null>({
          ...nullableList(ThresholdInput, MOST_THRESHOLDS),
          description:
            'Replaces the thresholds. A number that was reached must stay; the words of its promise can be corrected.',
        }),
      ),
      goals: optional(
        Type.Unsafe<number[] | null>({
          type: ['array', 'null'],
          items: int(1, 2_000_000_000),
          maxItems: 50,
          description: 'Replaces the goals.',
        }),
      ),
      campaigner: optional(
        nullableRef(PetitionCampaignerPatch, {
          description: 'Merged into the campaigner; null removes it.',
        }),
      ),
      image: optional(
        nullableRef(PetitionImagePatch, { description: 'Merged into the picture; null removes it.' }),
      ),
      form: optional(ref(PetitionFormPatch)),
      form_fields: optional(
        Type.Unsafe<Static<typeof PetitionFieldInput>[] | null>({
          ...nullableList(PetitionFieldInput, MOST_OWN_FIELDS),
          description:
            'Replaces the further fields. Answers that signers have given stay with their signatures and in exports.',
        }),
      ),
      outcome: optional(enumOf(OUTCOMES, { description: 'How it ended. Only for closed petitions.' })),
      locale: optional(nullable(localeTag())),
      confirmation: optional(nullable(enumOf(CONFIRMATIONS, { description: 'Null: `email`.' }))),
      metadata: optional(metadataOf(nullable(metadataValue()))),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared, lists are replaced.',
      examples: [{ title: 'Keep the Old Mill Meadows wet', goals: [1000, 5000, 50000], campaigner: null }],
    },
  ),
);
export type PetitionPatch = Static<typeof PetitionPatch>;

function nullableList(item: Parameters<typeof ref>[0], maxItems: number) {
  return { type: ['array', 'null'], items: ref(item), maxItems };
}
