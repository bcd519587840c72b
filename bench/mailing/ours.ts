import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { packageRoot } from '../../src/package.js';

/* Our mailing thread as the built server starts it, in a process that does nothing else. */

const PROGRAM = `
const at = (path) => import(new URL(path, ${JSON.stringify(new URL('dist/src/', packageRoot).href)}));
const { loadConfig } = await at('config.js');
const { startMailings } = await at('start-mailings.js');
const { turnMemory } = await at('store/writer-turn.js');
const say = (level) => (values, message) => console.error(level, message, JSON.stringify(values));
const logger = { debug() {}, info() {}, warn: say('warn'), error: say('error'), isLevelEnabled: (level) => level !== 'debug' };
const rootKey = Buffer.alloc(32, 7);
const thread = await startMailings({ config: loadConfig(process.env, false), rootKey, logger, turn: turnMemory(), onFailure: (error) => { console.error(error); process.exit(74); } });
process.on('SIGTERM', async () => { await thread.stop(); process.exit(0); });
console.log('ready');
`;

export type Ours = {
  process: ChildProcess;
  rssMb: () => number;
  stop: () => Promise<void>;
  kill: () => Promise<void>;
};

export async function startOurs(env: Record<string, string>, nodeOptions: string[] = []): Promise<Ours> {
  const child = spawn(process.execPath, [...nodeOptions, '--input-type=module', '-e', PROGRAM], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const exit = once(child, 'exit');
  return {
    process: child,
    // The most that it ever had.
    rssMb: () =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024,
    async stop() {
      child.kill('SIGTERM');
      await exit;
    },
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}
