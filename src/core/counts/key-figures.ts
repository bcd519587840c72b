import { and, eq, isNotNull, isNull, lt, notExists, sql } from 'drizzle-orm';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { bind, bindAll, statement, type Sum, type Tx } from '../../store/store.js';
import type { Counted } from './counts.js';
import { noteAsked } from '../brakes/key-networks.js';

/*
 * Of what came through each key: how many mailboxes were asked, and how many of them said yes. Both by when it happened:
 * asked is who was mailed, so that a mail server that is away says nothing about a key.
 */

export const SLOT_MS = 600_000;

export const slotOf = (instant: Date | number): number => Math.floor(Number(instant) / SLOT_MS);

const addToFigures = statement('key_figures_add', ({ db, tables: { keyFigures: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['apiKeyKey', 'petitionKey', 'slot', 'shard', 'asked', 'confirmed']))
    .onConflictDoUpdate({
      target: [t.apiKeyKey, t.petitionKey, t.slot, t.shard],
      set: {
        asked: sql`${t.asked} + excluded.asked`,
        confirmed: sql`${t.confirmed} + excluded.confirmed`,
      },
    }),
);

const FIGURES: Sum = { write: (tx, values) => addToFigures(tx, { asked: 0, confirmed: 0, ...values }) };

/** Notes that a mailbox has said yes. */
export function countAnswer(
  tx: Tx,
  { apiKeyKey, petitionKey }: Counted,
  from: SignatureStatus | null,
  to: SignatureStatus,
): void {
  if (apiKeyKey === null || from !== 'pending' || to !== 'confirmed') return;
  tx.add(FIGURES, { apiKeyKey, petitionKey, slot: slotOf(tx.now), shard: tx.shard }, { confirmed: 1 });
}

/** The signature that waits for a mailbox which a mail was the first to ask, if it came through a key. */
const findAsked = statement('key_figures_asked', ({ db, tables }: Tx) => {
  const { confirmationRequests: t, signatures, outbox } = tables;
  const earlier = db
    .select({ key: outbox.key })
    .from(outbox)
    .where(
      and(
        eq(outbox.supporterKey, t.supporterKey),
        eq(outbox.requestKey, t.key),
        lt(outbox.key, bind(outbox.key, 'mailKey')),
        eq(outbox.state, 'sent'),
      ),
    );
  return db
    .select({
      key: signatures.key,
      apiKeyKey: signatures.apiKeyKey,
      petitionKey: signatures.petitionKey,
    })
    .from(t)
    .innerJoin(signatures, eq(signatures.key, t.signatureKey))
    .where(
      and(
        eq(t.key, bind(t.key, 'requestKey')),
        // Only the request that made the signature: who repeats it may have come another way.
        isNull(t.data),
        isNotNull(signatures.apiKeyKey),
        // What counts already, or is set apart, will never be counted as a yes.
        eq(signatures.status, 'pending'),
        notExists(earlier),
      ),
    );
});

/** Notes that the mail which asks for a new signature has left. */
export async function countAsked(tx: Tx, mail: { key: number; requestKey: number }): Promise<void> {
  const [place] = await findAsked(tx, { mailKey: mail.key, requestKey: mail.requestKey });
  if (place?.apiKeyKey == null) return;
  await noteAsked(tx, place.key);
  const { apiKeyKey, petitionKey } = place;
  tx.add(FIGURES, { apiKeyKey, petitionKey, slot: slotOf(tx.now), shard: tx.shard }, { asked: 1 });
}
