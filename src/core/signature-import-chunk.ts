import { and, eq, inArray } from 'drizzle-orm';
import type { SignatureStatus, Tables } from '../../schema/db/tables.js';
import { ApiError, type FieldError } from '../errors.js';
import type { Tx } from '../store/store.js';
import { insertMany } from './bulk-insert.js';
import type { Context } from './context.js';
import { changeCounts } from './counts.js';
import { clusterOf, type EmailAddress } from './email.js';
import type { PetitionGate } from './petition-lookup.js';
import { confirmSignature } from './signature-moves.js';
import { assertForm, type SignInput } from './signing.js';
import { forgottenAmong, inParts, supportersOf, type Placed } from './signature-import-people.js';
import { CROWDED, findRoom, mayBeCrowded, type Room } from './spellings.js';
import { noteSuspicion } from './suspicion.js';
import { supersedeTombstone } from './tombstones.js';

/*
 * Signatures that were collected elsewhere, many in one transaction: the same rules as for signing with `vouched`, in few
 * statements for all of them.
 */

/** A signature as it was collected elsewhere. */
export type CollectedSignature = SignInput & {
  hidden?: boolean;
  /** When it was signed; now if absent. */
  createdAt?: Date | null;
  /** When it began to count; when it was signed if absent. */
  confirmedAt?: Date | null;
};

export type Collected = {
  input: CollectedSignature;
  email: EmailAddress;
  ids: { supporter: string; signature: string };
};

/** Who brings them: noted at each signature. */
export type Collector = { collectorKey: number; apiKeyKey: number | null; source: string | null };

/**
 * What became of a row: it counts now, because it is new or had waited; it is new and quarantined, as one spelling too many
 * of a mailbox; it was there before; it was left out, since its signer has taken it back or was erased; or it was refused,
 * and why.
 */
export type Outcome = 'created' | 'quarantined' | 'confirmed' | 'already_signed' | 'left_out' | FieldError[];

const SIGNATURE = [
  'publicId',
  'petitionKey',
  'supporterKey',
  'status',
  'display',
  'hidden',
  'name',
  'country',
  'postalCode',
  'postalAddress',
  'phone',
  'comment',
  'source',
  'utm',
  'collectorKey',
  'apiKeyKey',
  'externalId',
  'createdAt',
  'confirmedAt',
] as const;

const insertSignatures = insertMany(
  'import_signatures',
  SIGNATURE,
  ({ signatures }) => signatures,
  ({ db, tables: { signatures: t } }, rows) =>
    db.insert(t).values(rows).onConflictDoNothing().returning({ key: t.key, supporterKey: t.supporterKey }),
);

/** Hours are counted from there. */
const EARLIEST = new Date(0);

type Signature = Pick<Tables['signatures']['$inferSelect'], 'key' | 'status'>;

/** Takes over the rows, of which no two may have one identity. Answers what became of each. */
export async function takeOver(
  ctx: Context,
  tx: Tx,
  petition: PetitionGate,
  collector: Collector,
  rows: readonly Collected[],
): Promise<Outcome[]> {
  const outcomes = new Map<Collected, Outcome>();
  const fitting = rows.filter((row) => {
    const errors = errorsOf(tx, petition, row);
    if (errors) outcomes.set(row, errors);
    return !errors;
  });
  // In one order: so two imports on PostgreSQL do not wait for each other, and neighbours in the index come together.
  fitting.sort((a, b) => (a.email.identity < b.email.identity ? -1 : 1));
  const forgotten = await forgottenAmong(ctx, tx, fitting);
  for (const row of forgotten.earlier) outcomes.set(row, 'left_out');
  const placed = await supportersOf(
    tx,
    fitting.filter((row) => !forgotten.earlier.has(row)),
  );
  const rooms = await roomsOf(ctx, tx, petition.key, placed);
  const inserted = await insertAll(tx, petition, collector, placed, rooms);
  for (const row of placed.filter(({ supporterKey }) => inserted.has(supporterKey))) {
    const isCrowded = rooms.get(row.supporterKey)?.free === false;
    outcomes.set(row.row, isCrowded ? 'quarantined' : 'created');
    if (isCrowded) continue;
    if (forgotten.later.has(row.row)) {
      await supersedeTombstone(ctx, tx, petition.key, row.row.email.identity);
    }
  }
  const others = placed.filter(({ supporterKey }) => !inserted.has(supporterKey));
  const known = await signaturesOf(tx, petition.key, others);
  for (const { row, supporterKey } of others) {
    outcomes.set(row, await meet(ctx, tx, known.get(supporterKey), row));
  }
  return rows.map((row) => outcomes.get(row) ?? 'left_out');
}

