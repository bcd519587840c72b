import fc from 'fast-check';
import type { KeyedActor } from '../../../src/core/actor.js';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import { addOffset, listOffsets, removeOffset } from '../../../src/core/paper/offsets.js';
import { listPaper } from '../../../src/core/paper/paper-access.js';
import { listBatches, removeBatch } from '../../../src/core/paper/paper-batches.js';
import { enterPaper } from '../../../src/core/paper/paper-entering.js';
import { erasePaper, moderatePaper } from '../../../src/core/paper/paper-moderation.js';
import { findAnyHead } from '../../../src/core/petitions/petition-lookup.js';
import { ApiError } from '../../../src/errors.js';
import { onEveryEngine, publish, start } from '../../support/helper.js';

/** What happens to what was entered. `which`: the place of the one that it happens to, among those there are. */
const step = fc.oneof(
  fc.record({ what: fc.constant('enter' as const), which: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    what: fc.constantFrom('invalidate', 'restore', 'erase', 'remove the batch', 'remove an offset'),
    which: fc.nat({ max: 20 }),
  }),
  fc.record({ what: fc.constant('add an offset' as const), which: fc.integer({ min: 1, max: 1000 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

type Row = { id: string; batch: string; counts: boolean };

onEveryEngine('what counts besides', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const lead = await api.organization('River Meadows');
  const actor: KeyedActor = {
    kind: 'secret',
    keyKey: 1,
    keyId: '',
    organizationKey: lead.key,
    organizationId: lead.id,
    scopes: ['signatures:read', 'paper:write'],
    origins: [],
  };
  let petitions = 0;

  /** Does a step to the petition, and to a model of it. */
  async function take(
    ref: string,
    model: { rows: Row[]; offsets: [string, number][] },
    { what, which }: Step,
  ) {
    const row = model.rows[which % Math.max(1, model.rows.length)];
    const offset = model.offsets[which % Math.max(1, model.offsets.length)];
    if (what === 'enter') {
      const signatures = Array.from({ length: which }, () => ({ name: 'Ada' }));
      const { batchId, created } = await enterPaper(ctx, actor, { petition: ref, source: null, signatures });
      model.rows.push(...created.map((id) => ({ id, batch: batchId ?? '', counts: true })));
    } else if (what === 'add an offset') {
      const { publicId } = await addOffset(ctx, actor, ref, { count: which, source: 'Town hall' });
      model.offsets.push([publicId, which]);
    } else if (what === 'remove an offset' && offset) {
      await removeOffset(ctx, actor, offset[0]);
      model.offsets = model.offsets.filter((one) => one !== offset);
    } else if (row && (what === 'invalidate' || what === 'restore')) {
      const to = what === 'restore' ? 'confirmed' : 'invalidated';
      const done = moderatePaper(ctx, actor, row.id, { to, reason: 'x' });
      if (row.counts === (to === 'confirmed')) await done.catch(expected);
      else await done;
      row.counts = to === 'confirmed';
    } else if (row && what === 'erase') {
      await erasePaper(ctx, actor, row.id);
      model.rows = model.rows.filter((one) => one !== row);
    } else if (row && what === 'remove the batch') {
      await removeBatch(ctx, actor, row.batch);
      model.rows = model.rows.filter(({ batch }) => batch !== row.batch);
    }
  }

  await t.test(
    'in any order of entering, taking out, putting back and removing, the sums are exact',
    async (t) => {
      const seen = new Set<string>();
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
          const slug = `petition-${(petitions += 1)}`;
          await publish(api, lead.secret, { slug });
          const head = await findAnyHead(api.store.read, slug);
          const model = { rows: [] as Row[], offsets: [] as [string, number][] };
          for (const one of steps) {
            await take(slug, model, one);
            seen.add(one.what);
            const { paper, offsets, confirmed } = await readCounts(api.store.read, head?.key ?? 0);
            const sums = [
              model.rows.filter(({ counts }) => counts).length,
              model.offsets.reduce((sum, [, number]) => sum + number, 0),
              0,
            ];
            if (JSON.stringify([paper, offsets, confirmed]) !== JSON.stringify(sums)) {
              throw new Error(`${one.what}: ${[paper, offsets, confirmed].join()} is not ${sums.join()}`);
            }
          }
          const listed = await listPaper(api.store.read, actor, slug, {}, { limit: 100 });
          t.same(listed.items.map(({ publicId }) => publicId).sort(), model.rows.map(({ id }) => id).sort());
          t.equal((await listOffsets(api.store.read, actor, slug)).length, model.offsets.length);
        }),
        { numRuns: 25 },
      );
      t.equal(seen.size, 7, 'everything has happened');
      t.same(await recount(api.store.read), []);
    },
  );

  await t.test('also of what happens at the same time', async (t) => {
    await publish(api, lead.secret, { slug: 'busy' });
    const enter = () =>
      enterPaper(ctx, actor, {
        petition: 'busy',
        source: null,
        signatures: [{ name: 'Ada', externalId: 'one' }, { name: 'Bo' }],
      });
    const entered = await Promise.all(Array.from({ length: 12 }, enter));
    t.equal(entered.flatMap(({ created }) => created).length, 13, 'one external id is entered once');
    const { items } = await listPaper(api.store.read, actor, 'busy', {}, { limit: 100 });
    const batches = await listBatches(api.store.read, actor, 'busy', { limit: 100 });
    await Promise.all([
      ...items
        .slice(0, 6)
        .map(({ publicId }) =>
          moderatePaper(ctx, actor, publicId, { to: 'invalidated', reason: 'x' }).catch(expected),
        ),
      ...items.slice(2, 8).map(({ publicId }) => erasePaper(ctx, actor, publicId).catch(expected)),
      ...batches.items.slice(0, 4).map(({ publicId }) => removeBatch(ctx, actor, publicId).catch(expected)),
      ...Array.from({ length: 5 }, () => addOffset(ctx, actor, 'busy', { count: 2, source: 'S' })),
      enter(),
    ]);
    t.same(await recount(api.store.read), []);
    t.match(await readCounts(api.store.read, (await findAnyHead(api.store.read, 'busy'))?.key ?? 0), {
      offsets: 10,
    });
  });

  await t.test('recount notices a sum that is wrong', async (t) => {
    const { petitionCounts, partnerCounts } = api.store.tables;
    await api.store.transact(async (tx) => {
      await tx.db.update(petitionCounts).set({ paper: 1000, offsets: 1000 });
      await tx.db.update(partnerCounts).set({ paper: 1000 });
    });
    const kinds = new Set((await recount(api.store.read)).map(({ what }) => what));
    t.same([...kinds].sort(), ['attributed_paper', 'offsets', 'paper']);
  });
});

/** What was taken out or removed already. */
function expected(error: unknown): void {
  if (!(error instanceof ApiError) || error.status >= 500) throw error;
}
