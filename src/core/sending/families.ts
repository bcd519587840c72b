import { and, eq, gte, inArray, lt, sql } from 'drizzle-orm';
import { getDomain } from 'tldts';
import type { Reader, Store } from '../../store/store.js';
import { DAY_MS } from '../../time.js';
import { inParts } from '../bulk-insert.js';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { isToDo } from '../mailings/mailing-indexes.js';

/*
 * Families of recipient domains: the domains whose mail one provider takes share one pace. Large providers are known by
 * the names of their domains; others are found by their MX records, which are looked up outside of transactions and kept for
 * days. Without an answer a domain is a family of its own.
 */

/** Part of node:dns/promises. */
export type MxResolver = {
  resolveMx: (name: string) => Promise<{ exchange: string; priority: number }[]>;
};

const PROVIDERS: Record<string, string> = {
  google: 'gmail.com googlemail.com',
  microsoft:
    'outlook.com hotmail.com live.com msn.com outlook.de outlook.fr outlook.es outlook.it hotmail.de hotmail.fr hotmail.it hotmail.es hotmail.co.uk hotmail.nl live.de live.fr live.nl live.it live.co.uk live.be live.se live.dk live.no',
  yahoo:
    'yahoo.com ymail.com rocketmail.com aol.com yahoo.de yahoo.fr yahoo.co.uk yahoo.es yahoo.it yahoo.ca yahoo.in yahoo.co.in yahoo.com.br aol.de aol.co.uk',
  apple: 'icloud.com me.com mac.com',
  gmx: 'gmx.de gmx.net gmx.at gmx.ch gmx.com web.de mail.com email.de',
  't-online': 't-online.de magenta.de',
  freenet: 'freenet.de',
  proton: 'protonmail.com proton.me pm.me protonmail.ch',
  orange: 'orange.fr wanadoo.fr',
  free: 'free.fr',
  sfr: 'sfr.fr',
  laposte: 'laposte.net',
  libero: 'libero.it virgilio.it',
  bluewin: 'bluewin.ch',
  comcast: 'comcast.net',
  wp: 'wp.pl o2.pl',
  'mail.ru': 'mail.ru inbox.ru list.ru bk.ru',
  yandex: 'yandex.ru yandex.com ya.ru',
};

/** By the domain of the mail exchanger, where the provider has a name above. */
const EXCHANGERS: Record<string, string> = {
  'google.com': 'google',
  'googlemail.com': 'google',
  'outlook.com': 'microsoft',
  'hotmail.com': 'microsoft',
  'microsoft.com': 'microsoft',
  'yahoodns.net': 'yahoo',
  'icloud.com': 'apple',
  'gmx.net': 'gmx',
  'gmx.com': 'gmx',
  'web.de': 'gmx',
  'mail.com': 'gmx',
  't-online.de': 't-online',
  'freenet.de': 'freenet',
  'protonmail.ch': 'proton',
  'mail.ru': 'mail.ru',
  'yandex.ru': 'yandex',
  'yandex.net': 'yandex',
};

const byDomain = new Map(
  Object.entries(PROVIDERS).flatMap(([family, domains]) =>
    domains.split(' ').map((domain) => [domain, family] as const),
  ),
);

const plain = (domain: string) => domain.trim().toLowerCase().replace(/\.$/, '');

/** The family of a domain as far as its name tells: that of a large provider, or the domain itself. */
export const familyOf = (domain: string): string => byDomain.get(plain(domain)) ?? plain(domain);

/** The families of domains, by what is known of their MX records; a domain that nobody has looked up is its own. */
export async function familiesOf(on: Reader, domains: Iterable<string>): Promise<Map<string, string>> {
  const families = new Map([...domains].map((domain) => [domain, familyOf(domain)] as const));
  const unknown = [...families].filter(([domain, family]) => family === plain(domain));
  const { mailFamilies: t } = on.tables;
  for (const some of inParts(unknown)) {
    const rows = await on.db
      .select({ domain: t.domain, family: t.family })
      .from(t)
      .where(
        inArray(
          t.domain,
          some.map(([domain]) => plain(domain)),
        ),
      );
    const found = new Map(rows.map(({ domain, family }) => [domain, family]));
    for (const [domain] of some) families.set(domain, found.get(plain(domain)) ?? plain(domain));
  }
  return families;
}

const KEPT_DAYS = 7;
const AT_A_TIME = 20;
const TIMEOUT_MS = 5000;

