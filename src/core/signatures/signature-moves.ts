import { and, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Signal } from '../../../schema/db/tables/brakes.js';
import type { RequestData } from '../../../schema/db/tables/mail.js';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import type { Tx } from '../../store/store.js';
import { CROWDED, findRoom, isOnlyCrowded } from '../brakes/spellings.js';
import { noteSuspicion } from '../brakes/suspicion.js';
import type { Context } from '../context.js';
import { placedColumns, type Placed } from '../counts/cells.js';
import { beginToCount } from '../counts/counting-once.js';
import { changeCounts } from '../counts/counts.js';
import { stepsOf, type Steps } from '../counts/milestones.js';
import { requireWritten } from '../overtaken.js';
import { isConfirmableAt } from '../petitions/petition-life.js';
import type { ProfileData } from '../supporters/supporters.js';

/* Changes of a signature's status by its signer: confirming and withdrawing. Organisers' are in moderations.ts. */

type SignatureRow = Tables['signatures']['$inferSelect'];

/** The statuses that a confirmation by the mailbox can change without an organiser. */
const CONFIRMABLE: readonly SignatureStatus[] = ['pending', 'withdrawn'];

export type ConfirmedSignature = {
  /** Whether it began to count now. */
  counted: boolean;
  steps: Steps;
  /** The signer's data, which is proven from now on. */
  said: ProfileData;
};

/**
 * Confirms a signature, with the data of the request. A quarantined or invalidated one keeps its status, since that is
 * for organisers to decide; only its mailbox is proven. One spelling too many of a mailbox is quarantined instead of
 * counted. Returns 'too late' if the petition has ended or is gone.
 */
export async function confirmSignature(
  ctx: Context,
  tx: Tx,
  { key, data, identity }: { key: number; data: RequestData | null; identity: string },
): Promise<ConfirmedSignature | 'too late'> {
  const { signatures: t, petitions } = tx.tables;
  const [found] = await tx.db
    .select({ signature: t, petition: petitions })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.key, key));
  if (!found || !isConfirmableAt(found.petition, tx.now)) return 'too late';
  const { signature, petition } = found;
  const steps = stepsOf(petition);
  const words = data ?? signature;
  const said = saidBy(words);
  const place = { petitionKey: petition.key, identity, status: 'confirmed', signatureKey: key } as const;
  const isOpen = CONFIRMABLE.includes(signature.status) || (await isCrowded(tx, signature));
  const room = isOpen ? await findRoom(ctx, tx, place) : undefined;
  const counts = room?.free || (signature.status === 'pending' && (await isReleased(tx, key)));
  if (room && !counts && signature.status !== 'quarantined') {
    await write(tx, signature, {
      ...wordsIn(data),
      status: 'quarantined',
      confirmedAt: tx.now,
      withdrawnAt: null,
    });
    changeCounts(tx, signature, signature.status, 'quarantined');
    await noteSuspicion(tx, key, CROWDED);
    return { counted: false, steps, said };
  }
  if (!room || !counts) {
    // Recorded, so that it counts if an organiser restores the signature.
    await tx.db
      .update(t)
      .set({ confirmedAt: signature.confirmedAt ?? tx.now })
      .where(and(eq(t.key, key), eq(t.status, signature.status)));
    return { counted: false, steps, said };
  }
  await room.take(key);
  const placed = await write(tx, signature, {
    ...wordsIn(data),
    status: 'confirmed',
    confirmedAt: tx.now,
    withdrawnAt: null,
  });
  const counted = { ...signature, ...placed, confirmedAt: tx.now };
  await beginToCount(ctx, tx, [{ counted, from: signature.status, identity }]);
  return { counted: true, steps, said };
}

/** Whether it is quarantined only because its mailbox had too many spellings on the petition. */
const isCrowded = async (tx: Tx, { key, status }: SignatureRow): Promise<boolean> =>
  status === 'quarantined' && isOnlyCrowded(await signalsOf(tx, key));

/** Whether a pending signature was quarantined before, so that an organiser has released it. */
const isReleased = async (tx: Tx, key: number): Promise<boolean> => (await signalsOf(tx, key)) !== undefined;

async function signalsOf(tx: Tx, key: number): Promise<readonly Signal[] | undefined> {
  const { suspicions: t } = tx.tables;
  const [row] = await tx.db.select({ signals: t.signals }).from(t).where(eq(t.signatureKey, key));
  return row?.signals;
}

/** What a request says in place of the signature. Parts of the name that it does not know are those of another name. */
function wordsIn(data: RequestData | null) {
  if (!data) return null;
  const { tap: _tap, ...words } = data;
  return { givenName: null, familyName: null, ...words };
}

const saidBy = ({
  name,
  givenName = null,
  familyName = null,
  country,
  postalCode,
  postalAddress,
  phone,
}: RequestData | SignatureRow): ProfileData => ({
  name,
  givenName,
  familyName,
  country,
  postalCode,
  postalAddress,
  phone,
});

/** Withdraws a signature that never counted; every other stays as it is. */
export async function withdrawUnconfirmed(tx: Tx, key: number): Promise<void> {
  const { signatures: t } = tx.tables;
  const [signature] = await tx.db
    .select()
    .from(t)
    .where(and(eq(t.key, key), inArray(t.status, ['pending', 'quarantined'])));
  if (!signature) return;
  await write(tx, signature, { status: 'withdrawn', withdrawnAt: tx.now });
  changeCounts(tx, signature, signature.status, 'withdrawn');
}

/** Writes a signature's next status, if it still has the one that was read. Returns in which cell it is now. */
async function write(
  tx: Tx,
  before: SignatureRow,
  changes: Partial<SignatureRow> & { status: SignatureStatus },
): Promise<Placed> {
  const { signatures: t } = tx.tables;
  const moved = await tx.db
    .update(t)
    .set(changes)
    .where(and(eq(t.key, before.key), eq(t.status, before.status)))
    .returning(placedColumns(t));
  return requireWritten(moved);
}
