import { eq } from 'drizzle-orm';
import { ANONYMOUS, type KeyedActor } from '../../../src/core/actor.js';
import { createMilestones, listMilestones, listThresholds } from '../../../src/core/counts/milestones.js';
import { patchPetition } from '../../../src/core/petitions/petitions.js';
import { onEveryEngine, publish, start } from '../../support/helper.js';

onEveryEngine('goals that another thread has changed are looked at again', async (t, engine) => {
  const api = await start(t, engine);
  const { store, verbs } = api;
  const { secret } = await api.organization('Meadow Friends');
  const { id } = await publish(api, secret, { confirmation: 'none', goals: [1, 3] });
  const sign = (email: string) => verbs.sign(ANONYMOUS, id, { email, name: 'Ada' });
  const { petitionKey } = await sign('one@example.org');
  const { key } = (await sign('two@example.org')).signature;
  await sign('three@example.org');
  const elsewhere = createMilestones(store);
  await elsewhere.settle(petitionKey, { goals: [1, 3], thresholds: [] });

  const { signatures: s, petitions: p } = store.tables;
  const [row] = await store.read.db.select({ id: s.publicId }).from(s).where(eq(s.key, key));
  const path = `/v1/signatures/${row?.id}/invalidate`;
  t.equal((await api.call('POST', path, { key: secret, body: { reason: 'duplicate' } })).status, 200);
  await store.transact(async (tx) => {
    await tx.db
      .update(p)
      .set({ goals: [2, 10] })
      .where(eq(p.key, petitionKey));
  });
  await elsewhere.settle(petitionKey, { goals: [2, 10], thresholds: [] });
  const reached = await listMilestones(store.read, petitionKey);
  t.same(
    reached.map(({ value }) => value),
    [1, 2, 3],
    'a lower goal than the highest so far',
  );
});

onEveryEngine(
  'a threshold is reached once, whoever looks, and a promise that is gone is not kept',
  async (t, engine) => {
    const api = await start(t, engine, { store: { maxWaiting: 5000 } });
    const { app, store, verbs } = api;
    const { key, secret } = await api.organization('Meadow Friends');
    const actor: KeyedActor = { kind: 'secret', organizationKey: key, test: false } as KeyedActor;
    const values = [1, 5, 9, 20];
    const promises = values.map((value) => ({ value, promise: `What ${value} get` }));
    const { id } = await publish(api, secret, { confirmation: 'none', thresholds: promises });
    const sign = (n: number) => verbs.sign(ANONYMOUS, id, { email: `p${n}@example.org`, name: `P ${n}` });
    const { petitionKey, steps } = await sign(0);
    t.same(steps, { goals: [], thresholds: values });
    const reachedBy = async () => {
      const all = await listThresholds(store.read, petitionKey);
      return all.flatMap(({ value, reachedAt }) => (reachedAt ? [[value, reachedAt.getTime()]] : []));
    };
    const first = await reachedBy();
    t.same(
      first.map(([value]) => value),
      [1],
    );

    await t.test('several processes look while many sign and one is weeded', async (t) => {
      const others = Array.from({ length: 4 }, () => createMilestones(store));
      const looked = Array.from({ length: 9 }, async (_, i) => {
        const signed = await sign(i + 1);
        await Promise.all(others.map((one) => one.settle(petitionKey, signed.steps)));
        return signed;
      });
      await Promise.all(looked);
      const after = await reachedBy();
      t.same(
        after.map(([value]) => value),
        [1, 5, 9],
      );
      t.same(after[0], first[0], 'the first instant stays');
      api.setClock(new Date(Date.now() + 60_000));
      const { signature } = await sign(3);
      const { signatures: s } = store.tables;
      const [row] = await store.read.db.select({ id: s.publicId }).from(s).where(eq(s.key, signature.key));
      const path = `/v1/signatures/${row?.id}`;
      for (const [action, reason] of [
        ['invalidate', 'duplicate'],
        ['restore', 'mistake'],
      ]) {
        const body = { reason };
        t.equal((await api.call('POST', `${path}/${action}`, { key: secret, body })).status, 200);
        await Promise.all(others.map((one) => one.settle(petitionKey, steps)));
        t.same(await reachedBy(), after);
      }
      await createMilestones(store).settleAll();
      t.same(await reachedBy(), after, 'a start changes nothing');
    });

    await t.test('one that goes while it is reached is either refused or gone', async (t) => {
      const left = promises.slice(0, 3);
      const [patched] = await Promise.allSettled([
        patchPetition(app.ctx, actor, id, null, { thresholds: left }),
        ...Array.from({ length: 10 }, (_, i) => sign(i + 10)),
      ]);
      const all = await listThresholds(store.read, petitionKey);
      const last = all.find(({ value }) => value === 20);
      if (patched.status === 'fulfilled') t.equal(last, undefined);
      else t.ok(last?.reachedAt);
      const { petitions: p } = store.tables;
      const [row] = await store.read.db.select().from(p).where(eq(p.key, petitionKey));
      t.same(
        row?.thresholdValues,
        all.map(({ value }) => value),
        'the row of the petition has the same',
      );
    });
  },
);
