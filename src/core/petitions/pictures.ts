import type { Reader } from '../../store/store.js';
import type { Actor } from '../actor.js';
import { readCounts, totalOf } from '../counts/counts.js';
import { readGrowth, type Growth } from '../counts/growth.js';
import { listMilestones, listThresholds, type Milestone, type Threshold } from '../counts/milestones.js';
import type { ChooseLocale } from './languages.js';
import { findLead, type Lead } from './lead.js';
import { statusAt } from './petition-life.js';
import { findPetition } from './petition-lookup.js';
import type { PetitionRow } from './petition-rules.js';
import { inLanguage } from './translated.js';

/** What the picture of a petition shows. */
export type Pictured = { petition: PetitionRow; lead: Lead; total: number };

/** What the petition's picture shows, in the language that `choose` chooses. Throws `petition_not_found`, `petition_taken_down`, or Moved. */
export async function findPictured(
  on: Reader,
  actor: Actor,
  ref: string,
  choose: ChooseLocale,
): Promise<Pictured> {
  const petition = await inLanguage(on, await findPetition(on, actor, ref), choose);
  const lead = await findLead(on, petition);
  const total = totalOf(await readCounts(on, petition.key));
  return { petition, lead, total };
}

/** What the picture of its growth shows besides. */
export type Grown = Growth & { milestones: Milestone[]; thresholds: Threshold[] };

/** How a petition has grown, from its publication to now or to its end. */
export async function readGrown(on: Reader, petition: PetitionRow, now: Date): Promise<Grown> {
  const { key, publishedAt, createdAt, closedAt, closesAt } = petition;
  const isOpen = ['draft', 'published'].includes(statusAt(petition, now));
  const until = isOpen ? now : (closedAt ?? closesAt ?? now);
  return {
    ...(await readGrowth(on, key, { from: publishedAt ?? createdAt, until })),
    milestones: await listMilestones(on, key),
    thresholds: await listThresholds(on, key),
  };
}
