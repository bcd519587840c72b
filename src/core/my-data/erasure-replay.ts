import { and, asc, gt, isNull } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import type { Context } from '../context.js';
import { eraseInside, type Person } from './erasure.js';

/* After a backup was restored: forgets again everyone whose erasure is in the journal (erasure-journal.ts). */

/**
 * Repeats the erasures of the journal after a backup was restored. People who signed again after
 * their erasure stay. Returns how many were erased.
 */
export async function replayErasures(ctx: Context): Promise<number> {
  const lastErased = new Map<string, Date>();
  for (const { subject, at } of await ctx.erasures.entries()) lastErased.set(subject.toString('hex'), at);
  if (lastErased.size === 0) return 0;
  let erased = 0;
  for await (const person of allSupporters(ctx.store.read)) {
    const at = lastErased.get(ctx.secrets.subject(person.identity).toString('hex'));
    if (at !== undefined && person.createdAt < at && (await eraseInside(ctx, person))) erased += 1;
  }
  if (erased > 0) ctx.store.clean();
  return erased;
}

const AT_A_TIME = 1000;

async function* allSupporters(on: Reader): AsyncGenerator<Person> {
  const { supporters: t } = on.tables;
  for (let last = 0; ;) {
    const page = await on.db
      .select({ key: t.key, identity: t.identity, createdAt: t.createdAt })
      .from(t)
      .where(and(gt(t.key, last), isNull(t.erasedAt)))
      .orderBy(asc(t.key))
      .limit(AT_A_TIME);
    yield* page;
    if (page.length < AT_A_TIME) return;
    last = page.at(-1)?.key ?? last;
  }
}
