import { and, asc, eq, inArray, notExists, or, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Reader, Tx } from '../../store/store.js';
import { insertMany } from '../bulk-insert.js';
import type { Said } from './supporters.js';

/*
 * What organizations say of people, by keys that vouch and by imports. It is their word: it is kept apart for each of
 * them, shown to that organization and to the person, and changes nothing of what the person has said themselves.
 */

export type Contact = Tables['contacts']['$inferSelect'];

const COLUMNS = [
  'organizationKey',
  'supporterKey',
  'name',
  'country',
  'postalCode',
  'postalAddress',
  'phone',
  'createdAt',
  'updatedAt',
] as const;

const upsert = insertMany(
  'contacts_upsert',
  COLUMNS,
  ({ contacts }) => contacts,
  ({ db, tables: { contacts: t } }, rows) => {
    // What is left out stays.
    const latest = (name: string) =>
      sql`coalesce(excluded.${sql.identifier(name)}, ${sql.identifier('contacts')}.${sql.identifier(name)})`;
    return db
      .insert(t)
      .values(rows)
      .onConflictDoUpdate({
        target: [t.supporterKey, t.organizationKey],
        set: {
          name: latest('name'),
          country: latest('country'),
          postalCode: latest('postal_code'),
          postalAddress: latest('postal_address'),
          phone: latest('phone'),
          updatedAt: sql`excluded.updated_at`,
        },
      })
      .returning({ supporterKey: t.supporterKey });
  },
);

/** Writes down what an organization says of people: of each person once, and in the order of their keys. */
export async function noteContacts(
  tx: Tx,
  organizationKey: number,
  people: readonly { supporterKey: number; said: Said }[],
): Promise<void> {
  // In one order: so two imports on PostgreSQL do not wait for each other.
  const inOrder = [...people].sort((a, b) => a.supporterKey - b.supporterKey);
  await upsert(
    tx,
    inOrder.map(({ supporterKey, said }) => ({
      organizationKey,
      supporterKey,
      name: said.name ?? null,
      country: said.country ?? null,
      postalCode: said.postalCode ?? null,
      postalAddress: said.postalAddress ?? null,
      phone: said.phone ?? null,
      createdAt: tx.now,
      updatedAt: tx.now,
    })),
  );
}

/** What organizations say of somebody, each with its public id. */
export function contactsOf({ db, tables: { contacts: t, organizations } }: Reader, supporterKey: number) {
  return db
    .select({ contact: t, organizationId: organizations.publicId })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(eq(t.supporterKey, supporterKey))
    .orderBy(asc(t.organizationKey));
}

/** Forgets all that organizations say of people. */
export async function forgetContacts({ db, tables: { contacts: t } }: Tx, supporterKeys: readonly number[]) {
  await db.delete(t).where(inArray(t.supporterKey, [...supporterKeys]));
}

/**
 * Forgets what organizations say of people whom they have no reason to know any more: no subscription, and no signature
 * on a petition of theirs, or that they have collected.
 */
export async function forgetIdleContacts(
  { db, tables }: Tx,
  supporterKeys: readonly number[],
): Promise<void> {
  const { contacts: t, subscriptions, signatures, petitions } = tables;
  const subscribed = db
    .select({ key: subscriptions.key })
    .from(subscriptions)
    .where(
      and(
        eq(subscriptions.organizationKey, t.organizationKey),
        eq(subscriptions.supporterKey, t.supporterKey),
      ),
    );
  // Each petition is asked, by the index that keeps people from signing twice: see signedBy.
  const signed = db
    .select({ key: petitions.key })
    .from(petitions)
    .innerJoin(
      signatures,
      and(eq(signatures.petitionKey, petitions.key), eq(signatures.supporterKey, t.supporterKey)),
    )
    .where(
      or(eq(petitions.organizationKey, t.organizationKey), eq(signatures.collectorKey, t.organizationKey)),
    );
  await db
    .delete(t)
    .where(and(inArray(t.supporterKey, [...supporterKeys]), notExists(subscribed), notExists(signed)));
}
