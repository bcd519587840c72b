import { eq } from 'drizzle-orm';
import { bind, statement, type Reader } from '../../store/store.js';
import type { Actor } from '../actor.js';
import { readCounts } from '../counts/counts.js';
import { findPetition } from './petition-lookup.js';
import type { PetitionRow } from './petition-rules.js';

export type Lead = { name: string; url: string | null };

/** What the picture of a petition shows. */
export type Pictured = { petition: PetitionRow; lead: Lead; confirmed: number };

const leadByKey = statement('petition_lead', ({ db, tables: { organizations: t } }: Reader) =>
  db
    .select({ name: t.name, url: t.url })
    .from(t)
    .where(eq(t.key, bind(t.key, 'key'))),
);

/** The organization that leads a petition. */
export async function findLead(on: Reader, petition: Pick<PetitionRow, 'organizationKey'>): Promise<Lead> {
  const [lead] = await leadByKey(on, { key: petition.organizationKey });
  if (!lead) throw new Error('a petition without its organization');
  return lead;
}

/** What the petition's picture shows. Throws `petition_not_found`, `petition_taken_down`, or Moved. */
export async function findPictured(on: Reader, actor: Actor, ref: string): Promise<Pictured> {
  const petition = await findPetition(on, actor, ref);
  const lead = await findLead(on, petition);
  const { confirmed } = await readCounts(on, petition.key);
  return { petition, lead, confirmed };
}
