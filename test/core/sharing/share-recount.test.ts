import { recount } from '../../../src/core/counts/recount.js';
import { clusterOf } from '../../../src/core/email.js';
import { onEveryEngine } from '../../support/helper.js';
import { recountShares } from '../../support/share-recount.js';
import { enter, startSharing } from '../../support/sharing.js';

const HOUR = 3_600_000;

/** The same numbers between 0 and 1 for the same seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

onEveryEngine(
  'after whatever happened, at once and in any order, the sums are what the rows say',
  async (t, engine) => {
    const world = await startSharing(t, engine);
    const { api, lead, partner, makeLink, sign, confirmAll, figures } = world;
    const seed = Number(process.env['SHARE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    t.comment(`SHARE_SEED=${seed}`);
    const roll = dice(seed);
    const one = <T>(of: readonly T[]): T => of[Math.floor(roll() * of.length)] as T;
    let clock = Date.now();
    api.setClock(new Date(clock));
    t.teardown(() => api.setClock(undefined));

    const people = [...'abcdefghijkl'].map((a) => [
      `${a}@example.org`,
      `${a}.${a}+x@gmail.com`,
      `${a}${a}@gmail.com`,
    ]);
    type Made = { code: string; by: string[] };
    const newSlug = async (slug: string) => ({
      slug,
      links: [{ code: await makeLink({}, slug), by: [] }] as Made[],
      receipts: [] as { receipt: string; by: string[] }[],
    });
    const petitions = [await newSlug('meadows'), await newSlug('quick')];
    const keys = [undefined, undefined, lead.secret, partner.secret];
    const { signatures, supporters, shareLinks } = api.store.tables;
    const anySignature = async () => one(await api.store.read.db.select().from(signatures))?.publicId ?? '';
    const call = async (method: string, path: string, key: string, body?: object) => {
      const { status, text } = await api.call(method, path, { key, body });
      if (status >= 500) throw new Error(text);
    };

    async function share() {
      const { slug, links, receipts } = one(petitions);
      const { receipt, by } = (roll() < 0.7 ? one(receipts) : undefined) ?? { receipt: null, by: [] };
      const code = await makeLink({ network: one(['x', 'sms', 'copy']), receipt }, slug, one(keys));
      links.push({ code, by });
    }

    async function signSomehow() {
      const petition = one(petitions);
      const { slug, receipts } = petition;
      const { links } = roll() < 0.9 ? petition : one(petitions);
      const key = one(keys);
      const link = one(links);
      // Quite a few try to bring themselves.
      const by = roll() < 0.3 && link.by.length > 0 ? link.by : one(people);
      const vouched = key === undefined || roll() < 0.5 ? {} : { vouched: true };
      const share_code = roll() < 0.85 ? link.code : null;
      const { status, body, text } = await sign(one(by), { share_code, ...vouched }, slug, key);
      if (status >= 300) throw new Error(text);
      receipts.push({ receipt: body.receipt, by });
    }

    async function moderate() {
      const path = `/v1/signatures/${await anySignature()}/${one(['invalidate', 'restore'])}`;
      await call('POST', path, lead.secret, { reason: 'test' });
    }

    async function leave() {
      const known = await api.store.read.db.select().from(supporters);
      const person = one(known.filter((row) => row.erasedAt === null));
      const session = person && (await enter(api, person.identity));
      const path = roll() < 0.3 ? '/v1/me' : `/v1/me/signatures/${await anySignature()}`;
      if (session) await call('DELETE', path, session);
    }

    async function follow() {
      const clicks = Math.floor(roll() * 3);
      await figures(one(one(petitions).links).code, { requests: clicks + 1, clicks }, new Date(clock));
    }

    const often: [number, () => Promise<unknown>][] = [
      [6, share],
      [10, signSomehow],
      [3, confirmAll],
      [3, moderate],
      [2, leave],
      [3, follow],
    ];
    const bag = often.flatMap(([times, act]) => Array.from({ length: times }, () => act));
    for (let round = 0; round < 40; round += 1) {
      await Promise.all(Array.from({ length: 4 }, () => one(bag)()));
      clock += Math.floor(roll() * 4 * HOUR);
      api.setClock(new Date(clock));
    }

    t.same(await recountShares(api.store.read), []);
    t.same(await recount(api.store.read), []);
    const { db } = api.store.read;
    const links = await db.select().from(shareLinks);
    const rows = await db.select().from(signatures);
    const known = await db.select().from(supporters);
    const clusterOfSigner = (key: number | null | undefined) =>
      clusterOf(known.find((row) => row.key === key)?.identity ?? `nobody:${Math.random()}`);
    const brought = rows.filter((row) => row.shareLinkKey !== null);
    t.ok(brought.length > 5, `${brought.length} came through ${links.length} links`);
    for (const row of brought) {
      const link = links.find(({ key }) => key === row.shareLinkKey);
      if (link?.petitionKey !== row.petitionKey) t.fail('through a link of another petition');
      const signer = rows.find(({ key }) => key === link?.signatureKey);
      if (clusterOfSigner(signer?.supporterKey) === clusterOfSigner(row.supporterKey)) {
        t.fail('brought themselves');
      }
    }
    // And it can fail.
    const { shareCounts, partnerCounts } = api.store.tables;
    await api.store.transact(async (tx) => {
      await tx.db.update(shareCounts).set({ conversions: 77 });
      await tx.db.update(partnerCounts).set({ confirmed: 77 });
    });
    const found = (await recount(api.store.read)).map(({ what }) => what);
    t.same([...new Set(found)].sort(), ['attributed', 'conversions']);
  },
);
