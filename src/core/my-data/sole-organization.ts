import { eq } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import { findLead, type Lead } from '../petitions/lead.js';
import type { Session } from '../session.js';
import { signedBy } from '../signed-by.js';

/** The one organization that a supporter's signatures and subscriptions are with; null: several, or none. */
export async function soleOrganization(on: Reader, { supporterKey }: Session): Promise<Lead | null> {
  const { signatures: s, petitions: p, subscriptions: l } = on.tables;
  const signed = await on.db
    .selectDistinct({ organizationKey: p.organizationKey })
    .from(s)
    .innerJoin(p, eq(p.key, s.petitionKey))
    .where(signedBy(on, supporterKey))
    .limit(2);
  const lists = await on.db
    .selectDistinct({ organizationKey: l.organizationKey })
    .from(l)
    .where(eq(l.supporterKey, supporterKey))
    .limit(2);
  const keys = new Set([...signed, ...lists].map(({ organizationKey }) => organizationKey));
  const [organizationKey] = keys;
  return keys.size === 1 && organizationKey !== undefined ? findLead(on, { organizationKey }) : null;
}
