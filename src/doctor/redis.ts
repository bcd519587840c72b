import { Redis } from 'ioredis';
import type { Config } from '../config.js';
import { say, type Finding } from './finding.js';

const WAIT_MS = 3000;
/** The server counts alone when Redis takes longer than about 100 ms: see src/http/limits/limit-redis.ts. */
const SLOW_MS = 50;

const { ok, warning, problem } = say('Redis');

/** Connects, logs in, and asks for what counting limits needs. */
export async function checkRedis({ REDIS_URL }: Config): Promise<Finding[]> {
  if (REDIS_URL === '') return [];
  const redis = new Redis(REDIS_URL, {
    lazyConnect: true,
    connectTimeout: WAIT_MS,
    commandTimeout: WAIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason = '';
  redis.on('error', ({ message, code }: NodeJS.ErrnoException) => {
    reason = /^(?:WRONGPASS|NOAUTH|ERR)/.exec(message)?.[0] ?? code ?? 'no answer';
  });
  try {
    await redis.connect();
    const from = performance.now();
    await redis.eval('return 1', 0);
    const ms = Math.ceil(performance.now() - from);
    const found = `it answers within ${ms} ms`;
    return [
      ms < SLOW_MS
        ? ok(found)
        : warning(found, 'Put it nearer: the server counts limits alone while it is slow.'),
    ];
  } catch (error) {
    reason ||= /^[A-Z]+/.exec((error as Error).message)?.[0] ?? 'no answer';
    const advice = /^(?:WRONGPASS|NOAUTH)$/.test(reason)
      ? 'It refuses user or password: look at REDIS_URL.'
      : 'Look at REDIS_URL and whether it runs: until then each process counts limits alone.';
    return [problem(`it cannot be used (${reason})`, advice)];
  } finally {
    redis.disconnect();
  }
}
