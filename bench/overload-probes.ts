/** Probes: requests that must be answered even under overload, repeated on separate connections. */
import { Agent, request } from 'node:http';
import { percentiles } from './percentiles.js';

const EVERY_MS = 200;
/** A probe that takes longer counts as failed. */
const PATIENCE_MS = 5000;

export type Probe = { name: string; asked: number; failed: Record<string, number>; p50: number; p99: number };

export function startProbes(
  port: number,
  probes: Record<string, { method: string; path: string }>,
): { stop(): Promise<Probe[]> } {
  const agent = new Agent({ keepAlive: true });
  const under: Promise<void>[] = [];
  const found = new Map(Object.keys(probes).map((name) => [name, { times: [] as number[], failed: {} }]));
  const ask = (name: string, { method, path }: { method: string; path: string }) => {
    const { times, failed } = found.get(name) as { times: number[]; failed: Record<string, number> };
    const begun = performance.now();
    return new Promise<void>((resolve) => {
      const failure = (what: string) => {
        failed[what] = (failed[what] ?? 0) + 1;
        resolve();
      };
      const outgoing = request({ port, host: '127.0.0.1', method, path, agent, timeout: PATIENCE_MS });
      outgoing.on('response', (response) => {
        response.resume().on('end', () => {
          times.push(performance.now() - begun);
          if (response.statusCode === 200) resolve();
          else failure(String(response.statusCode));
        });
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
      outgoing.on('error', (error: NodeJS.ErrnoException) => failure(error.code ?? error.message));
      outgoing.end();
    });
  };
  const timer = setInterval(() => {
    for (const [name, probe] of Object.entries(probes)) under.push(ask(name, probe));
  }, EVERY_MS);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(under);
      agent.destroy();
      return [...found].map(([name, { times, failed }]) => {
        return { name, asked: times.length, failed, ...percentiles(times) };
      });
    },
  };
}
