/** A worker that fills a database for growth.ts with imports. It takes one order at a time. */
import { join } from 'node:path';
import { SCOPES } from '../schema/db/tables/organization.js';
import { progressBar } from '../src/cli/progress-bar.js';
import type { KeyedActor } from '../src/core/actor.js';
import type { Context } from '../src/core/context.js';
import { recount } from '../src/core/counts/recount.js';
import { createKey } from '../src/core/organization/api-keys.js';
import { createOrganization } from '../src/core/organization/organizations.js';
import { createPetition, transitionPetition } from '../src/core/petitions/petitions.js';
import { importSignatures, type ImportLine } from '../src/core/signatures/signature-import.js';
import { createContext } from '../src/create-context.js';
import { erasureJournalFile } from '../src/erasure-journal-file.js';
import { migrateStore, openStore } from '../src/store/open.js';
import { emailOf } from './email.js';
import { insertRows, instantOf, settle, YEAR_MS, type Share } from './growth-rows.js';

export type FillOrder =
  | { what: 'begin'; petitions: number }
  | { what: 'fill'; from: number; to: number }
  /** Compares every counter with its rows. */
  | { what: 'verify' };
export type FillReport = { key?: string; petitions?: string[]; seconds: number; rows: number; rssMb: number };

const [url = '', folder = ''] = process.argv.slice(2);
const CHUNK_MS = 250;
const BATCH = 1000;
/** Petitions for imports in the end. */
const EMPTY = 3;
const bar = progressBar();
const slugOf = (petition: number) => `growth-${petition}`;
let petitions = 0;
let actor: KeyedActor;

async function withStore<T>(work: (ctx: Context) => Promise<T>): Promise<T> {
  const now = () => new Date();
  const onFatal = (error: unknown) => {
    throw error;
  };
  const store = await openStore(url, {
    now,
    maxWaiting: 1000,
    poolSize: 4,
    statementTimeoutMs: 600_000,
    onFatal,
  });
  const config = { publicUrl: 'http://127.0.0.1' };
  const erasures = erasureJournalFile(join(folder, 'erasures.log'));
  try {
    return await work(createContext({ config, store, rootKey: Buffer.alloc(32, 1), erasures }));
  } finally {
    await store.close();
  }
}

/** Creates an organization with a key, and its petitions, whose signatures count at once. */
async function begin(many: number): Promise<Partial<FillReport>> {
  await migrateStore(url);
  return withStore(async (ctx) => {
    const { key: organizationKey, publicId: organizationId } = await createOrganization(ctx, {
      name: 'Growth',
    });
    const { token, key } = await createKey(ctx, {
      organizationKey,
      kind: 'secret',
      name: 'growth',
      scopes: SCOPES,
    });
    const who = { keyKey: key.key, keyId: key.publicId, organizationKey, organizationId };
    actor = { kind: 'secret', ...who, scopes: SCOPES, origins: [] };
    petitions = many;
    for (let i = 0; i < many + EMPTY; i += 1) {
      const texts = { title: `Petition ${i}`, statement: 'Let us see how it grows.' };
      const { petition } = await createPetition(ctx, actor, {
        ...texts,
        slug: slugOf(i),
        confirmation: 'none',
      });
      await transitionPetition(ctx, actor, petition.publicId, { to: 'published' });
      bar.add('Petitions', 1, many);
    }
    return { key: token, petitions: Array.from({ length: many + EMPTY }, (_, i) => slugOf(i)) };
  });
}

/**
 * The number of rows for each petition. As in reality, one is huge and most are small: the k-th has a share of 1/k
 * (Zipf). Each gets its share of every step, so that its signatures are spread over the file as if all petitions were
 * signed at the same time.
 */
function sharesOf(rows: number): number[] {
  const weights = Array.from({ length: petitions }, (_, i) => 1 / (i + 1));
  const sum = weights.reduce((a, b) => a + b);
  let [before, given] = [0, 0];
  return weights.map((weight) => {
    before += weight;
    const share = Math.round((before / sum) * rows) - given;
    given += share;
    return share;
  });
}

const STEP = 200_000;

function* stepsOf(from: number, to: number): Generator<Share[]> {
  for (let at = from; at < to; at += STEP) {
    let first = at;
    const shares = sharesOf(Math.min(STEP, to - at)).map((many, petition) => {
      const share = { slug: slugOf(petition), first, many };
      first += many;
      return share;
    });
    yield shares.filter(({ many }) => many > 0);
  }
}

const tell = (many: number, from: number, to: number) =>
  bar.add(`Filling to ${to.toLocaleString('en')}`, many, to - from);

async function fill(from: number, to: number): Promise<Partial<FillReport>> {
  const rows = await (url.startsWith('file:') ? fillByImports : fillByStatements)(from, to);
  bar.clear();
  return { rows };
}

async function fillByStatements(from: number, to: number): Promise<number> {
  let rows = 0;
  for (const shares of stepsOf(from, to)) {
    await insertRows(url, Date.now() - YEAR_MS, shares);
    const many = shares.reduce((sum, share) => sum + share.many, 0);
    rows += many;
    tell(many, from, to);
  }
  await settle(url);
  return rows;
}

async function fillByImports(from: number, to: number): Promise<number> {
  let rows = 0;
  await withStore(async (ctx) => {
    for (const shares of stepsOf(from, to)) {
      for (const { slug, first, many } of shares) {
        const onError = (problem: object) => {
          throw new Error(JSON.stringify(problem));
        };
        const how = {
          actor,
          apiKeyKey: null,
          source: 'growth',
          chunkMs: CHUNK_MS,
          transactionMs: 2000,
          restMs: 0,
          onError,
        };
        const tally = await importSignatures(ctx, { ...how, petition: slug }, lines(first, first + many));
        if (tally.created !== many) throw new Error(`${tally.created} of ${many} were new`);
        rows += many;
        tell(many, from, to);
      }
    }
  });
  return rows;
}

async function* lines(from: number, to: number): AsyncGenerator<ImportLine[], void, undefined> {
  const start = Date.now() - YEAR_MS;
  for (let at = from; at < to; at += BATCH) {
    const many = Math.min(BATCH, to - at);
    yield Array.from({ length: many }, (_, i) => {
      const n = at + i;
      const createdAt = new Date(start + instantOf(n));
      return {
        line: n + 1,
        input: { email: emailOf(n), name: 'Ada Okonkwo', country: 'NL', display: 'initials', createdAt },
      };
    });
  }
}

async function verify(): Promise<Partial<FillReport>> {
  return withStore(async (ctx) => {
    const drifts = await recount(ctx.store.read);
    if (drifts.length > 0) throw new Error(JSON.stringify(drifts.slice(0, 5)));
    const { petitionCounts: t } = ctx.store.tables;
    const counts = await ctx.store.read.db.select({ confirmed: t.confirmed }).from(t);
    return { rows: counts.reduce((sum, { confirmed }) => sum + confirmed, 0) };
  });
}

process.on('message', (order: FillOrder) => {
  const begun = performance.now();
  const done =
    order.what === 'begin'
      ? begin(order.petitions)
      : order.what === 'fill'
        ? fill(order.from, order.to)
        : verify();
  void done.then((report) => {
    const seconds = (performance.now() - begun) / 1000;
    process.send?.({ rows: 0, ...report, seconds, rssMb: process.memoryUsage().rss / 1024 / 1024 });
  });
});
process.send?.('ready');
