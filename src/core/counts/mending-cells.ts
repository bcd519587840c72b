import { and, eq, sql } from 'drizzle-orm';
import type { Store } from '../../store/store.js';
import { cellOf } from './cells.js';

/**
 * Counts signatures of these petitions anew by country, region and source. Safe while people sign: who writes cells
 * waits, and has a signature that is not committed yet, so that it is not in what is counted here.
 */
export const mendCells = (store: Store, petitionIds: readonly string[]): Promise<void> =>
  store.transact(
    async ({ db, tables }) => {
      const { petitions: p, petitionCells: t, signatures: s } = tables;
      for (const petitionId of petitionIds) {
        const [petition] = await db.select({ key: p.key }).from(p).where(eq(p.publicId, petitionId));
        const { key = 0 } = petition ?? {};
        await db.delete(t).where(eq(t.petitionKey, key));
        const counts = and(eq(s.petitionKey, key), eq(s.status, 'confirmed'));
        await db
          .insert(t)
          .select(
            sql`select ${s.petitionKey}, ${cellOf(s)}, 0, count(*) from ${s} where ${counts} group by 1, 2, 3, 4`,
          );
      }
    },
    { shut: 'petitionCells' },
  );
