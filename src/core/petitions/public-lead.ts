import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { ANONYMOUS } from '../actor.js';
import { findLead, type Lead } from './lead.js';
import { findHead, Moved } from './petition-lookup.js';

/** The organization that leads a petition, for pages that show it; null where the public sees no such petition. */
export async function findPublicLead(on: Reader, ref: string | undefined): Promise<Lead | null> {
  if (ref === undefined) return null;
  try {
    return await findLead(on, await findHead(on, ANONYMOUS, ref));
  } catch (error) {
    if (error instanceof ApiError || error instanceof Moved) return null;
    throw error;
  }
}
