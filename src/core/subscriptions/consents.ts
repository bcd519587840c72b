import { createHash } from 'node:crypto';
import { eq, inArray } from 'drizzle-orm';
import type { ConsentAction, ConsentOrigin, Evidence } from '../../../schema/db/tables/subscriptions.js';
import { bind, bindAll, statement, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';

/* Consent records: append-only, each with a keyed proof that it was not changed. */

/** One change of an organization's permission to mail a supporter. */
export type ConsentEvent = {
  organizationKey: number;
  supporterKey: number;
  /** The keyed hash of the supporter's identity: `ctx.secrets.subject`. */
  subject: Buffer;
  action: ConsentAction;
  origin: ConsentOrigin;
  consentTextKey?: number | null;
  petitionKey?: number | null;
  source?: string | null;
  evidence?: Evidence | null;
};

/** The SHA-256 of a consent text in UTF-8. */
export const hashOfWords = (text: string): Buffer => createHash('sha256').update(text).digest();

/**
 * The content that a record's proof covers: all fields, with the person as a keyed hash, and the consent text as its
 * hash, so that neither can be rewritten later. The order must never change: stored proofs depend on it.
 */
export const provable = (
  publicId: string,
  event: Omit<ConsentEvent, 'supporterKey'>,
  words: Buffer | null,
  createdAt: Date,
): readonly unknown[] => [
  publicId,
  event.organizationKey,
  event.subject.toString('base64'),
  event.action,
  event.origin,
  event.consentTextKey ?? null,
  words?.toString('base64') ?? null,
  event.petitionKey ?? null,
  event.source ?? null,
  event.evidence ? evidenceHash(event.evidence) : null,
  createdAt.toISOString(),
];

/**
 * Only a hash, since an erasure deletes the evidence. The order of members is fixed here because PostgreSQL does not
 * keep it.
 */
const evidenceHash = ({ source, collected_at = null, note = null }: Evidence): string =>
  createHash('sha256')
    .update(JSON.stringify([source, collected_at, note]))
    .digest('base64');

/** Appends a record. Records never change, except that an erasure removes the person. */
export const recordConsent = (ctx: Context, tx: Tx, event: ConsentEvent): Promise<void> =>
  recordConsents(ctx, tx, [event]);

const insert = statement('consent_insert', ({ db, tables: { consents: t } }: Tx) =>
  db
    .insert(t)
    .values(
      bindAll(t, [
        'publicId',
        'organizationKey',
        'supporterKey',
        'subject',
        'action',
        'origin',
        'consentTextKey',
        'petitionKey',
        'source',
        'evidence',
        'createdAt',
        'proof',
      ]),
    ),
);

const findHash = statement('consent_text_hash', ({ db, tables: { consentTexts: t } }: Tx) =>
  db
    .select({ key: t.key, hash: t.hash })
    .from(t)
    .where(eq(t.key, bind(t.key, 'key'))),
);

/** Appends one record per event, in one statement. */
export async function recordConsents(ctx: Context, tx: Tx, events: readonly ConsentEvent[]): Promise<void> {
  if (events.length === 0) return;
  const words = await hashesOf(tx, events);
  const rows = events.map((event) => {
    const publicId = ctx.newId('con');
    const { consentTextKey = null, petitionKey = null, source = null, evidence = null } = event;
    return {
      ...event,
      consentTextKey,
      petitionKey,
      source,
      evidence,
      publicId,
      createdAt: tx.now,
      proof: ctx.secrets.proof(provable(publicId, event, words.get(consentTextKey ?? 0) ?? null, tx.now)),
    };
  });
  const [first] = rows;
  if (first && rows.length === 1) await insert(tx, first);
  else await tx.db.insert(tx.tables.consents).values(rows);
}

/** The hashes of the events' consent texts, by key. */
async function hashesOf(tx: Tx, events: readonly ConsentEvent[]): Promise<Map<number, Buffer>> {
  const keys = new Set(events.flatMap(({ consentTextKey }) => consentTextKey ?? []));
  if (keys.size === 0) return new Map();
  const [first] = keys;
  if (first !== undefined && keys.size === 1) {
    return new Map((await findHash(tx, { key: first })).map(({ key, hash }) => [key, hash]));
  }
  const { consentTexts: t } = tx.tables;
  const rows = await tx.db
    .select({ key: t.key, hash: t.hash })
    .from(t)
    .where(inArray(t.key, [...keys]));
  return new Map(rows.map(({ key, hash }) => [key, hash]));
}
