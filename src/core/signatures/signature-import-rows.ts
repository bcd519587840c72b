import { type Tx } from '../../store/store.js';
import { CROWDED, type Room } from '../brakes/spellings.js';
import { LISTED, noteSuspicions } from '../brakes/suspicion.js';
import { insertMany } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { beginToCount, type Beginning } from '../counts/counting-once.js';
import { changeCounts } from '../counts/counts.js';
import type { Collected, Collector } from './collected-signature.js';
import type { Placed } from './signature-import-people.js';
import { rowOf, SIGNATURE_COLUMNS, type NewSignature } from './signature-rows.js';

/* Writes imported signatures: inserts the ones that do not exist yet, and counts them. */

const insertSignatures = insertMany(
  'import_signatures',
  [...SIGNATURE_COLUMNS, 'hidden', 'importKey'],
  ({ signatures }) => signatures,
  ({ db, tables: { signatures: t } }, rows) =>
    db.insert(t).values(rows).onConflictDoNothing().returning({ key: t.key, supporterKey: t.supporterKey }),
);

type NewCollected = NewSignature & { hidden: number; importKey: number };

/** What keeps some of them from counting. */
export type Limits = {
  /** Rows beyond what may be vouched for in a day. */
  held: ReadonlySet<Collected>;
  /** Rows with a listed word. */
  listed: ReadonlyMap<Collected, unknown>;
  /** By supporter, for mailboxes with many spellings. */
  rooms: ReadonlyMap<number, Room>;
};

/** Inserts and counts the signatures that do not exist yet. Returns the supporters of the new ones. */
export async function writeCollected(
  ctx: Context,
  tx: Tx,
  petitionKey: number,
  collector: Collector,
  placed: readonly Placed[],
  limits: Limits,
): Promise<Set<number>> {
  const rows = placed.map((one) => rowOfCollected(tx, petitionKey, collector, one, limits));
  const inserted = await insertRows(tx, rows, collector.hidesNewness);
  const beginnings: Beginning[] = [];
  const [beyond, listed, crowded]: [number[], number[], number[]] = [[], [], []];
  for (const [i, { row, supporterKey }] of placed.entries()) {
    const key = inserted.get(supporterKey);
    if (key === undefined) continue;
    const written = rows[i] as NewCollected;
    if (written.status === 'confirmed') {
      beginnings.push({ counted: written, from: null, identity: row.email.identity });
      await limits.rooms.get(supporterKey)?.take(key);
    } else {
      changeCounts(tx, written, null, 'quarantined');
      (limits.held.has(row) ? beyond : limits.listed.has(row) ? listed : crowded).push(key);
    }
  }
  await beginToCount(ctx, tx, beginnings);
  await noteSuspicions(tx, beyond, collector.allowance.beyond);
  await noteSuspicions(tx, listed, LISTED);
  await noteSuspicions(tx, crowded, CROWDED);
  return new Set(inserted.keys());
}

function rowOfCollected(
  tx: Tx,
  petitionKey: number,
  { collectorKey, apiKeyKey, importKey, source }: Collector,
  { row, supporterKey }: Placed,
  { held, listed, rooms }: Limits,
): NewCollected {
  const { input, ids } = row;
  const isFree = !held.has(row) && !listed.has(row) && rooms.get(supporterKey)?.free !== false;
  const createdAt = input.createdAt ?? tx.now;
  const made = rowOf(
    input,
    { publicId: ids.signature, petitionKey, supporterKey, status: isFree ? 'confirmed' : 'quarantined' },
    { collectorKey, apiKeyKey, mailingKey: null, mailingVariantKey: null, shareLinkKey: null },
    { createdAt, confirmedAt: input.confirmedAt ?? createdAt },
  );
  made.source ??= source;
  // Not a copy of the row, which would cost more than making it.
  return Object.assign(made, { hidden: input.hidden ? 1 : 0, importKey });
}

/**
 * Returns the keys of new signatures by supporter. `hidesNewness`: a row whose external id is taken is inserted without it,
 * since an error would reveal that the signer is new.
 */
async function insertRows(
  tx: Tx,
  rows: readonly NewCollected[],
  hidesNewness: boolean,
): Promise<Map<number, number>> {
  const found = await insertSignatures(tx, rows);
  if (hidesNewness) {
    const stored = new Set(found.map(({ supporterKey }) => supporterKey));
    const refused = rows.filter((row) => row.externalId !== null && !stored.has(row.supporterKey));
    found.push(
      ...(await insertSignatures(
        tx,
        refused.map((row) => ({ ...row, externalId: null })),
      )),
    );
  }
  return new Map(found.map(({ supporterKey, key }) => [supporterKey as number, key]));
}
