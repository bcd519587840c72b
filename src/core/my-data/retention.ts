import { and, asc, count, eq, gt, inArray, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { RunAgain, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { forgetFiles, forgetSalts } from '../deliveries/forgetting-lines.js';
import { anonymisePaper, countNamedPaper } from '../paper/paper-retention.js';
import { retentionAt } from '../petitions/petition-life.js';
import { forgetIdleContacts } from '../supporters/contacts.js';
import { emptyRequests, emptySignatures, forgetTraces, emptiedSupporter } from '../supporters/forgetting.js';
import { signedBy } from '../signed-by.js';
import { DAY_MS } from '../../time.js';

/* Retention: anonymises signatures some time after their petition closed, as the petition says. */

type PetitionRow = Tables['petitions']['$inferSelect'];

/**
 * A petition that has ended. `exempt`: it has no retention period; `early`: the period still runs; `failed`: see
 * `error`.
 */
export type Retained = {
  publicId: string;
  slug: string;
  outcome: 'due' | 'early' | 'exempt' | 'failed';
  /** How many of its signatures, those on paper included, were anonymised, or would be in a dry run. */
  signatures: number;
  error?: unknown;
};

export type RetentionRun = { petitions: Retained[]; supporters: number };

/**
 * Anonymises the signatures of petitions whose retention period is over; counts do not change. Then forgets supporters
 * who have nothing else left. A failure at one petition does not stop the others. A dry run only counts.
 */
export async function runRetention(ctx: Context, { dryRun }: { dryRun: boolean }): Promise<RetentionRun> {
  const { petitions: t } = ctx.store.tables;
  const petitions: Retained[] = [];
  const over: number[] = [];
  for (const petition of await ctx.store.read.db.select().from(t).orderBy(asc(t.key))) {
    const period = retentionAt(petition, ctx.now());
    if (period) petitions.push(await retain(ctx, petition, period, dryRun));
    if (period === 'over') over.push(petition.key);
  }
  if (dryRun) return { petitions, supporters: 0 };
  await forgetTaps(ctx, over);
  const supporters = await forgetIdle(ctx);
  ctx.store.clean();
  return { petitions, supporters };
}

async function retain(
  ctx: Context,
  { key, publicId, slug }: PetitionRow,
  period: 'over' | 'early' | 'exempt',
  dryRun: boolean,
): Promise<Retained> {
  const about = { publicId, slug, signatures: 0 };
  if (period !== 'over') return { ...about, outcome: period };
  try {
    const signatures = await (dryRun ? countNamed : anonymise)(ctx, key);
    return { ...about, outcome: 'due', signatures };
  } catch (error) {
    return { ...about, outcome: 'failed', error };
  }
}

async function countNamed({ store }: Context, petitionKey: number): Promise<number> {
  const { signatures: t } = store.tables;
  const [row] = await store.read.db
    .select({ signatures: count() })
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), isNotNull(t.supporterKey)));
  return (row?.signatures ?? 0) + (await countNamedPaper(store, petitionKey));
}

/** Signatures per transaction, so that other writers get their turn. */
const AT_A_TIME = 1000;

async function anonymise(ctx: Context, petitionKey: number): Promise<number> {
  await forgetFiles(ctx.store, petitionKey);
  const signed = await inSteps(() => anonymiseSome(ctx, petitionKey));
  return signed + (await inSteps(() => anonymisePaper(ctx.store, petitionKey, AT_A_TIME)));
}

async function inSteps(step: () => Promise<number>): Promise<number> {
  for (let done = 0; ;) {
    const some = await step();
    done += some;
    if (some < AT_A_TIME) return done;
  }
}

const anonymiseSome = ({ store }: Context, petitionKey: number): Promise<number> =>
  store.transact(async (tx) => {
    const { signatures: t, confirmationRequests, spellings } = tx.tables;
    const rows = await tx.db
      .select({ key: t.key, supporterKey: t.supporterKey })
      .from(t)
      .where(and(eq(t.petitionKey, petitionKey), isNotNull(t.supporterKey)))
      .limit(AT_A_TIME);
    if (rows.length === 0) return 0;
    const keys = rows.map(({ key }) => key);
    const signers = rows.flatMap(({ supporterKey }) => supporterKey ?? []);
    await emptySignatures(tx, inArray(t.key, keys), { supporterKey: null });
    await forgetSalts(tx, inArray(t.key, keys));
    await tx.db.delete(spellings).where(inArray(spellings.signatureKey, keys));
    const { supporterKey, signatureKey } = confirmationRequests;
    await emptyRequests(tx, and(inArray(supporterKey, signers), inArray(signatureKey, keys)));
    await forgetIdleContacts(tx, signers);
    return rows.length;
  });