/** What speaks against a row before anything is read of its signer. */
function errorsOf(tx: Tx, petition: PetitionGate, { input }: Collected): FieldError[] | undefined {
  const { createdAt, confirmedAt } = input;
  const wrong = (pointer: string, code: string, detail: string) => [{ pointer, code, detail }];
  for (const [pointer, at] of [
    ['/created_at', createdAt],
    ['/confirmed_at', confirmedAt],
  ] as const) {
    if (at && at > tx.now) return wrong(pointer, 'future', 'It lies in the future: send when it was signed.');
    if (at && at < EARLIEST) return wrong(pointer, 'past', 'It lies before 1970: send when it was signed.');
  }
  if (confirmedAt && confirmedAt < (createdAt ?? tx.now)) {
    return wrong('/confirmed_at', 'order', 'It lies before created_at: nothing counts before it is signed.');
  }
  try {
    assertForm(petition, input);
  } catch (error) {
    if (error instanceof ApiError) return error.details.errors ?? [];
    throw error;
  }
  return undefined;
}

/** Writes the signatures that are not there yet, and counts them. Answers the keys of those who have signed by that. */
async function insertAll(
  tx: Tx,
  petition: PetitionGate,
  { collectorKey, apiKeyKey, source }: Collector,
  placed: readonly Placed[],
  rooms: ReadonlyMap<number, Room>,
): Promise<Set<number>> {
  const rows = placed.map(({ row: { input, ids }, supporterKey }) => {
    const createdAt = input.createdAt ?? tx.now;
    const status: SignatureStatus = rooms.get(supporterKey)?.free === false ? 'quarantined' : 'confirmed';
    return {
      publicId: ids.signature,
      petitionKey: petition.key,
      supporterKey,
      status,
      display: input.display ?? 'anonymous',
      hidden: input.hidden ? 1 : 0,
      name: input.name,
      country: input.country ?? null,
      postalCode: input.postalCode ?? null,
      postalAddress: input.postalAddress ?? null,
      phone: input.phone ?? null,
      comment: input.comment ?? null,
      source: input.source ?? source,
      utm: input.utm ?? null,
      collectorKey,
      apiKeyKey,
      externalId: input.externalId ?? null,
      createdAt,
      confirmedAt: input.confirmedAt ?? createdAt,
    };
  });
  const found = await insertSignatures(tx, rows);
  const inserted = new Map(found.map(({ supporterKey, key }) => [supporterKey as number, key]));
  const counted = { petitionKey: petition.key, collectorKey, apiKeyKey, shareLinkKey: null };
  for (const { supporterKey, status, createdAt, confirmedAt } of rows) {
    const key = inserted.get(supporterKey);
    if (key === undefined) continue;
    changeCounts(tx, { ...counted, createdAt, confirmedAt }, null, status);
    if (status === 'quarantined') await noteSuspicion(tx, key, CROWDED);
    else await rooms.get(supporterKey)?.take(key);
  }
  return new Set(inserted.keys());
}

/**
 * The room for those who come under one of many spellings of their mailbox, by supporter: vouching says that a mailbox is
 * proven, not that two of them are two people. Whoever has signed before takes none.
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

/** Somebody has signed before: what had waited for the mailbox counts now, all else stays as it is. */
async function meet(
  ctx: Context,
  tx: Tx,
  before: Signature | undefined,
  { email: { identity } }: Collected,
): Promise<Outcome> {
  // The row was refused, and not for its signer: so for its external id.
  if (!before) return [EXTERNAL_ID_TAKEN];
  if (before.status === 'withdrawn') return 'left_out';
  if (before.status !== 'pending' && before.status !== 'quarantined') return 'already_signed';
  const confirmed = await confirmSignature(ctx, tx, { key: before.key, data: null, identity });
  return confirmed !== 'too late' && confirmed.counted ? 'confirmed' : 'already_signed';
}

const EXTERNAL_ID_TAKEN: FieldError = {
  pointer: '/external_id',
  code: 'external_id_taken',
  detail: 'Another signature of this petition has it: give each its own.',
};