/**
 * Looks up the MX records of domains that are not known, or were looked up more than a week ago. Not for transactions.
 * Returns those whose family is not the domain itself.
 */
export async function lookUpFamilies(
  ctx: Pick<Context, 'store' | 'now'>,
  resolver: MxResolver,
  domains: readonly string[],
  timeoutMs = TIMEOUT_MS,
): Promise<Map<string, string>> {
  const wanted = await unknownOf(ctx, domains);
  const found = new Map<string, string>();
  const next = wanted.values();
  const lookUp = async () => {
    for (const domain of next) found.set(domain, await familyByMx(resolver, domain, timeoutMs));
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lookUp));
  for (const some of inParts([...found].sort())) {
    await ctx.store.transact(async (tx) => {
      const { mailFamilies: t } = tx.tables;
      await tx.db
        .insert(t)
        .values(some.map(([domain, family]) => ({ domain, family, lookedUpAt: tx.now })))
        .onConflictDoUpdate({
          target: t.domain,
          set: { family: sql`excluded.family`, lookedUpAt: sql`excluded.looked_up_at` },
        });
    });
  }
  return new Map([...found].filter(([domain, family]) => domain !== family));
}

async function unknownOf(
  { store, now }: Pick<Context, 'store' | 'now'>,
  domains: readonly string[],
): Promise<Set<string>> {
  const wanted = new Set(
    domains.map(plain).filter((domain) => domain.includes('.') && !byDomain.has(domain)),
  );
  const { mailFamilies: t } = store.tables;
  const since = new Date(now().getTime() - KEPT_DAYS * DAY_MS);
  for (const some of inParts([...wanted])) {
    const rows = await store.read.db
      .select({ domain: t.domain })
      .from(t)
      .where(and(inArray(t.domain, [...some]), gte(t.lookedUpAt, since)));
    for (const { domain } of rows) wanted.delete(domain);
  }
  return wanted;
}

/** The provider that takes a domain's mail; the domain itself if it has none, or none that answers in time. */
async function familyByMx(resolver: MxResolver, domain: string, timeoutMs: number): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<[]>((resolve) => (timer = setTimeout(() => resolve([]), timeoutMs)));
  const records = await Promise.race([resolver.resolveMx(domain).catch(() => []), late]);
  clearTimeout(timer);
  const [first] = [...records].sort((a, b) => a.priority - b.priority);
  const exchanger = first && plain(first.exchange);
  if (!exchanger) return domain;
  const owner = getDomain(exchanger);
  return owner === null ? domain : (EXCHANGERS[owner] ?? `mx:${owner}`);
}

const MOST_DOMAINS = 500;

/**
 * Looks up the domains of recipients of a mailing who still wait, and gives them the families of those providers. Returns
 * how many domains it looked up: call it again, between batches, until there are none.
 */
export async function learnFamilies(ctx: Context, resolver: MxResolver, mailingKey: number): Promise<number> {
  const { mailingRecipients: t } = ctx.store.tables;
  const isWaiting = and(
    isToDo(ctx.store.tables),
    eq(t.mailingKey, mailingKey),
    inArray(t.state, ['queued', 'deferred']),
  );
  const rows = await ctx.store.read.db
    .selectDistinct({ family: t.family })
    .from(t)
    .where(isWaiting)
    .orderBy(t.family);
  const names = rows.map(({ family }) => family).filter((family) => !family.includes(':'));
  const unknown = [...(await unknownOf(ctx, names))].slice(0, MOST_DOMAINS);
  await lookUpFamilies(ctx, resolver, unknown);
  const families = await familiesOf(ctx.store.read, names);
  const moved = [...families].filter(([domain, family]) => domain !== family);
  for (const [domain, family] of moved) {
    await ctx.store.transact(async (tx) => {
      await tx.db
        .update(t)
        .set({ family })
        .where(and(isWaiting, eq(t.family, domain)));
    });
  }
  return unknown.length;
}

/** Forgets families that nobody has looked up for a month. */
export function sweepFamilies(store: Store, now: Date): Promise<number> {
  const { mailFamilies: t } = store.tables;
  const before = new Date(now.getTime() - 30 * DAY_MS);
  return deleteInSteps(store, (db, most) => {
    const old = db.select({ domain: t.domain }).from(t).where(lt(t.lookedUpAt, before)).limit(most);
    return db.delete(t).where(inArray(t.domain, old)).returning({ domain: t.domain });
  });
}
