import fc from 'fast-check';
import t, { type Test } from 'tap';
import { LocalLimits } from '../../../src/http/limits/limit-local.js';
import type { Bucket, Policy } from '../../../src/http/limits/limit-store.js';

/* How one process counts by itself. */

const START = Date.UTC(2026, 10, 23, 19);

const policy = (name: string, requests: number, seconds: number): Policy => ({
  name,
  header: '',
  requests,
  seconds,
  soft: false,
});

/** Stops the clock of the process. */
function stopClock(t: Test): (ms: number) => void {
  let now = START;
  const { now: real } = Date;
  // Tap's own intercept keeps each call.
  Date.now = () => now;
  t.teardown(() => (Date.now = real));
  return (ms) => (now = START + ms);
}

t.test('a window begins with its first request, and ends by the clock', async (t) => {
  const setClock = stopClock(t);
  const limits = new LocalLimits();
  const burst = policy('burst', 2, 60);
  const take = (key = 'ada') => limits.take([{ policy: burst, key }]);
  t.same(take(), { policy: burst, left: 1, seconds: 60 });
  setClock(59_001);
  t.match(take(), { left: 0, seconds: 1 });
  t.match(take(), { left: -1, seconds: 1 }, 'one too many');
  t.match(take('bo'), { left: 1, seconds: 60 }, 'another client');
  setClock(59_999);
  t.match(take(), { left: -2, seconds: 1 });
  setClock(60_000);
  t.match(take(), { left: 1, seconds: 60 }, 'a new window');
});

t.test('looking returns what taking would, and counts nothing', async (t) => {
  const setClock = stopClock(t);
  const policies = [policy('burst', 2, 10), policy('sustained', 5, 60)];
  const step = fc.record({ gap: fc.nat(12_000), key: fc.constantFrom('ada', 'bo'), looks: fc.nat(3) });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const limits = new LocalLimits();
        let at = 0;
        return steps.every(({ gap, key, looks }) => {
          setClock((at += gap));
          const buckets = policies.map((one) => ({ policy: one, key }));
          const told = Array.from({ length: looks }, () => limits.look(buckets));
          const taken = limits.take(buckets);
          return told.every(
            ({ policy, left, seconds }) =>
              policy === taken.policy && left === taken.left && seconds === taken.seconds,
          );
        });
      }),
    ),
  );
});

t.test('the tightest is returned, and nothing is counted behind one that is exceeded', async (t) => {
  stopClock(t);
  const limits = new LocalLimits();
  const [wide, tight, last] = [policy('wide', 10, 60), policy('tight', 1, 60), policy('last', 5, 60)];
  const buckets = [wide, tight, last].map((one): Bucket => ({ policy: one, key: 'ada' }));
  t.match(limits.take(buckets), { policy: tight, left: 0 });
  t.match(limits.take(buckets), { policy: tight, left: -1 });
  t.match(limits.take([{ policy: wide, key: 'ada' }]), { left: 7 }, 'what stands before it is counted');
  t.match(limits.take([{ policy: last, key: 'ada' }]), { left: 3 }, 'what stands behind it is not');
  t.match(limits.take([{ policy: { ...tight }, key: 'ada' }]), { left: 0 }, 'each policy counts by itself');
});

t.test('memory is bounded: clients that were seen long ago are forgotten, recent ones are not', async (t) => {
  stopClock(t);
  const limits = new LocalLimits();
  const burst = policy('burst', 2, 60);
  const take = (key: string) => limits.take([{ policy: burst, key }]);
  let others = 0;
  const crowd = (size: number) => {
    for (let i = 0; i < size; i += 1) take(`other ${(others += 1)}`);
  };
  take('ada');
  crowd(99_999);
  t.match(take('ada'), { left: 0 }, 'among the last 100,000');
  crowd(200_001);
  t.match(take('ada'), { left: 1 }, 'behind twice as many');
  limits.close();
  t.match(take('ada'), { left: 1 }, 'nothing is left when it closes');
  t.equal(limits.state(), undefined);
});
