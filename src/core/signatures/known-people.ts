import { and, desc, eq, inArray } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import { findableAnywhere } from './signature-access.js';

/** What an organization knows of a person whom it mails. */
export type Known = { name: string | null; givenName: string | null; country: string | null };

const NOTHING: Known = { name: null, givenName: null, country: null };

/**
 * What an organization knows of its subscribers: its contacts, else their latest confirmed signatures that it sees in
 * full. Nothing that they told others: a mail that said it, or that depended on it, would pass it on. Returns a lookup
 * by the supporter's key.
 */
export async function knownPeople(
  on: Reader,
  organizationKey: number,
  supporterKeys: readonly number[],
): Promise<(supporterKey: number) => Known> {
  const { contacts: c } = on.tables;
  const known = new Map<number, Known>();
  if (supporterKeys.length > 0) {
    const contacts = await on.db
      .select({ key: c.supporterKey, name: c.name, givenName: c.givenName, country: c.country })
      .from(c)
      .where(and(inArray(c.supporterKey, [...supporterKeys]), eq(c.organizationKey, organizationKey)));
    for (const { key, ...contact } of contacts) known.set(key, contact);
  }
  const gaps = supporterKeys.filter((key) => !known.get(key)?.name || !known.get(key)?.country);
  if (gaps.length > 0) {
    for (const { key, ...signed } of await latestFirst(on, organizationKey, gaps)) {
      known.set(key, completed(known.get(key) ?? NOTHING, signed));
    }
  }
  return (key) => known.get(key) ?? NOTHING;
}

/** A part of a name stays with the name that it is of. */
const completed = (known: Known, { name, givenName, country }: Known): Known => ({
  ...(known.name ? known : { name: name || null, givenName }),
  country: known.country ?? country,
});

/**
 * No index of signatures begins with the person, so those are looked up that their mailboxes were asked about, or that
 * they subscribed with: those that came otherwise, the organization vouched for, and has a contact.
 */
async function latestFirst(on: Reader, organizationKey: number, supporterKeys: number[]) {
  const { db, tables } = on;
  const { signatures: t, consents: c, confirmationRequests: r } = tables;
  const subscribed = db
    .select({ supporterKey: c.supporterKey, petitionKey: c.petitionKey })
    .from(c)
    .where(and(inArray(c.supporterKey, supporterKeys), eq(c.organizationKey, organizationKey)));
  const asked = db
    .select({ supporterKey: r.supporterKey, petitionKey: r.petitionKey })
    .from(r)
    .where(inArray(r.supporterKey, supporterKeys));
  const signed = subscribed.union(asked).as('signed');
  const rows = await db
    .select({ key: t.supporterKey, name: t.name, givenName: t.givenName, country: t.country })
    .from(signed)
    .innerJoin(t, and(eq(t.petitionKey, signed.petitionKey), eq(t.supporterKey, signed.supporterKey)))
    .where(and(eq(t.status, 'confirmed'), findableAnywhere(on, organizationKey)))
    .orderBy(desc(t.confirmedAt), desc(t.key));
  return rows.flatMap(({ key, ...words }) => (key === null ? [] : [{ key, ...words }]));
}
