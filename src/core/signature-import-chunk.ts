import { and, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../schema/db/tables.js';
import { ApiError, type FieldError } from '../errors.js';
import type { Tx } from '../store/store.js';
import { insertMany } from './bulk-insert.js';
import type { Context } from './context.js';
import { noteContacts } from './contacts.js';
import { changeCounts } from './counts.js';
import type { EmailAddress } from './email.js';
import type { PetitionGate } from './petition-lookup.js';
import { confirmSignature } from './signature-moves.js';
import { assertForm, type SignInput } from './signing.js';
import { forgottenAmong, inParts, supportersOf, type Placed } from './signature-import-people.js';
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
export type Collector = {
  collectorKey: number;
  apiKeyKey: number | null;
  source: string | null;
  /** Something is hidden from them: they do not hear whether an external id, or with it a signer, is new. */
  quiet: boolean;
};

/**
 * What became of a row: it counts now, because it is new or had waited; it was there before; it was left out, since its
 * signer has taken it back or was erased; or it was refused, and why.
 */
export type Outcome = 'created' | 'confirmed' | 'already_signed' | 'left_out' | FieldError[];

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
  const people = placed.map(({ row, supporterKey }) => ({ supporterKey, said: row.input }));
  await noteContacts(tx, collector.collectorKey, people);
  const inserted = await insertAll(tx, petition, collector, placed);
  for (const row of placed.filter(({ supporterKey }) => inserted.has(supporterKey))) {
    outcomes.set(row.row, 'created');
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
  { collectorKey, apiKeyKey, source, quiet }: Collector,
  placed: readonly Placed[],
): Promise<Set<number>> {
  const rows = placed.map(({ row: { input, ids }, supporterKey }) => {
    const createdAt = input.createdAt ?? tx.now;
    return {
      publicId: ids.signature,
      petitionKey: petition.key,
      supporterKey,
      status: 'confirmed',
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
  const inserted = new Set(found.map(({ supporterKey }) => supporterKey as number));
  if (quiet) {
    const isRefused = ({ supporterKey, externalId }: (typeof rows)[number]) =>
      externalId !== null && !inserted.has(supporterKey);
    const unnamed = rows.filter(isRefused).map((row) => ({ ...row, externalId: null }));
    for (const { supporterKey } of await insertSignatures(tx, unnamed)) inserted.add(supporterKey as number);
  }
  const counted = { petitionKey: petition.key, collectorKey, apiKeyKey, shareLinkKey: null };
  for (const { supporterKey, createdAt, confirmedAt } of rows) {
    if (inserted.has(supporterKey)) {
      changeCounts(tx, { ...counted, createdAt, confirmedAt }, null, 'confirmed');
    }
  }
  return inserted;
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
