import { and, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { FieldError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import { findRoom, mayBeCrowded, type Room } from '../brakes/spellings.js';
import { fieldWith, listedWordsOf } from '../brakes/word-lists.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { clusterOf } from '../email.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { noteContacts } from '../supporters/contacts.js';
import type { Collected, Collector } from './collected-signature.js';
import { markImported } from './imports.js';
import { erasedAmong, supportersOf, type Placed } from './signature-import-people.js';
import { writeCollected } from './signature-import-rows.js';
import { fitted } from './signature-import-rules.js';
import { confirmSignature } from './signature-moves.js';

/*
 * Stores imported signatures, many per transaction: the same rules as for signing with `vouched`, in a few statements.
 */

/**
 * What became of a row:
 * - `created`: new, and counts; `confirmed`: it was pending, and counts now;
 * - `quarantined`: new, but with a listed word, or one spelling too many of its mailbox;
 * - `held`: new, but beyond what the partner may vouch for in a day, so quarantined for the lead;
 * - `already_signed`: it existed before;
 * - `left_out`: its signer has withdrawn or was erased;
 * - errors: it was refused.
 */
export type Outcome =
  'created' | 'quarantined' | 'held' | 'confirmed' | 'already_signed' | 'left_out' | FieldError[];

type Signature = Pick<Tables['signatures']['$inferSelect'], 'key' | 'status'>;

/** What became of rows, in their order, and what had to be left out of them. */
export type Taken = { outcomes: Outcome[]; warnings: ReadonlyMap<number, readonly FieldError[]> };

/**
 * Stores the rows and returns what became of each. Of several rows with the same identity, the first valid one is
 * stored, and the later ones get the outcome that they would have had if they came after it.
 */
export async function takeOver(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  collector: Collector,
  rows: readonly Collected[],
): Promise<Taken> {
  const outcomes = new Map<Collected, Outcome>();
  const warnings = new Map<number, readonly FieldError[]>();
  const fitting = rows.map((row, i) => {
    const fit = fitted(tx, petition, row.input);
    if (fit) warnings.set(i, fit.warnings);
    return fit ? { ...row, input: fit.input } : row;
  });
  const erased = await erasedAmong(ctx, tx, fitting);
  const listed = await listedAmong(ctx, tx, petition, fitting);
  // The list is the lead's: a partner is not told what is in it.
  if (collector.collectorKey === petition.organizationKey) {
    fitting.forEach((row, i) => {
      const field = listed.get(row);
      if (field) warnings.set(i, [...(warnings.get(i) ?? []), { ...LISTED_WORD, pointer: `/${field}` }]);
    });
  }
  for (let waiting = fitting; waiting.length > 0;) {
    const firsts = new Map<string, Collected>();
    const repeats: Collected[] = [];
    for (const row of waiting) {
      const { identity } = row.email;
      if (firsts.has(identity)) repeats.push(row);
      else if (erased.has(row)) outcomes.set(row, 'left_out');
      else firsts.set(identity, row);
    }
    await takeEach(ctx, tx, petition, collector, [...firsts.values()], listed, outcomes);
    // After a refused row, the next row of the same person is tried as if it were the first.
    waiting = repeats.filter((row) => {
      const first = firsts.get(row.email.identity);
      const repeated = first && outcomeOfRepeat(first, outcomes.get(first), row);
      if (repeated) outcomes.set(row, repeated);
      return !repeated;
    });
  }
  return { outcomes: fitting.map((row) => outcomes.get(row) ?? 'left_out'), warnings };
}

/** The outcome of a row after another row of the same person; undefined: the other row's outcome does not decide it. */
function outcomeOfRepeat(
  first: Collected,
  earlier: Outcome | undefined,
  row: Collected,
): Outcome | undefined {
  if (Array.isArray(earlier)) return first.input.externalId === row.input.externalId ? earlier : undefined;
  return earlier === 'left_out' ? earlier : 'already_signed';
}

/** Stores rows, no two of which may have the same identity. */
async function takeEach(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  collector: Collector,
  rows: readonly Collected[],
  listed: Listed,
  outcomes: Map<Collected, Outcome>,
): Promise<void> {
  // Sorted, so that two imports on PostgreSQL cannot deadlock, and that neighbours in the index are written together.
  const sorted = rows.toSorted((a, b) => (a.email.identity < b.email.identity ? -1 : 1));
  const placed = await supportersOf(tx, sorted);
  const people = placed.map(({ row, supporterKey }) => ({ supporterKey, said: row.input }));
  await noteContacts(tx, collector.collectorKey, people);
  const held = await beyondAllowance(tx, petition, collector, rows, listed, placed);
  const allowed = placed.filter(({ row }) => !held.has(row) && !listed.has(row));
  const rooms = await roomsOf(ctx, tx, petition.key, allowed);
  const inserted = await writeCollected(ctx, tx, petition.key, collector, placed, { held, listed, rooms });
  for (const { row, supporterKey } of placed) {
    if (!inserted.has(supporterKey)) continue;
    const waits = listed.has(row) || rooms.get(supporterKey)?.free === false;
    outcomes.set(row, held.has(row) ? 'held' : waits ? 'quarantined' : 'created');
    if (!held.has(row) && !waits) collector.allowance.left -= 1;
  }
  const others = placed.filter(({ supporterKey }) => !inserted.has(supporterKey));
  const known = await signaturesOf(tx, petition.key, others);
  const confirmed: number[] = [];
  for (const { row, supporterKey } of others) {
    const before = known.get(supporterKey);
    const outcome = await outcomeOfEarlier(ctx, tx, before, row, !held.has(row));
    outcomes.set(row, outcome);
    if (outcome === 'confirmed' && before) confirmed.push(before.key);
  }
  await markImported(tx, confirmed, collector.importKey);
  collector.allowance.left -= confirmed.length;
}

/** The rows with a word of the lead's list, and the field that holds it. */
type Listed = ReadonlyMap<Collected, 'name' | 'comment'>;

async function listedAmong(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  rows: readonly Collected[],
): Promise<Listed> {
  const listed = new Map<Collected, 'name' | 'comment'>();
  const list = await listedWordsOf(ctx, tx, petition);
  if (!list) return listed;
  for (const row of rows) {
    const field = fieldWith(list, row.input);
    if (field) listed.set(row, field);
  }
  return listed;
}

/** The rows, in the order of the file, that would begin to count but exceed the allowance. */
async function beyondAllowance(
  tx: Tx,
  petition: PetitionHead,
  { allowance: { left } }: Collector,
  rows: readonly Collected[],
  listed: Listed,
  placed: readonly Placed[],
): Promise<Set<Collected>> {
  // The common case: nothing needs to be read.
  if (rows.length <= left) return new Set();
  const known = await signaturesOf(tx, petition.key, placed);
  const keys = new Map(placed.map(({ row, supporterKey }) => [row, supporterKey]));
  const counting = rows.filter((row) => {
    const status = known.get(keys.get(row) ?? 0)?.status;
    return status === undefined ? !listed.has(row) : status === 'pending';
  });
  return new Set(counting.slice(left));
}

/**
 * The room for signers with one of many spellings of a mailbox, by supporter. Vouching proves a mailbox, not that two
 * spellings are two people. Supporters who have signed before need no room.
 */
async function roomsOf(
  ctx: Context,
  tx: Tx,
  petitionKey: number,
  placed: readonly Placed[],
): Promise<Map<number, Room>> {
  const identities = placed.map(({ row: { email } }) => email.identity);
  const crowded = await mayBeCrowded(ctx, tx, petitionKey, identities);
  const rooms = new Map<number, Room>();
  if (crowded.size === 0) return rooms;
  const some = placed.filter(({ row: { email } }) => crowded.has(email.identity));
  const known = await signaturesOf(tx, petitionKey, some);
  const given = new Map<string, number>();
  for (const { supporterKey, row } of some.filter((one) => !known.has(one.supporterKey))) {
    const { identity } = row.email;
    const cluster = clusterOf(identity);
    const before = given.get(cluster) ?? 0;
    const room = await findRoom(ctx, tx, { petitionKey, identity, status: 'confirmed' }, before);
    rooms.set(supporterKey, room);
    if (room.free) given.set(cluster, before + 1);
  }
  return rooms;
}

/** The signatures that these people have on the petition, by supporter. */
async function signaturesOf(
  { db, tables: { signatures: t } }: Tx,
  petitionKey: number,
  placed: readonly Placed[],
): Promise<Map<number, Signature>> {
  const found = new Map<number, Signature>();
  for (const some of inParts(placed)) {
    const keys = some.map(({ supporterKey }) => supporterKey);
    const rows = await db
      .select({ key: t.key, supporterKey: t.supporterKey, status: t.status })
      .from(t)
      .where(and(eq(t.petitionKey, petitionKey), inArray(t.supporterKey, keys)));
    for (const { supporterKey, ...signature } of rows) found.set(supporterKey as number, signature);
  }
  return found;
}

/** The outcome for a supporter who has signed before: a pending signature counts now, every other stays as it is. */
async function outcomeOfEarlier(
  ctx: Context,
  tx: Tx,
  before: Signature | undefined,
  { email: { identity } }: Collected,
  mayCount: boolean,
): Promise<Outcome> {
  // The insert was refused although the supporter has no signature, so the reason was the external id.
  if (!before) return [EXTERNAL_ID_TAKEN];
  if (before.status === 'withdrawn') return 'left_out';
  if (before.status !== 'pending' && before.status !== 'quarantined') return 'already_signed';
  if (!mayCount) return 'already_signed';
  const confirmed = await confirmSignature(ctx, tx, { key: before.key, data: null, identity });
  return confirmed !== 'too late' && confirmed.counted ? 'confirmed' : 'already_signed';
}

const LISTED_WORD: FieldError = {
  pointer: '/name',
  code: 'listed_word',
  detail: 'It has a word of your list: if it is new, it is quarantined until you release it.',
};

const EXTERNAL_ID_TAKEN: FieldError = {
  pointer: '/external_id',
  code: 'external_id_taken',
  detail: 'Another signature of this petition has it: give each its own.',
};
