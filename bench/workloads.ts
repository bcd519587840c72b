/** The `--json` output for each workload: our server, its limits, and the naive endpoint. */
import { ratioOf, type Line } from './summary.js';
import { KINDS, type Kind } from './types.js';

type Rate = { rps: number };

export type Workload = {
  name: Kind;
  connections: number;
  ours: Rate & { p50_ms: number; p99_ms: number; rss_mb: number | null; cpu_us: number | null };
  /** Bare node:http that does nothing but parse the request and answer as many bytes. */
  limit_http: Rate | null;
  /** better-sqlite3 without HTTP, the same rows. */
  limit_store: Rate | null;
  /** Bare node:http and a hand-written group commit: the minimal cost of a durable signature. */
  limit_hand: Rate | null;
  /** A naive endpoint on Fastify and better-sqlite3. */
  naive: Rate | null;
  ratio_http: number | null;
  ratio_store: number | null;
  ratio_hand: number | null;
  ratio_naive: number | null;
};

const round = (value: number, digits: number) => Number(value.toFixed(digits));

/** All results by workload. */
export const workloadsOf = (lines: Line[], sockets: number[]): Workload[] =>
  KINDS.flatMap((kind) =>
    sockets.flatMap((connections) => {
      const those = lines.filter((line) => line.kind === kind && line.connections === connections);
      const ours = those.find(({ name }) => name === 'ours');
      return ours ? [workload(kind, ours, those)] : [];
    }),
  );

function workload(name: Kind, ours: Line, lines: Line[]): Workload {
  const find = (...starts: string[]) =>
    lines.find((line) => starts.some((start) => line.name.startsWith(start)));
  const limits = { http: find('L1', 'bare'), store: find('raw'), hand: find('L3'), naive: find('naive') };
  const rate = (line: Line | undefined) => line && { rps: Math.round(line.rate) };
  const ratio = (line: Line | undefined) => (line ? round(ratioOf(ours, line), 3) : null);
  return {
    name,
    connections: ours.connections,
    ours: {
      rps: Math.round(ours.rate),
      p50_ms: round(ours.p50 ?? NaN, 2),
      p99_ms: round(ours.p99 ?? NaN, 2),
      rss_mb: ours.rss === undefined ? null : round(ours.rss, 0),
      cpu_us: ours.cpu === undefined ? null : round(ours.cpu, 1),
    },
    limit_http: rate(limits.http) ?? null,
    limit_store: rate(limits.store) ?? null,
    limit_hand: rate(limits.hand) ?? null,
    naive: rate(limits.naive) ?? null,
    ratio_http: ratio(limits.http),
    ratio_store: ratio(limits.store),
    ratio_hand: ratio(limits.hand),
    ratio_naive: ratio(limits.naive),
  };
}
