import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describeError } from './errors.js';
import type { Logger } from './mail/delivery.js';

/* Threads of the server process that work for themselves: they log through it, and are stopped by it. */

export type Level = keyof Logger;
const LEVELS: Level[] = ['debug', 'info', 'warn', 'error'];

export type ThreadEvent =
  'ready' | { level: Level; values: Record<string, unknown>; message: string } | { failure: unknown };

export type ThreadOptions = {
  name: string;
  /** `levels` is added: the log levels that are enabled. */
  data: object;
  logger: Logger & { isLevelEnabled(level: string): boolean };
  /** The disk failed. */
  onFailure: (error: unknown) => void;
  /** Gets what else the thread says. */
  hear?: (said: object) => void;
  /** It ended without being asked to; by default an error of a thread is one of the process. */
  onEnd?: (error: unknown) => void;
};

/** Starts a thread, and resolves once it is ready; rejects if it fails to start. */
export async function startThread(
  program: URL,
  { name, data, logger, onFailure, hear, onEnd }: ThreadOptions,
): Promise<{ ask: (command: unknown) => void; stop: () => Promise<void> }> {
  const levels = LEVELS.filter((level) => logger.isLevelEnabled(level));
  const thread = new Worker(program, { name, execArgv: [], workerData: { ...data, levels } });
  const exit = new Promise((resolve) => thread.once('exit', resolve));
  thread.on('message', (said: ThreadEvent) => {
    if (said === 'ready') return;
    if ('failure' in said) onFailure(said.failure);
    else if ('level' in said) logger[said.level](said.values, said.message);
    else hear?.(said);
  });
  const ask = (command: unknown) => thread.postMessage(command);
  await once(thread, 'message');
  let isStopping = false;
  thread.on('error', (error) => {
    if (!onEnd) throw error;
    isStopping = true;
    onEnd(describeError(error));
  });
  void exit.then((code) => {
    if (!isStopping) onEnd?.({ exit: code });
  });
  return {
    ask,
    async stop() {
      isStopping = true;
      ask('stop');
      await exit;
    },
  };
}

/** The log of a thread, which the server process writes. */
export function threadLogger(levels: readonly Level[], say: (said: ThreadEvent) => void): Logger {
  const at =
    (level: Level): Logger[Level] =>
    (values, message) => {
      if (levels.includes(level)) say({ level, values, message });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
