import { eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { bind, statement, type Reader } from '../../store/store.js';

/* The organization that leads a petition, as everybody may see it. */

export const leadColumns = ({ organizations: t }: Pick<Tables, 'organizations'>) => ({
  publicId: t.publicId,
  slug: t.slug,
  name: t.name,
  url: t.url,
  imprint: t.imprint,
  logoUrl: t.logoUrl,
  color: t.color,
  privacyUrl: t.privacyUrl,
  testOf: t.testOf,
});

export type Lead = Pick<Tables['organizations']['$inferSelect'], keyof ReturnType<typeof leadColumns>>;

const leadByKey = statement('petition_lead', ({ db, tables }: Reader) => {
  const { organizations: t } = tables;
  return db
    .select(leadColumns(tables))
    .from(t)
    .where(eq(t.key, bind(t.key, 'key')));
});

export async function findLead(on: Reader, petition: { organizationKey: number }): Promise<Lead> {
  const [lead] = await leadByKey(on, { key: petition.organizationKey });
  if (!lead) throw new Error('a petition without its organization');
  return lead;
}
