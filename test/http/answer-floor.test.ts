import { isInCrowd, withFloor } from '../../src/http/answer-floor.js';
import { ApiError } from '../../src/errors.js';
import { onEveryEngine, start } from '../support/helper.js';

const FLOOR_MS = { sqlite: 5, postgres: 25 };

onEveryEngine('an answer leaves no earlier than the floor, unless it may', async (t, engine) => {
  const { app } = await start(t, engine);
  const { ctx } = app;
  const floor = FLOOR_MS[engine.name];
  const timed = async (work: () => Promise<unknown>) => {
    const from = performance.now();
    await work().catch(() => undefined);
    return performance.now() - from;
  };
  // Timers may fire up to a millisecond early.
  t.ok((await timed(() => withFloor(ctx, () => Promise.resolve()))) >= floor - 1);
  t.ok((await timed(() => withFloor(ctx, () => Promise.reject(new ApiError('not_found'))))) >= floor - 1);
  const told = withFloor(
    ctx,
    () => Promise.resolve('seen'),
    (result) => result === 'seen',
  );
  let isLate = false;
  setTimeout(() => (isLate = true), 0);
  t.equal(await told, 'seen');
  t.notOk(isLate, 'it waits for no timer');
});

onEveryEngine('transactions know how many share their commit', async (t, engine) => {
  const { store } = await start(t, engine);
  const together = (n: number) =>
    Promise.all(
      Array.from({ length: n }, (_, i) => store.gather([`person ${i}`], async (tx) => tx.together)),
    );
  t.same(await together(1), [1]);
  const many = await together(40);
  t.ok(Math.max(...many) > 1, 'they share commits');
  t.ok(Math.max(...many) <= 40);
  t.equal(isInCrowd(15), false);
  t.equal(isInCrowd(16), true);
});
