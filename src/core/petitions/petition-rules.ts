import type { Tables } from '../../../schema/db/tables.js';
import type { Form, Partner, Reference, ShareText, Target } from '../../../schema/db/tables/petitions.js';
import type { FieldError } from '../../errors.js';
import { citedNumbers } from './markdown.js';
import { checkOwnFields, completeField, type OwnFieldInput } from './own-fields.js';

/* The fields that a lead organization writes: defaults, merge patches, and the checks that a schema cannot make. */

export type PetitionRow = Tables['petitions']['$inferSelect'];

/** The part of a petition that its lead organization writes; the rest is its life cycle. */
export type PetitionFields = Pick<
  PetitionRow,
  | 'title'
  | 'callToAction'
  | 'statement'
  | 'background'
  | 'references'
  | 'targets'
  | 'campaigner'
  | 'partners'
  | 'image'
  | 'locale'
  | 'form'
  | 'formFields'
  | 'goals'
  | 'shareTexts'
  | 'shareSplit'
  | 'challenge'
  | 'origins'
  | 'pageUrl'
  | 'confirmation'
  | 'opensAt'
  | 'closesAt'
  | 'outcome'
  | 'response'
  | 'retentionDays'
  | 'externalId'
  | 'metadata'
>;

/** The fields as callers send them: absent and null both mean the default. */
export type PetitionInput = {
  [Name in keyof PetitionFields]?: Name extends 'form'
    ? Partial<Form>
    : Name extends 'formFields'
      ? OwnFieldInput[] | null
      : PetitionFields[Name] | null;
} & { title: string; statement: string };

const DEFAULT_FORM: Form = {
  country: 'optional',
  postal_code: 'optional',
  postal_address: 'optional',
  phone: 'optional',
  comment: 'optional',
};

const list = <T>(items: T[] | null | undefined): T[] => items ?? [];

export function withDefaults(input: PetitionInput): PetitionFields {
  return {
    title: input.title,
    callToAction: input.callToAction ?? null,
    statement: input.statement,
    background: input.background ?? null,
    references: list<Reference>(input.references),
    targets: list<Target>(input.targets),
    campaigner: input.campaigner ?? null,
    partners: list<Partner>(input.partners),
    image: input.image ?? null,
    locale: input.locale ?? 'en',
    form: { ...DEFAULT_FORM, ...withoutNulls(input.form ?? {}) },
    formFields: list<OwnFieldInput>(input.formFields).map(completeField),
    goals: list<number>(input.goals),
    shareTexts: list<ShareText>(input.shareTexts),
    shareSplit: input.shareSplit ?? 'even',
    challenge: input.challenge ?? 'auto',
    origins: list<string>(input.origins),
    pageUrl: input.pageUrl ?? null,
    confirmation: input.confirmation ?? 'email',
    opensAt: input.opensAt ?? null,
    closesAt: input.closesAt ?? null,
    outcome: input.outcome ?? 'none',
    response: input.response ?? null,
    retentionDays: input.retentionDays ?? null,
    externalId: input.externalId ?? null,
    metadata: input.metadata ?? {},
  };
}

const withoutNulls = <T extends object>(value: T): T =>
  Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== null && member !== undefined),
  ) as T;

/** JSON Merge Patch (RFC 7396): absent keeps a value, null clears it, lists are replaced, objects are merged. */
export function mergePatch(fields: PetitionFields, patch: Partial<Record<keyof PetitionFields, unknown>>) {
  return withDefaults(merge(fields, patch) as PetitionInput);
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

function merge(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = merge(merged[name], value);
  }
  return merged;
}

/** The errors that a schema cannot find. Pointers refer to the request body. */
export function checkPetition(fields: PetitionFields): FieldError[] {
  return [
    ...checkReferences(fields),
    ...checkOwnFields(fields.formFields),
    ...checkGoals(fields.goals),
    ...checkSchedule(fields),
    ...missingMembers('campaigner', fields.campaigner, ['name']),
    ...missingMembers('image', fields.image, ['url', 'alt']),
  ];
}

function checkReferences({ background, references }: PetitionFields): FieldError[] {
  const numbers = references.map((reference) => reference.number);
  const repeated = numbers.flatMap((number, i) =>
    numbers.indexOf(number) === i
      ? []
      : [
          fieldError(
            `/references/${i}/number`,
            'not_unique',
            `Reference ${number} is listed twice: give it its own number.`,
          ),
        ],
  );
  return [...repeated, ...missingCitations(background, references)];
}

/** What a background cites, and is not there. */
export const missingCitations = (
  background: string | null,
  references: readonly Reference[],
  pointer = '/background',
): FieldError[] =>
  citedNumbers(background ?? '')
    .filter((number) => !references.some((one) => one.number === number))
    .map((number) =>
      fieldError(
        pointer,
        'missing_reference',
        `It cites [^${number}]: add a reference with number ${number}.`,
      ),
    );

function checkGoals(goals: readonly number[]): FieldError[] {
  const wrong = goals.findIndex((goal, i) => i > 0 && goal <= (goals[i - 1] ?? 0));
  return wrong === -1
    ? []
    : [fieldError(`/goals/${wrong}`, 'not_ascending', 'Each goal must be above the one before it.')];
}

function checkSchedule({ opensAt, closesAt }: PetitionFields): FieldError[] {
  if (!opensAt || !closesAt || opensAt < closesAt) return [];
  return [fieldError('/closes_at', 'not_after_opening', 'It must be later than opens_at.')];
}

/** A merge patch can leave an object without required members, which the schema of the patch alone cannot see. */
function missingMembers(name: string, value: object | null, members: readonly string[]): FieldError[] {
  if (value === null) return [];
  return members
    .filter((member) => !(member in value))
    .map((member) => fieldError(`/${name}/${member}`, 'required', `It is required when ${name} is set.`));
}

const fieldError = (pointer: string, code: string, detail: string): FieldError => ({ pointer, code, detail });
