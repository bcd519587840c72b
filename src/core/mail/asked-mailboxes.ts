import { and, eq, isNotNull, isNull, lt, notExists } from 'drizzle-orm';
import { bind, statement, type Tx } from '../../store/store.js';
import { noteAsked } from '../brakes/key-networks.js';
import { addToKeyFigures } from '../counts/key-figures.js';

/* Counts the mailboxes that were asked to confirm signatures of an API key, which is how the key breaker judges it. */

/** The pending signature that a mail was the first to ask about, if it came through an API key. */
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
        // Only the request that created the signature: a repeat may have come through another key.
        isNull(t.data),
        isNotNull(signatures.apiKeyKey),
        // A signature that already counts or is quarantined can no longer add a confirmation to the key's figures.
        eq(signatures.status, 'pending'),
        notExists(earlier),
      ),
    );
});

/** Counts a mailbox as asked; call it when its mail has been sent. */
export async function countAsked(tx: Tx, mail: { key: number; requestKey: number }): Promise<void> {
  const [place] = await findAsked(tx, { mailKey: mail.key, requestKey: mail.requestKey });
  if (place?.apiKeyKey == null) return;
  await noteAsked(tx, place.key);
  addToKeyFigures(tx, place.apiKeyKey, place.petitionKey, { asked: 1 });
}
