import { eq } from 'drizzle-orm';
import { ANONYMOUS } from '../../../src/core/actor.js';
import { createMilestones, listMilestones } from '../../../src/core/counts/milestones.js';
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
