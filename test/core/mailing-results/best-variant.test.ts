import fc from 'fast-check';
import t, { type Test } from 'tap';
import { betaCdf, chancesToBeBest, logGamma } from '../../../src/core/mailing-results/best-variant.js';
import { drawGamma } from '../../../src/core/sharing/gamma.js';

/** The sum by which the second of two is exactly the better one (E. Miller, 2014). */
function exact(a: { of: number; successes: number }, b: { of: number; successes: number }): number {
  const [a1, b1] = [1 + a.successes, 1 + a.of - a.successes];
  const [a2, b2] = [1 + b.successes, 1 + b.of - b.successes];
  const logBeta = (x: number, y: number) => logGamma(x) + logGamma(y) - logGamma(x + y);
  let sum = 0;
  for (let i = 0; i < a2; i += 1) {
    sum += Math.exp(logBeta(a1 + i, b1 + b2) - Math.log(b2 + i) - logBeta(1 + i, b2) - logBeta(a1, b1));
  }
  return sum;
}

const near = (t: Test, one: number | undefined, other: number, within: number, what: string) =>
  t.ok(Math.abs((one ?? NaN) - other) <= within, `${what}: ${one} is not ${other}`);

t.test('the functions have their known values', (t) => {
  near(t, logGamma(1), 0, 1e-12, 'Γ(1)');
  near(t, logGamma(5), Math.log(24), 1e-12, 'Γ(5)');
  near(t, logGamma(100), 359.1342053695754, 1e-9, 'Γ(100)');
  near(t, logGamma(1e6), 12815504.569147611, 1e-4, 'Γ(1,000,000)');
  near(t, betaCdf(0.5, 1, 1), 0.5, 1e-12, 'uniform');
  near(t, betaCdf(0.3, 2, 5), 0.579825, 1e-6, 'Beta(2, 5)');
  near(t, betaCdf(0.9, 30, 2), 0.169565, 1e-6, 'Beta(30, 2)');
  near(t, betaCdf(0.001, 1, 1000), 1 - 0.999 ** 1000, 1e-10, 'Beta(1, 1000)');
  t.end();
});

t.test('of two, the chance is that of the exact sum', (t) => {
  const cases = [
    [100, 10, 100, 10],
    [100, 10, 100, 15],
    [1000, 20, 1000, 31],
    [5000, 100, 200, 9],
    [0, 0, 50, 3],
    [50_000, 512, 50_000, 548],
    [40, 0, 40, 0],
    [10, 10, 10, 9],
  ] as const;
  for (const [n1, s1, n2, s2] of cases) {
    const [a, b] = [
      { of: n1, successes: s1 },
      { of: n2, successes: s2 },
    ];
    const [first, second] = chancesToBeBest([a, b]);
    near(t, second, exact(a, b), 5e-4, `${s1}/${n1} and ${s2}/${n2}`);
    near(t, (first ?? 0) + (second ?? 0), 1, 1e-12, 'together');
  }
  t.end();
});

t.test('of many, it is what drawing them says', (t) => {
  let state = 42;
  const random = (bytes: number) =>
    Buffer.from(
      Array.from({ length: bytes }, () => ((state = (state * 48_271) % 2_147_483_647) >> 11) & 255),
    );
  const trials = [
    { of: 900, successes: 30 },
    { of: 1000, successes: 41 },
    { of: 300, successes: 12 },
    { of: 1000, successes: 38 },
  ];
  const won = trials.map(() => 0);
  const draws = 20_000;
  for (let n = 0; n < draws; n += 1) {
    const rates = trials.map(({ of, successes }) => {
      const [yes, no] = [drawGamma(random, 1 + successes), drawGamma(random, 1 + of - successes)];
      return yes / (yes + no);
    });
    const best = rates.indexOf(Math.max(...rates));
    won[best] = (won[best] ?? 0) + 1;
  }
  chancesToBeBest(trials).forEach((chance, k) => {
    near(t, chance, (won[k] ?? 0) / draws, 0.015, `number ${k}`);
  });
  t.end();
});

t.test('whatever the figures, chances are chances, and quick', (t) => {
  const trial = fc.record({ of: fc.nat(2_000_000), successes: fc.nat(2_000_000) });
  fc.assert(
    fc.property(fc.array(trial, { minLength: 1, maxLength: 8 }), (trials) => {
      const chances = chancesToBeBest(trials);
      const sum = chances.reduce((one, other) => one + other, 0);
      return Math.abs(sum - 1) < 1e-9 && chances.every((one) => one >= 0 && one <= 1);
    }),
    { numRuns: 60 },
  );
  const eight = Array.from({ length: 8 }, (_, k) => ({ of: 125_000, successes: 2000 + 10 * k }));
  t.same(chancesToBeBest(eight), chancesToBeBest(eight), 'the same each time');
  const began = performance.now();
  chancesToBeBest(eight);
  t.ok(performance.now() - began < 500, `${performance.now() - began} ms`);
  t.comment(`${Math.round(performance.now() - began)} ms`);
  const equal = chancesToBeBest([
    { of: 10, successes: 1 },
    { of: 10, successes: 1 },
    { of: 10, successes: 1 },
  ]);
  for (const one of equal) near(t, one, 1 / 3, 1e-9, 'alike');
  t.same(chancesToBeBest([{ of: 0, successes: 0 }]), [1]);
  t.same(chancesToBeBest([]), []);
  t.end();
});
