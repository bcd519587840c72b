/** Interleaved rounds: every contender runs once in each, so that disturbances of the machine affect all of them. */
import { openFile } from '../src/store/sqlite-driver.js';
import type { Contender } from './contenders.js';
import { memoryOf } from './meter.js';
import { summarize, type Line, type Sample } from './summary.js';
import type { Kind, Order, RawReport, Report } from './types.js';

/**
 * Seconds at the beginning of a run that are not measured; more in a server's first run, until its code is compiled.
 */
const WARMUP = 0.5;
const FIRST_WARMUP = 2;

/** The expected status of each kind of request. */
const GOOD: Record<Kind, number> = { sign: 202, read: 200, counts: 200, list: 200, redirect: 302 };

export type Plan = {
  kind: Kind;
  path: string;
  connections: number;
  rounds: number;
  seconds: number;
};

export type Besides = {
  name: string;
  /** `signers`: the number of the first new signer. Returns how many it has used. */
  measure: (signers: number) => Promise<{ sample: Sample; used: number }>;
};

/** The report of a worker without HTTP as a sample. */
export const sampleOf = ({ done, elapsed, serverCpu, otherCpu, metered }: RawReport): Sample => ({
  rate: done / elapsed,
  ...(metered ? { cpu: (serverCpu / done) * 1e6, others: otherCpu / elapsed } : {}),
});

export function createRunner(load: { ask(order: Order): Promise<Report> }) {
  /** Counts signers over all runs, so that no address is used twice. */
  let signers = 0;
  const acknowledged = new Map<Contender, number>();
  const followed = new Map<Contender, number>();
  const warm = new Set<Contender>();

  /** One run. `by`: another load generator, so that two runs can take place at the same time. */
  async function measure(
    contender: Contender,
    { kind, path, connections, seconds }: Plan,
    by = load,
  ): Promise<Sample> {
    const { pid, port, name } = contender;
    const warmup = warm.has(contender) ? WARMUP : FIRST_WARMUP;
    warm.add(contender);
    const report = await by.ask({ port, pid, kind, path, connections, seconds, warmup, first: signers });
    const good = report.statuses[GOOD[kind]] ?? 0;
    // One unexpected answer invalidates the run: refusals are fast, but no performance.
    if (good !== report.sent) {
      throw new Error(
        `${name} was sent ${report.sent} requests and answered ${JSON.stringify(report.statuses)}`,
      );
    }
    if (kind === 'sign') {
      signers += report.sent;
      acknowledged.set(contender, (acknowledged.get(contender) ?? 0) + good);
    }
    if (kind === 'redirect') followed.set(contender, (followed.get(contender) ?? 0) + good);
    const { answers, elapsed, p50, p99, serverCpu, loadCpu, otherCpu, metered } = report;
    return {
      rate: answers / elapsed,
      p50,
      p99,
      ...(metered
        ? { cpu: (serverCpu / answers) * 1e6, load: loadCpu / elapsed, others: otherCpu / elapsed }
        : {}),
      ...memoryOf(pid),
    };
  }

  return {
    measure,
    /** How many signatures a server has acknowledged. */
    acknowledged: (contender: Contender) => acknowledged.get(contender) ?? 0,
    /** How many redirects a server has answered. */
    followed: (contender: Contender) => followed.get(contender) ?? 0,

    async run(plan: Plan, contenders: Contender[], besides?: Besides): Promise<Line[]> {
      const samples = new Map<string, Sample[]>();
      const add = (name: string, sample: Sample) => samples.set(name, [...(samples.get(name) ?? []), sample]);
      for (let round = 1; round <= plan.rounds; round += 1) {
        console.log(`${plan.kind}, ${plan.connections} connections: round ${round} of ${plan.rounds}`);
        for (const contender of contenders) add(contender.name, await measure(contender, plan));
        if (besides) {
          const { sample, used } = await besides.measure(signers);
          signers += used;
          add(besides.name, sample);
        }
      }
      return [...samples].map(([name, some]) => summarize(plan, name, some));
    },

    /** Compares the rows that a server has stored with what it has acknowledged. Throws if they differ. */
    verify(contender: Contender): number {
      const said = acknowledged.get(contender) ?? 0;
      const db = openFile(contender.file ?? '', { readonly: true });
      const one = (sql: string) => db.prepare(sql).pluck().get() as number | null;
      const rows = one(`select count(*) from signatures where status = 'confirmed'`);
      const counter = one('select sum(confirmed) from petition_counts') ?? 0;
      db.close();
      if (rows !== said || counter !== said) {
        throw new Error(`${contender.name}: ${said} acknowledged, ${rows} rows, a counter of ${counter}`);
      }
      return said;
    },
  };
}
