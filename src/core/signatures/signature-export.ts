import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { SIGNATURE_STATUSES } from '../../../schema/db/tables/signatures.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { readCounts } from '../counts/counts.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { assertStillActive } from '../organization/api-keys.js';
import { findSharedHead } from '../partners/partnerships.js';
import { accessTo, type Access } from './signature-access.js';
import { selectViews, type SignatureRead, type SignatureView } from './signature-views.js';
import { conditionsOf, type SignatureFilter } from './signatures.js';

/** Read in one go: on SQLite everybody waits for it, a few milliseconds. */
const SLICE = 250;

export type SignatureExport = {
  slug: string;
  /** How many there are at most: what is not shown is counted too. */
  about: number;
  slices: AsyncGenerator<SignatureView[], void, undefined>;
};

/**
 * All signatures of a petition that are shown to the actor's organization, first signed first, as `listSignatures` shows
 * them. They are read in slices, each as it is at that moment, in the order of a key that only grows: so nobody comes twice,
 * and all are there that were there when it began; who signs meanwhile may be there, and a status is the one at reading. No
 * transaction stays open, so that SQLite's log can begin anew meanwhile.
 * Throws `petition_not_found`, at once. The slices throw it too, and `invalid_key`, when that changes on the way.
 */
export async function exportSignatures(
  ctx: Pick<Context, 'store' | 'secrets'>,
  actor: KeyedActor,
  petitionRef: string,
  filter: SignatureFilter,
): Promise<SignatureExport> {
  const on = ctx.store.read;
  const petition = await findSharedHead(on, actor, petitionRef);
  if (!(await accessTo(ctx, on, actor, petition))) throw new ApiError('petition_not_found');
  const statuses = filter.statuses ?? SIGNATURE_STATUSES;
  const counts = await readCounts(on, petition.key);
  const about = statuses.reduce((sum, status) => sum + counts[status], 0);
  return { slug: petition.slug, about, slices: slicesOf(ctx, actor, petition, filter) };
}

type Petition = { key: number; organizationKey: number };

async function* slicesOf(
  ctx: Pick<Context, 'store' | 'secrets'>,
  actor: KeyedActor,
  petition: Petition,
  filter: SignatureFilter,
): SignatureExport['slices'] {
  const on = ctx.store.read;
  let read: Awaited<ReturnType<typeof readerOf>>;
  for (let edge = 0; ;) {
    await nextLoopTurn();
    // Asked each time: who may see what can change while a slow client reads.
    await assertStillActive(on, actor);
    const access = await accessTo(ctx, on, actor, petition);
    if (!access) throw new ApiError('petition_not_found');
    read ??= await readerOf(on, petition.key, filter, access);
    const rows = read ? await read(on, { edge }) : [];
    if (rows.length > 0) yield rows.map((row) => access.show(row));
    if (rows.length < SLICE) return;
    edge = rows.at(-1)?.key ?? edge;
  }
}

/**
 * Reads the next slice: of each status one ordered run of the index, merged, in one statement, hence as of one moment.
 * Undefined: there is nothing.
 */
async function readerOf(on: Reader, petitionKey: number, filter: SignatureFilter, access: Access) {
  const conditions = await conditionsOf(on, filter, access);
  if (!conditions) return undefined;
  const { statuses = SIGNATURE_STATUSES } = filter;
  const build = ({ db, tables }: Reader) => {
    const { signatures: t } = tables;
    const after = gt(t.key, bind(t.key, 'edge'));
    const runs = statuses.map((status, i) => {
      const run = db
        .select({ key: t.key })
        .from(t)
        .where(and(eq(t.petitionKey, petitionKey), eq(t.status, status), after, ...conditions))
        .orderBy(asc(t.key))
        .limit(SLICE);
      return sql`select * from ${run} as ${sql.identifier(`run${i}`)}`;
    });
    return selectViews({ db, tables })
      .where(sql`${t.key} in (${sql.join(runs, sql` union all `)})`)
      .orderBy(asc(t.key))
      .limit(SLICE);
  };
  // Without a name: PostgreSQL would keep a named one, and there are as many as there are filters.
  return statement<{ edge: number }, SignatureRead[], Reader>('', build);
}
