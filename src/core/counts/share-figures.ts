import { eq, sql } from 'drizzle-orm';
import { bind, bindAll, statement, type Sum, type Tx } from '../../store/store.js';
import { HOUR_MS } from '../../time.js';

/*
 * What share links bring, as sums: per link, and per hour for each text variant and organization. Zero fields may be
 * left out.
 */

export type ShareFigures = { links?: number; requests?: number; clicks?: number; conversions?: number };

const NOTHING = { links: 0, requests: 0, clicks: 0, conversions: 0 };

const addToLink = statement('share_counts_add', ({ db, tables: { shareCounts: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['shareLinkKey', 'shard', 'requests', 'clicks', 'conversions']))
    .onConflictDoUpdate({
      target: [t.shareLinkKey, t.shard],
      set: {
        requests: sql`${t.requests} + excluded.requests`,
        clicks: sql`${t.clicks} + excluded.clicks`,
        conversions: sql`${t.conversions} + excluded.conversions`,
      },
    }),
);

const addToHistory = statement('share_history_add', ({ db, tables: { shareHistory: t } }: Tx) =>
  db
    .insert(t)
    .values(
      bindAll(t, [
        'variantKey',
        'organizationKey',
        'hour',
        'shard',
        'links',
        'requests',
        'clicks',
        'conversions',
      ]),
    )
    .onConflictDoUpdate({
      target: [t.variantKey, t.organizationKey, t.hour, t.shard],
      set: {
        links: sql`${t.links} + excluded.links`,
        requests: sql`${t.requests} + excluded.requests`,
        clicks: sql`${t.clicks} + excluded.clicks`,
        conversions: sql`${t.conversions} + excluded.conversions`,
      },
    }),
);

const findLink = statement('share_link_of_figures', ({ db, tables: { shareLinks: t } }: Tx) =>
  db
    .select({ variantKey: t.variantKey, organizationKey: t.organizationKey })
    .from(t)
    .where(eq(t.key, bind(t.key, 'shareLinkKey'))),
);

const FIGURES: Sum = {
  async write(tx, values) {
    const { shareLinkKey } = values;
    const [link] = await findLink(tx, { shareLinkKey });
    if (!link) return;
    // A link without clicks needs no row.
    const { requests, clicks, conversions } = values;
    if (requests || clicks || conversions) await addToLink(tx, { ...NOTHING, ...values });
    const { variantKey, organizationKey } = link;
    await addToHistory(tx, { ...NOTHING, ...values, variantKey, organizationKey: organizationKey ?? 0 });
  },
};

/** The hours between 1970 (UTC) and an instant. */
export const hourOf = (instant: Date): number => Math.floor(instant.getTime() / HOUR_MS);
/** The instant at which an hour begins. */
export const startOf = (hour: number): Date => new Date(hour * HOUR_MS);

/** Adds to the figures of a link, in the hour (`hourOf`) in which it happened. */
export const addShareFigures = (tx: Tx, shareLinkKey: number, hour: number, figures: ShareFigures): void =>
  tx.add(FIGURES, { shareLinkKey, hour, shard: tx.shard }, figures);

/** Adds what was counted of clicks. */
export function addShareClicks(
  tx: Tx,
  sums: readonly { link: number; hour: number; requests: number; clicks: number }[],
): void {
  for (const { link, hour, requests, clicks } of sums) addShareFigures(tx, link, hour, { requests, clicks });
}
