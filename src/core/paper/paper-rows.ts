import { and, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { PostalAddress } from '../../../schema/db/tables/supporters.js';
import type { FieldError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { inParts, insertMany } from '../bulk-insert.js';
import { countPaper } from '../counts/other-counts.js';
import { foldWords } from '../petitions/search-words.js';
import { addToBatch } from './paper-batches.js';

/*
 * Enters signatures from paper. Their signers have no mailbox here that could be asked, so nothing tells two people of
 * one name apart: only an external id is never entered twice. Who looks like somebody else is entered, and told of.
 */

export type PaperInput = {
  name: string;
  givenName?: string | null;
  familyName?: string | null;
  country?: string | null;
  postalCode?: string | null;
  postalAddress?: PostalAddress | null;
  phone?: string | null;
  comment?: string | null;
  display?: Tables['signatures']['$inferSelect']['display'];
  hidden?: boolean;
  sheet?: string | null;
  /** `YYYY-MM-DD`. */
  signedOn?: string | null;
  externalId?: string | null;
};

/** One signature to be entered. `place`: where it stands, in words, such as “line 12”. */
export type PaperRow = { publicId: string; input: PaperInput; place: string };

/** `known`: its external id has been entered before. `refused`: beyond what the partner may vouch for. */
export type PaperOutcome = 'created' | 'known' | 'refused';

export type Entered = { outcome: PaperOutcome; warnings: FieldError[] };

/** Where rows are entered, and by whom. */
export type PaperPlace = {
  petitionKey: number;
  organizationKey: number;
  batchKey: number;
  /** How many may be entered. */
  left: number;
  /** Whether all paper signatures of the petition may be compared with, or those of the organization alone. */
  seesAll: boolean;
};

/**
 * Where people and external ids were first named in one file, or one request. Bounded. A transaction that runs again asks
 * for the same places again.
 */
export class PaperMemory {
  readonly #people = new Map<string, string>();
  readonly #ids = new Map<string, string>();

  /** Where the same person was named before this place; undefined: nowhere. */
  person = (person: string, place: string) => earlier(this.#people, person, place);

  /** Where the same external id was given before this place; undefined: nowhere. */
  externalId = (id: string, place: string) => earlier(this.#ids, id, place);
}

function earlier(known: Map<string, string>, what: string, place: string): string | undefined {
  const first = known.get(what);
  if (first === undefined && known.size < MOST_REMEMBERED) known.set(what, place);
  return first === place ? undefined : first;
}

const MOST_REMEMBERED = 2_000_000;

/** Makes two spellings of one name, or of one postal code, the same; null: not enough is known to compare. */
export function personOf({ name, postalCode }: Pick<PaperInput, 'name' | 'postalCode'>): string | null {
  const [words, code] = [foldWords(name).sort().join(' '), foldWords(postalCode ?? '').join('')];
  return words === '' || code === '' ? null : `${words}\n${code}`;
}

const insertPaper = insertMany(
  'paper_insert',
  [
    'publicId',
    'petitionKey',
    'organizationKey',
    'batchKey',
    'status',
    'name',
    'givenName',
    'familyName',
    'country',
    'postalCode',
    'postalAddress',
    'phone',
    'comment',
    'display',
    'hidden',
    'sheet',
    'signedOn',
    'externalId',
    'person',
    'createdAt',
  ],
  ({ paperSignatures }) => paperSignatures,
  ({ db, tables: { paperSignatures: t } }, rows) =>
    db.insert(t).values(rows).onConflictDoNothing().returning({ publicId: t.publicId }),
);

/** Enters and counts them. Returns what has become of each. Throws `paper_batch_not_found`. */
export async function enterRows(
  tx: Tx,
  place: PaperPlace,
  rows: readonly PaperRow[],
  memory: PaperMemory,
): Promise<Entered[]> {
  await addToBatch(tx, place.batchKey, 0);
  const taken = await knownIds(tx, place, rows);
  let { left } = place;
  const entered = rows.map(({ input: { externalId }, place: named }): Entered => {
    const isKnown =
      externalId != null && (taken.has(externalId) || memory.externalId(externalId, named) !== undefined);
    if (isKnown) return { outcome: 'known', warnings: [] };
    return { outcome: (left -= 1) < 0 ? 'refused' : 'created', warnings: [] };
  });
  const added = rows.flatMap((row, i) => (entered[i]?.outcome === 'created' ? [{ row, i }] : []));
  const people = added.map(({ row }) => personOf(row.input));
  const before = await knownPeople(tx, place, people);
  const values = added.map(({ row: { publicId, input, place: named }, i }, at) => {
    const { warnings } = entered[i] as Entered;
    const person = people[at] ?? null;
    const same = person === null ? undefined : (memory.person(person, named) ?? before.get(person));
    if (same !== undefined) warnings.push(looksLike(same));
    return rowOf(tx, place, { publicId, person, input: dated(input, tx.now, warnings) });
  });
  const written = new Set((await insertPaper(tx, values)).map(({ publicId }) => publicId));
  for (const { row, i } of added) {
    // On PostgreSQL another transaction may have entered the same external id since it was looked for.
    if (!written.has(row.publicId)) entered[i] = { outcome: 'known', warnings: [] };
  }
  await addToBatch(tx, place.batchKey, written.size);
  countPaper(tx, place, written.size);
  return entered;
}

const looksLike = (same: string): FieldError => ({
  pointer: '/name',
  code: 'possible_duplicate',
  detail: `The same name and postal code as ${same}. It is counted: remove one of them if they are the same person.`,
});

/** Leaves out a date that cannot be. The day begins up to 14 hours earlier elsewhere. */
function dated(input: PaperInput, today: Date, warnings: FieldError[]): PaperInput {
  const latest = new Date(today.getTime() + 14 * 3_600_000).toISOString().slice(0, 10);
  if (input.signedOn == null || input.signedOn <= latest) return input;
  const detail = 'It lies in the future: send the day on which it was signed.';
  warnings.push({ pointer: '/signed_on', code: 'future', detail });
  return { ...input, signedOn: null };
}

const rowOf = (
  { now }: Tx,
  { petitionKey, organizationKey, batchKey }: PaperPlace,
  { publicId, person, input }: { publicId: string; person: string | null; input: PaperInput },
) => ({
  publicId,
  petitionKey,
  organizationKey,
  batchKey,
  status: 'confirmed',
  name: input.name,
  givenName: input.givenName ?? null,
  familyName: input.familyName ?? null,
  country: input.country ?? null,
  postalCode: input.postalCode ?? null,
  postalAddress: input.postalAddress ?? null,
  phone: input.phone ?? null,
  comment: input.comment ?? null,
  display: input.display ?? 'anonymous',
  hidden: input.hidden ? 1 : 0,
  sheet: input.sheet ?? null,
  signedOn: input.signedOn ?? null,
  externalId: input.externalId ?? null,
  person,
  createdAt: now,
});

async function knownIds(
  { db, tables: { paperSignatures: t } }: Reader,
  { petitionKey, organizationKey }: PaperPlace,
  rows: readonly PaperRow[],
): Promise<Set<string>> {
  const known = new Set<string>();
  for (const some of inParts(rows.flatMap(({ input }) => input.externalId ?? []))) {
    const found = await db
      .select({ externalId: t.externalId })
      .from(t)
      .where(
        and(
          eq(t.petitionKey, petitionKey),
          eq(t.organizationKey, organizationKey),
          inArray(t.externalId, [...some]),
        ),
      );
    for (const { externalId } of found) known.add(externalId ?? '');
  }
  return known;
}

/** Those who are named in what was entered before, with where. An organization hears nothing of the paper of others. */
async function knownPeople(
  { db, tables: { paperSignatures: t } }: Reader,
  { petitionKey, organizationKey, seesAll }: PaperPlace,
  people: readonly (string | null)[],
): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (const some of inParts([...new Set(people.flatMap((person) => person ?? []))])) {
    const found = await db
      .selectDistinct({ person: t.person })
      .from(t)
      .where(
        and(
          eq(t.petitionKey, petitionKey),
          inArray(t.person, [...some]),
          eq(t.status, 'confirmed'),
          seesAll ? undefined : eq(t.organizationKey, organizationKey),
        ),
      );
    for (const { person } of found) known.set(person ?? '', 'a paper signature that was entered before');
  }
  return known;
}