/**
 * Empties the taps in mails that nobody has confirmed: they say who was to sign, and there is no signature that leads to
 * them. No index begins with the petition, so all requests are read, once for all petitions.
 */
async function forgetTaps({ store }: Context, petitionKeys: number[]): Promise<void> {
  if (petitionKeys.length === 0) return;
  const { confirmationRequests: t } = store.tables;
  const isTap = and(isNull(t.signatureKey), isNotNull(t.data), inArray(t.petitionKey, petitionKeys));
  for (let last = 0; ;) {
    const rows = await store.read.db
      .select({ key: t.key })
      .from(t)
      .where(and(gt(t.key, last), isTap))
      .orderBy(asc(t.key))
      .limit(AT_A_TIME);
    const keys = rows.map(({ key }) => key);
    if (keys.length > 0) await store.transact((tx) => emptyRequests(tx, inArray(t.key, keys)));
    if (keys.length < AT_A_TIME) return;
    last = keys.at(-1) ?? last;
  }
}

const READ_AT_A_TIME = 10_000;
const FORGOTTEN_AT_A_TIME = 100;

/** Forgets supporters without a signature, subscription or change of address. Returns how many. */
async function forgetIdle(ctx: Context): Promise<number> {
  let forgotten = 0;
  for (let last = 0; ;) {
    const keys = await readIdle(ctx, last);
    for (let i = 0; i < keys.length; i += FORGOTTEN_AT_A_TIME) {
      const some = keys.slice(i, i + FORGOTTEN_AT_A_TIME);
      forgotten += await ctx.store.transact((tx) => forgetSupporters(tx, some));
    }
    if (keys.length < READ_AT_A_TIME) return forgotten;
    last = keys.at(-1) ?? last;
  }
}

/** Joins instead of `not exists`, so that both engines scan each table only once. */
async function readIdle({ store, now }: Context, after: number): Promise<number[]> {
  const { supporters: t, signatures, subscriptions, emailChanges } = store.tables;
  const rows = await store.read.db
    .select({ key: t.key })
    .from(t)
    .leftJoin(signatures, eq(signatures.supporterKey, t.key))
    .leftJoin(subscriptions, eq(subscriptions.supporterKey, t.key))
    .leftJoin(emailChanges, eq(emailChanges.supporterKey, t.key))
    .where(
      and(
        gt(t.key, after),
        isNull(t.erasedAt),
        // Those go with the other data of the test.
        isNull(t.testOrganizationKey),
        lt(t.createdAt, new Date(now().getTime() - DAY_MS)),
        isNull(signatures.key),
        isNull(subscriptions.key),
        isNull(emailChanges.key),
      ),
    )
    .orderBy(asc(t.key))
    .limit(READ_AT_A_TIME);
  return rows.map(({ key }) => key);
}

async function forgetSupporters(tx: Tx, keys: number[]): Promise<number> {
  const { supporters: t } = tx.tables;
  const busy = await busyAmong(tx, keys);
  const idle = keys.filter((key) => !busy.has(key));
  if (idle.length === 0) return 0;
  await tx.db
    .update(t)
    .set({ ...emptiedSupporter(tx), identity: sql`'retired:' || ${t.key}` })
    .where(inArray(t.key, idle));
  // On PostgreSQL a signing may have committed before the update locked the rows.
  if ((await busyAmong(tx, idle)).size > 0) throw new RunAgain();
  tx.memo.clear();
  await forgetTraces(tx, idle);
  return idle.length;
}

/** Supporters who have signed, subscribed or changed their address since they were read. */
async function busyAmong(tx: Tx, keys: number[]): Promise<Set<number | null>> {
  const { signatures, subscriptions, emailChanges } = tx.tables;
  const found = [
    ...(await tx.db
      .select({ key: signatures.supporterKey })
      .from(signatures)
      .where(signedBy(tx, ...keys))),
    ...(await tx.db
      .select({ key: subscriptions.supporterKey })
      .from(subscriptions)
      .where(inArray(subscriptions.supporterKey, keys))),
    ...(await tx.db
      .select({ key: emailChanges.supporterKey })
      .from(emailChanges)
      .where(inArray(emailChanges.supporterKey, keys))),
  ];
  return new Set(found.map(({ key }) => key));
}
