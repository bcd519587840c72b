import { Type, type Static } from '@sinclair/typebox';
import {
  CONFIRMATIONS,
  MOST_TRANSLATIONS,
  OUTCOMES,
  PETITION_STATUSES,
  TAKEDOWN_REASONS,
} from '../../db/tables/petitions.js';
import { exampleId, id, localeTag, slug } from '../common.js';
import { MOST_PARTNERS } from '../../db/tables/partners.js';
import { MOST_LANGUAGES } from '../../db/tables/words.js';
import { PetitionCounts } from '../counts/counts.js';
import {
  closed,
  component,
  described,
  enumOf,
  instant,
  int,
  line,
  list,
  nullable,
  nullableRef,
  open,
  pageOf,
  ref,
  text,
  webUrl,
  optional,
} from '../typebox.js';
import { LeadOrganization } from '../organization/organizations.js';
import { PetitionShownWords } from '../words/petition-words.js';
import { INPUT_EXAMPLE, statement, title } from './petition-input.js';
import { FIELD_EXAMPLE, MOST_OWN_FIELDS, PetitionField } from './form-fields.js';
import {
  PetitionCampaigner,
  challenge,
  metadata,
  origins,
  PetitionPartner,
  PetitionForm,
  PetitionImage,
  PetitionReference,
  retentionDays,
  shareSplit,
  ShareText,
  PetitionTarget,
} from './petition-parts.js';
import { Milestone, MOST_THRESHOLDS, Threshold } from './steps.js';

const COUNTS_EXAMPLE = {
  confirmed: 4211,
  pending: null,
  invalidated: 3,
  paper: 120,
  offset: 300,
  total: 4631,
  goal: 25000,
  next_milestone: 5000,
  updated_at: '2026-11-23T19:04:05.678Z',
};
const SUMMARY_EXAMPLE = {
  id: exampleId('pet'),
  slug: 'keep-the-old-mill-meadows-a-meadow',
  status: 'published',
  open: true,
  test: false,
  title: INPUT_EXAMPLE.title,
  call_to_action: 'Sign for the meadows',
  statement: INPUT_EXAMPLE.statement,
  targets: INPUT_EXAMPLE.targets,
  image: null,
  locale: 'en',
  locales: ['en', 'de', 'pt-BR'],
  page_url: 'https://rivermeadows.example/meadows',
  opens_at: null,
  closes_at: '2027-03-01T00:00:00.000Z',
  outcome: 'none',
  organization: {
    id: exampleId('org'),
    slug: 'river-meadows',
    name: 'River Meadows Alliance',
    url: null,
    imprint: 'River Meadows Alliance, Millgate 4, Ewehaven',
    logo_url: null,
    color: '#0b6b50',
    color_dark: '#4c9682',
    privacy_url: 'https://rivermeadows.example/privacy',
  },
  counts: COUNTS_EXAMPLE,
  created_at: '2026-11-01T09:00:00.000Z',
  published_at: '2026-11-02T06:00:00.000Z',
};

const summary = {
  id: id('pet', 'The petition.'),
  slug: slug('Its name in URLs.'),
  status: enumOf(PETITION_STATUSES, { description: 'The status of the petition.' }),
  open: Type.Boolean({ description: 'Whether it can be signed now.' }),
  test: Type.Boolean({
    description:
      'Whether it was made with a test key: it works, but is in no list, and nothing in it counts.',
  }),
  title: title(),
  call_to_action: nullable(line(200, { description: 'The text of the link or button.' })),
  statement: statement(),
  targets: list(ref(PetitionTarget), 20, { description: 'The people or bodies that it asks to act.' }),
  image: nullableRef(PetitionImage, { description: 'Its picture.' }),
  locale: localeTag({ description: 'The language of its texts in this answer, as a BCP 47 language tag.' }),
  locales: list(localeTag(), 1 + MOST_TRANSLATIONS, {
    description: 'All languages that it is in: first the one that it was written in, then its translations.',
  }),
  page_url: nullable(webUrl({ description: 'The page where people read and sign it.' })),
  opens_at: nullable(instant({ description: 'When signing begins, if that was set.' })),
  closes_at: nullable(instant({ description: 'When signing ends, if that was set.' })),
  outcome: enumOf(OUTCOMES, { description: 'How it ended.' }),
  organization: described(LeadOrganization, 'The organization that leads it.'),
  counts: ref(PetitionCounts),
  created_at: instant({ description: 'When it was made.' }),
  published_at: nullable(instant({ description: 'When it was published.' })),
};

export const PetitionSummary = component(
  'PetitionSummary',
  open(summary, { description: 'A petition in a list.', examples: [SUMMARY_EXAMPLE] }),
);
export type PetitionSummary = Static<typeof PetitionSummary>;

