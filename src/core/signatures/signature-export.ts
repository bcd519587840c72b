import { and, asc, eq, gt, sql } from 'drizzle-orm';
import { SIGNATURE_STATUSES } from '../../../schema/db/tables/signatures.js';
import { ApiError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { worldOf, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { readCounts } from '../counts/counts.js';
import { nextLoopTurn } from '../one-per-turn.js';
import { assertStillActive } from '../organization/api-keys.js';
import { findSharedHead } from '../partners/partnerships.js';
import { accessTo, type Access } from './signature-access.js';
import { selectViews, type SignatureRead, type SignatureView } from './signature-views.js';
import { conditionsOf, type SignatureFilter } from './signatures.js';

/** Rows per read: on SQLite other requests wait for it, for a few milliseconds. */
const SLICE = 250;

export type SignatureExport = {
  slug: string;
  /** The names of the petition's own fields, also of former ones. */
  ownFields: string[];
  /** An upper bound of how many there are: signatures that are not shown are included. */
  about: number;
  slices: AsyncGenerator<SignatureView[], void, undefined>;
};

/**
 * All signatures of a petition that the actor's organization may see, oldest first, in the form of `listSignatures`.
 * They are read in slices, in the order of a key that only grows: none is repeated, and every one that existed at the
 * start is included; later ones may be. A status is the one at the time of its slice. No transaction stays open, so
 * that SQLite can reset its log meanwhile. Throws `petition_not_found` at once; the slices throw it, and `invalid_key`,
 * if access ends on the way.
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
  const ownFields = petition.formFields.map(({ name }) => name);
  return { slug: petition.slug, ownFields, about, slices: slicesOf(ctx, actor, petition, filter) };
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
    // Checked for each slice: access can change while a slow client reads.
    await assertStillActive(on, actor);
    const access = await accessTo(ctx, on, actor, petition);
    if (!access) throw new ApiError('petition_not_found');
    read ??= await readerOf(on, actor, petition.key, filter, access);
    const rows = read ? await read(on, { edge }) : [];
    if (rows.length > 0) yield rows.map((row) => access.show(row));
    if (rows.length < SLICE) return;
    edge = rows.at(-1)?.key ?? edge;
  }
}

/**
 * Returns a function that reads the next slice. One statement, hence one snapshot: it merges one ordered run of the
 * index per status. Undefined: nothing can match.
 */
async function readerOf(
  on: Reader,
  actor: KeyedActor,
  petitionKey: number,
  filter: SignatureFilter,
  access: Access,
) {
  const conditions = await conditionsOf(on, filter, access, worldOf(actor));
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
