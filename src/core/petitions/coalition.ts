import { and, asc, eq } from 'drizzle-orm';
import type { Partner } from '../../../schema/db/tables/petitions.js';
import { bind, statement, type Reader } from '../../store/store.js';
import type { PetitionRow } from './petition-rules.js';

const accepted = statement('petition_coalition', ({ db, tables }: Reader) => {
  const { partnerships: t, organizations: o } = tables;
  return db
    .select({ id: o.publicId, name: o.name, url: o.url, listed: t.listed })
    .from(t)
    .innerJoin(o, eq(o.key, t.organizationKey))
    .where(and(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')), eq(t.status, 'accepted')))
    .orderBy(asc(t.key));
});

/**
 * The partners that a petition names: those that its lead has written down, then those that have accepted an
 * invitation, each once. A partner that does not want to be listed is left out, even where the lead has written it down.
 */
export async function coalitionOf(
  on: Reader,
  { key, partners }: Pick<PetitionRow, 'key' | 'partners'>,
): Promise<Partner[]> {
  const rows = await accepted(on, { petitionKey: key });
  const unlisted = new Set(rows.filter(({ listed }) => listed === 0).map(({ id }) => id));
  const written = partners.filter(({ organization_id: id }) => id == null || !unlisted.has(id));
  const known = new Set(written.map(({ organization_id: id }) => id));
  const others = rows.filter(({ id }) => !unlisted.has(id) && !known.has(id));
  return [...written, ...others.map(({ id, name, url }) => ({ name, url, organization_id: id }))];
}
