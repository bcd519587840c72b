import { and, inArray } from 'drizzle-orm';
import type { Reader } from '../store/store.js';

/**
 * The condition for the signatures of these supporters. No index begins with the supporter, since it would slow signing
 * down; so each petition is checked with the unique index on petition and supporter.
 */
export const signedBy = ({ db, tables: { signatures: t, petitions } }: Reader, ...supporterKeys: number[]) =>
  and(
    inArray(t.petitionKey, db.select({ key: petitions.key }).from(petitions)),
    inArray(t.supporterKey, supporterKeys),
  );
