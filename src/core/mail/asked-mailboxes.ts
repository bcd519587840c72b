import { and, eq, isNotNull, isNull, lt, notExists } from 'drizzle-orm';
import { bind, statement, type Tx } from '../../store/store.js';
import { noteAsked } from '../brakes/key-networks.js';
import { addToKeyFigures } from '../counts/key-figures.js';

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
  addToKeyFigures(tx, place.apiKeyKey, place.petitionKey, { asked: 1 });
}
