import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { publish, start, type Engine, type StartOptions, type TestApp } from './helper.js';
import { limits } from './high-limits.js';

/* Share links as rows, for tests of what follows them. */

/** The page of the petition that they lead to. */
export const PAGE = 'https://meadows.example/sign?lang=en&source=old#form';

export type Link = { key: number; code: string };
type Fields = { code: string; network?: string; source?: string | null };

/** The rows of a link, as making one leaves them. */
export async function insertLink(api: TestApp, petitionId: string, fields: Fields): Promise<Link> {
  const { code, network = 'whatsapp', source = null } = fields;
  return api.store.transact(async (tx) => {
    const { petitions, shareVariants, shareLinks } = tx.tables;
    const all = await tx.db.select({ key: petitions.key, id: petitions.publicId }).from(petitions);
    const petitionKey = all.find(({ id }) => id === petitionId)?.key ?? 0;
    const hash = createHash('sha256').update(code).digest();
    const publicId = api.app.ctx.newId('var');
    const variant = {
      publicId,
      petitionKey,
      network: network as 'whatsapp',
      text: null,
      hash,
      createdAt: tx.now,
    };
    const [made] = await tx.db.insert(shareVariants).values(variant).returning({ key: shareVariants.key });
    const link = { code, petitionKey, variantKey: made?.key ?? 0, source, createdAt: tx.now };
    const [row] = await tx.db.insert(shareLinks).values(link).returning({ key: shareLinks.key });
    return { key: row?.key ?? 0, code };
  });
}

const options: StartOptions = {
  limits,
  build: { config: { publicUrl: 'http://undersigned.test', trustProxy: ['127.0.0.1'], limits } },
};

export async function setUpSharing(t: Test, engine: Engine, more: StartOptions['build'] = {}) {
  const api = await start(t, engine, { ...options, build: { ...options.build, ...more } });
  t.teardown(() => api.setClock(undefined));
  const lead = await api.organization('River Meadows');
  const petition = await publish(api, lead.secret, { page_url: PAGE, slug: 'meadows' });
  return { api, lead, petition };
}

export type Sharing = Awaited<ReturnType<typeof setUpSharing>>;

export const figuresOf = async ({ store }: TestApp, { key }: Link) => {
  const rows = await store.read.db.select().from(store.tables.shareCounts);
  const mine = rows.filter(({ shareLinkKey }) => shareLinkKey === key);
  const sum = (name: 'requests' | 'clicks') => mine.reduce((total, row) => total + row[name], 0);
  return { requests: sum('requests'), clicks: sum('clicks') };
};

/** Addresses that are nobody's, one for each name. */
export function addresses(): (name: string) => string {
  const given = new Map<string, string>();
  return (name) => {
    if (!given.has(name)) {
      const n = given.size + 1;
      const [high, low] = [n >> 8, n & 255];
      given.set(name, n % 2 === 0 ? `203.${high}.113.${low}` : `2001:db8:${high}:${low.toString(16)}::${n}`);
    }
    return given.get(name) ?? '';
  };
}
