import { asc, eq, inArray } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { RECIPIENT_STATES, type RecipientState } from '../../../schema/db/tables/sending.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { hourOf } from '../counts/share-figures.js';
import { total } from '../counts/counts.js';
import { getMailing, type MailingView } from '../mailings/mailings.js';
import { readTallies } from '../sending/tallies.js';
import { chancesToBeBest } from './best-variant.js';
import { readSignatureSums } from './signature-sums.js';

/* What a mailing has brought: sums alone, of which each says nothing about one person. */

/** What is counted by wording and hour. */
export const FIGURES = [
  'sent',
  'bounced',
  'soft_bounced',
  'refused',
  'complained',
  'unsubscribed',
  'clicks',
  'machine_clicks',
  'signatures',
  'confirmed',
] as const;
export type Figure = (typeof FIGURES)[number];
export type Figures = Record<Figure, number>;

export type VariantStatistics = {
  key: number;
  publicId: string;
  name: string;
  states: Record<RecipientState, number>;
  figures: Figures;
  /** How likely it is the best by the metric; null: there is only one. */
  chance: number | null;
  isWinner: boolean;
};

export type LinkStatistics = {
  variantId: string;
  position: number;
  url: string | null;
  clicks: number;
  machineClicks: number;
};

export type MailingStatistics = {
  mailing: MailingView;
  states: Record<RecipientState, number>;
  figures: Figures;
  variants: VariantStatistics[];
  links: LinkStatistics[];
  /** Only hours in which something happened, oldest first. */
  hours: { hour: number; figures: Figures }[];
};

/** More than a quarter of a year; what comes later is in the sums alone. */
const MOST_HOURS = 2200;

/** The statistics of a mailing of the actor's organization. Throws `mailing_not_found`. */
export async function getMailingStatistics(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<MailingStatistics> {
  const mailing = await getMailing(on, actor, publicId);
  return readStatistics(on, mailing);
}

async function readStatistics(on: Reader, mailing: MailingView): Promise<MailingStatistics> {
  const tallies = await readTallies(on, mailing.key);
  const variants = await readVariants(on, mailing.key);
  const events = await readEvents(on, mailing);
  const statesOf = (variantKey?: number) => {
    const states = Object.fromEntries(RECIPIENT_STATES.map((state) => [state, 0]));
    for (const tally of tallies) {
      if (variantKey !== undefined && tally.variantKey !== variantKey) continue;
      states[tally.state] = (states[tally.state] ?? 0) + tally.recipients;
    }
    return states as Record<RecipientState, number>;
  };
  const figuresOf = (some: readonly Event[], { sent }: { sent: number }) => ({ ...sum(some), sent });
  const chances = chancesOf(mailing, variants, events, statesOf);
  const states = statesOf();
  return {
    mailing,
    states,
    figures: figuresOf(events, states),
    variants: variants.map(({ key, publicId: id, name }, index) => ({
      key,
      publicId: id,
      name,
      states: statesOf(key),
      figures: figuresOf(
        events.filter(({ variantKey }) => variantKey === key),
        statesOf(key),
      ),
      chance: chances?.[index] ?? null,
      isWinner: mailing.winnerKey === key,
    })),
    links: await readLinks(on, variants),
    hours: byHour(events),
  };
}

type Variant = Pick<Tables['mailingVariants']['$inferSelect'], 'key' | 'publicId' | 'name'>;

export const readVariants = (
  { db, tables: { mailingVariants: t } }: Reader,
  mailingKey: number,
): PromiseLike<Variant[]> =>
  db
    .select({ key: t.key, publicId: t.publicId, name: t.name })
    .from(t)
    .where(eq(t.mailingKey, mailingKey))
    .orderBy(asc(t.position));

type Event = { variantKey: number; hour: number; figure: Figure; events: number };

export type Mailing = Pick<Tables['mailings']['$inferSelect'], 'key' | 'organizationKey'>;

/** Everything that was counted, by wording (0: not known) and hour. */
export async function readEvents(on: Reader, mailing: Mailing): Promise<Event[]> {
  const { mailingHours: t } = on.tables;
  const counted = await on.db
    .select({ variantKey: t.variantKey, hour: t.hour, outcome: t.outcome, events: t.events })
    .from(t)
    .where(eq(t.mailingKey, mailing.key));
  const signed = await readSignatureSums(on, mailing);
  const all = [
    ...counted.map(({ outcome, ...event }) => ({
      ...event,
      figure: outcome === 'bounced_at_once' ? 'bounced' : outcome,
    })),
    ...signed.map(({ kind, variantKey, ...sum }) => ({ ...sum, variantKey: variantKey ?? 0, figure: kind })),
  ];
  return all.filter((event): event is Event => (FIGURES as readonly string[]).includes(event.figure));
}

function sum(events: readonly Event[]): Figures {
  const figures = Object.fromEntries(FIGURES.map((name) => [name, 0])) as Figures;
  for (const { figure, events: n } of events) figures[figure] += n;
  return figures;
}

function byHour(events: readonly Event[]): MailingStatistics['hours'] {
  const hours = new Map<number, Event[]>();
  for (const event of events) {
    const known = hours.get(event.hour);
    if (known) known.push(event);
    else hours.set(event.hour, [event]);
  }
  return [...hours]
    .sort(([a], [b]) => a - b)
    .slice(0, MOST_HOURS)
    .map(([hour, some]) => ({ hour, figures: sum(some) }));
}

async function readLinks(on: Reader, variants: readonly Variant[]): Promise<LinkStatistics[]> {
  const { mailingLinks: t, mailingLinkHours: h } = on.tables;
  if (variants.length === 0) return [];
  const ids = new Map(variants.map(({ key, publicId }) => [key, publicId]));
  const rows = await on.db
    .select({
      variantKey: t.variantKey,
      position: t.position,
      url: t.url,
      clicks: total(h.clicks),
      requests: total(h.requests),
    })
    .from(t)
    .leftJoin(h, eq(h.linkKey, t.key))
    .where(inArray(t.variantKey, [...ids.keys()]))
    .groupBy(t.variantKey, t.position, t.url)
    .orderBy(asc(t.variantKey), asc(t.position));
  return rows.map(({ variantKey, clicks, requests, ...link }) => ({
    ...link,
    variantId: ids.get(variantKey) ?? '',
    clicks,
    machineClicks: requests - clicks,
  }));
}

/**
 * How likely each wording is to be the best. Once the winner is chosen, from the hours before that: later the winner alone
 * goes out, to people who have not yet had time to sign.
 */
function chancesOf(
  mailing: MailingView,
  variants: readonly Variant[],
  events: readonly Event[],
  statesOf: (variantKey: number) => Record<RecipientState, number>,
): number[] | null {
  if (variants.length < 2) return null;
  const until = mailing.decidedAt ? hourOf(mailing.decidedAt) : Infinity;
  const before = events.filter(({ hour }) => hour < until);
  const tested = before.some(({ figure }) => figure === 'sent') ? before : events;
  return chancesToBeBest(
    variants.map(({ key }) => {
      const figures = sum(tested.filter(({ variantKey }) => variantKey === key));
      const of = until === Infinity ? statesOf(key).sent : figures.sent;
      return { of, successes: successesOf(mailing, figures) };
    }),
  );
}

/** What counts as success, by the metric of a test. */
export const successesOf = (
  { metric }: Pick<MailingView, 'metric'>,
  { clicks, confirmed }: Pick<Figures, 'clicks' | 'confirmed'>,
): number => (metric === 'clicks' ? clicks : confirmed);