export const Petition = component(
  'Petition',
  open(
    {
      ...summary,
      background: nullable(text(20_000, { description: 'The explanation, in Markdown.' })),
      background_html: nullable(
        text(200_000, {
          description: 'The same as HTML, safe to insert into a page; citations link to `#reference-1`.',
        }),
      ),
      references: list(ref(PetitionReference), 100, { description: 'The sources, by number.' }),
      campaigner: nullableRef(PetitionCampaigner, { description: 'Who speaks for the campaign.' }),
      partners: list(ref(PetitionPartner), 2 * MOST_PARTNERS, {
        description:
          'The coalition: the groups that the lead organization has written down, then the partners that have accepted an invitation and want to be listed, each once.',
      }),
      form: ref(PetitionForm),
      form_fields: list(ref(PetitionField), MOST_OWN_FIELDS, {
        description: 'Further fields of the form, in the order to show.',
      }),
      goals: list(int(1, 2_000_000_000), 50, { description: 'The goals, in ascending order.' }),
      milestones: list(ref(Milestone), 200, { description: 'The goals that were reached, lowest first.' }),
      thresholds: list(ref(Threshold), MOST_THRESHOLDS, {
        description: 'What is promised for which numbers of signatures, lowest first.',
      }),
      response_count: int(0, 1_000_000, {
        description: 'How many responses and hearings `listResponses` has.',
      }),
      words: list(ref(PetitionShownWords), MOST_LANGUAGES, {
        description:
          'The own words of the lead organization for forms, by language. A form takes those in its language, else those in the language of the petition.',
      }),
      share_texts: list(ref(ShareText), 100, { description: 'Texts to share it with, per network.' }),
      share_split: shareSplit(),
      challenge: challenge(),
      origins: origins(),
      confirmation: enumOf(CONFIRMATIONS, { description: 'What makes a signature count.' }),
      response: nullable(text(10_000, { description: "The target's answer, or how it ended." })),
      retention_days: retentionDays(),
      closed_at: nullable(instant({ description: 'When it was closed.' })),
      updated_at: instant({
        description: 'When its text or status last changed; signatures do not change it.',
      }),
      external_id: nullable(
        line(200, { description: 'The lead organization’s own id for it; null for other callers.' }),
      ),
      metadata: Type.Unsafe<Record<string, string> | null>({
        ...metadata(),
        type: ['object', 'null'],
        description: 'The lead organization’s own labels; null for other callers.',
      }),
    },
    {
      description: 'A petition.',
      examples: [
        {
          ...SUMMARY_EXAMPLE,
          background: 'The meadows hold back the winter floods.[^1]',
          background_html:
            '<p>The meadows hold back the winter floods.<sup><a href="#reference-1">1</a></sup></p>\n',
          references: [
            {
              number: 1,
              title: 'Flood storage in the Ewe valley: a survey',
              authors: null,
              publisher: null,
              date: '2025',
              url: null,
            },
          ],
          campaigner: { name: 'Ines Marlow', role: 'Campaign manager' },
          partners: [],
          form: {
            country: 'required',
            postal_code: 'optional',
            postal_address: 'optional',
            phone: 'optional',
            comment: 'optional',
            discloses: ['full_name', 'city'],
          },
          form_fields: [FIELD_EXAMPLE],
          goals: [1000, 5000, 25000],
          milestones: [{ value: 1000, reached_at: '2026-11-20T08:15:00.000Z' }],
          thresholds: [{ value: 10_000, promise: 'The council replies', reached_at: null }],
          response_count: 0,
          words: [],
          share_texts: [],
          share_split: 'even',
          challenge: 'auto',
          origins: [],
          confirmation: 'email',
          response: null,
          retention_days: 365,
          closed_at: null,
          updated_at: '2026-11-02T06:00:00.000Z',
          external_id: null,
          metadata: null,
        },
      ],
    },
  ),
);
export type Petition = Static<typeof Petition>;

export const PetitionPage = component(
  'PetitionPage',
  pageOf(PetitionSummary, {
    description: 'A page of petitions.',
    examples: [{ data: [SUMMARY_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const PetitionTransition = component(
  'PetitionTransition',
  closed(
    {
      to: enumOf(['published', 'closed', 'archived', 'taken_down'], {
        description: 'The new status.',
      }),
      outcome: optional(enumOf(OUTCOMES, { description: 'With `closed`: how it ended; `none` if absent.' })),
      response: optional(nullable(text(10_000, { description: 'With `closed`: the public answer.' }))),
      reason: optional(
        enumOf(TAKEDOWN_REASONS, { description: 'With `taken_down`, where it is required: why.' }),
      ),
    },
    {
      description: 'A change of the status of a petition.',
      examples: [
        { to: 'closed', outcome: 'victory', response: 'The depot will be built on the old rail yard.' },
      ],
    },
  ),
);
