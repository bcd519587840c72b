import { createHash } from 'node:crypto';
import { and, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Network } from '../../../schema/db/tables/sharing.js';
import { bind, bindAll, statement, type Reader, type Tx } from '../../store/store.js';
import type { Basics } from '../basics.js';
import { total } from '../counts/counts.js';
import { drawGamma } from './gamma.js';

/* The variants of a petition's share texts, and which of them the next link gets. */

type Petition = Pick<Tables['petitions']['$inferSelect'], 'key' | 'shareTexts' | 'shareSplit'>;

const hashOf = (text: string | null): Buffer =>
  createHash('sha256')
    .update(text ?? '')
    .digest();

const insertVariant = statement('share_variant_insert', ({ db, tables: { shareVariants: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['publicId', 'petitionKey', 'network', 'text', 'hash', 'createdAt']))
    .onConflictDoNothing({ target: [t.petitionKey, t.network, t.hash] }),
);

const findVariant = statement('share_variant_find', ({ db, tables: { shareVariants: t } }: Tx) =>
  db
    .select({ key: t.key })
    .from(t)
    .where(
      and(
        eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')),
        eq(t.network, bind(t.network, 'network')),
        eq(t.hash, bind(t.hash, 'hash')),
      ),
    ),
);

/** The row of a text variant, which is created on first use. */
export async function variantKeyOf(
  ctx: Pick<Basics, 'newId'>,
  tx: Tx,
  petitionKey: number,
  network: Network,
  text: string | null,
): Promise<number> {
  const place = { petitionKey, network, hash: hashOf(text) };
  const [known] = await findVariant(tx, place);
  if (known) return known.key;
  await insertVariant(tx, { ...place, publicId: ctx.newId('var'), text, createdAt: tx.now });
  const [made] = await findVariant(tx, place);
  if (!made) throw new Error('a variant is neither there nor can it be made');
  return made.key;
}

/** What a variant has brought so far. */
type Figures = { links: number; conversions: number };

export type ShareSplit = {
  /** Chooses the text of the next link on a network, and counts the choice; null if the petition has no text for it. */
  pick(on: Reader, petition: Petition, network: Network): Promise<string | null>;
};

/** How long the figures are used before they are read again; choices are added meanwhile. Reading sums many rows. */
const MAX_AGE_MS = 10_000;

/**
 * `even` picks the text with the fewest links. `adaptive` is Thompson sampling: for each text a rate of signatures per
 * link is drawn from what is known about it, and the highest wins. So better texts are used more often, and others are
 * still tried as long as they could be better.
 */
export function createShareSplit({ now, random }: Pick<Basics, 'now' | 'random'>): ShareSplit {
  const read = new Map<string, { at: number; figures: Map<string, Figures> }>();

  async function figuresOf(on: Reader, petitionKey: number, network: Network) {
    const place = `${petitionKey} ${network}`;
    const at = now().getTime();
    const known = read.get(place);
    if (known && Math.abs(at - known.at) < MAX_AGE_MS) return known.figures;
    const figures = await readFigures(on, petitionKey, network);
    read.set(place, { at, figures });
    return figures;
  }

  return {
    async pick(on, { key, shareTexts, shareSplit }, network) {
      const texts = [...new Set(shareTexts.flatMap((one) => (one.network === network ? one.text : [])))];
      if (texts.length < 2) return texts[0] ?? null;
      const figures = await figuresOf(on, key, network);
      const scored = texts.map((text) => {
        const hash = hashOf(text).toString('hex');
        const known = figures.get(hash) ?? { links: 0, conversions: 0 };
        return { text, hash, ...known, score: shareSplit === 'even' ? -known.links : rate(known) };
      });
      const best = scored.reduce((one, other) => (other.score > one.score ? other : one));
      figures.set(best.hash, { links: best.links + 1, conversions: best.conversions });
      return best.text;
    },
  };

  /** A draw from Gamma(1 + conversions, 1 + links). */
  function rate({ links, conversions }: Figures): number {
    return drawGamma(random, 1 + Math.max(0, conversions)) / (1 + links);
  }
}

/** Keyed by the hash of the text, in hexadecimal. */
async function readFigures({ db, tables }: Reader, petitionKey: number, network: Network) {
  const { shareVariants: v, shareHistory: h } = tables;
  const rows = await db
    .select({ hash: v.hash, links: total(h.links), conversions: total(h.conversions) })
    .from(v)
    .innerJoin(h, eq(h.variantKey, v.key))
    .where(and(eq(v.petitionKey, petitionKey), eq(v.network, network)))
    .groupBy(v.key, v.hash);
  return new Map(rows.map(({ hash, ...figures }) => [hash.toString('hex'), figures]));
}
