import { asc, inArray, sql } from 'drizzle-orm';
import { bindAll, statement, type Tx } from '../../store/store.js';
import { countOutcome } from '../counts/mailing-counts.js';
import type { LinkSum } from '../sharing/clicks.js';

const addToLinkHour = statement('mailing_link_hour_add', ({ db, tables: { mailingLinkHours: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['linkKey', 'hour', 'requests', 'clicks']))
    .onConflictDoUpdate({
      target: [t.linkKey, t.hour],
      set: {
        requests: sql`${t.requests} + excluded.requests`,
        clicks: sql`${t.clicks} + excluded.clicks`,
      },
    }),
);

type Counted = { mailingKey: number; variantKey: number; hour: number; clicks: number; machines: number };

/** Adds clicks on links of mailings, by link and by wording. All writers go through the rows in one order. */
export async function addMailingClicks(tx: Tx, sums: readonly LinkSum[]): Promise<void> {
  const { mailingLinks: t } = tx.tables;
  const keys = [...new Set(sums.map(({ link }) => link))];
  const links = await tx.db
    .select({ key: t.key, mailingKey: t.mailingKey, variantKey: t.variantKey })
    .from(t)
    .where(inArray(t.key, keys))
    .orderBy(asc(t.key));
  const byVariant = new Map<string, Counted>();
  for (const { key: linkKey, mailingKey, variantKey } of links) {
    for (const { hour, clicks, machines } of inOrder(sums.filter(({ link }) => link === linkKey))) {
      if (clicks + machines === 0) continue;
      await addToLinkHour(tx, { linkKey, hour, requests: clicks + machines, clicks });
      const id = `${mailingKey} ${variantKey} ${hour}`;
      const known = byVariant.get(id) ?? { mailingKey, variantKey, hour, clicks: 0, machines: 0 };
      known.clicks += clicks;
      known.machines += machines;
      byVariant.set(id, known);
    }
  }
  for (const [, { hour, clicks, machines, ...of }] of [...byVariant].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (clicks > 0) await countOutcome(tx, of, 'clicks', clicks, hour);
    if (machines > 0) await countOutcome(tx, of, 'machine_clicks', machines, hour);
  }
}

const inOrder = (sums: LinkSum[]): LinkSum[] => sums.sort((a, b) => a.hour - b.hour);
