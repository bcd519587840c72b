import { and, asc, eq, inArray, notExists, or, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Reader, Tx } from '../../store/store.js';
import { insertMany } from '../bulk-insert.js';
import type { ProfileData } from './supporters.js';

/*
 * What organizations say about supporters, when they vouch or import. Each organization's data is kept separately,
 * shown only to that organization and the supporter, and never changes what supporters have said themselves.
 */

export type Contact = Tables['contacts']['$inferSelect'];

const COLUMNS = [
  'organizationKey',
  'supporterKey',
  'name',
  'givenName',
  'familyName',
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
    // Fields that are left out keep their value.
    const latest = (name: string) =>
      sql`coalesce(excluded.${sql.identifier(name)}, ${sql.identifier('contacts')}.${sql.identifier(name)})`;
    // A part stays only with the name that it is of.
    const part = (name: string) =>
      sql`coalesce(excluded.${sql.identifier(name)}, case when ${latest('name')} = ${t.name} then ${sql.identifier('contacts')}.${sql.identifier(name)} end)`;
    return db
      .insert(t)
      .values(rows)
      .onConflictDoUpdate({
        target: [t.supporterKey, t.organizationKey],
        set: {
          name: latest('name'),
          givenName: part('given_name'),
          familyName: part('family_name'),
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

/** Stores what an organization says about these people. Each may occur once; the order does not matter. */
export async function noteContacts(
  tx: Tx,
  organizationKey: number,
  people: readonly { supporterKey: number; said: ProfileData }[],
): Promise<void> {
  // Sorted, so that two imports on PostgreSQL cannot deadlock.
  const inOrder = [...people].sort((a, b) => a.supporterKey - b.supporterKey);
  await upsert(
    tx,
    inOrder.map(({ supporterKey, said }) => ({
      organizationKey,
      supporterKey,
      name: said.name ?? null,
      givenName: said.givenName ?? null,
      familyName: said.familyName ?? null,
      country: said.country ?? null,
      postalCode: said.postalCode ?? null,
      postalAddress: said.postalAddress ?? null,
      phone: said.phone ?? null,
      createdAt: tx.now,
      updatedAt: tx.now,
    })),
  );
}

/** What organizations say about a supporter, with each organization's public id. */
export function contactsOf({ db, tables: { contacts: t, organizations } }: Reader, supporterKey: number) {
  return db
    .select({ contact: t, organizationId: organizations.publicId })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(eq(t.supporterKey, supporterKey))
    .orderBy(asc(t.organizationKey));
}

/** Deletes everything that organizations say about these people. */
export async function forgetContacts({ db, tables: { contacts: t } }: Tx, supporterKeys: readonly number[]) {
  await db.delete(t).where(inArray(t.supporterKey, [...supporterKeys]));
}

/**
 * Deletes what organizations say about people when they have no reason to keep it any more: no subscription, and no
 * signature on their petitions or collected by them.
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
  // Checks petition by petition, because the index on signatures begins with the petition: see `signedBy`.
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
