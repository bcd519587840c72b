import { existsSync } from 'node:fs';
import type { Config } from '../config.js';
import { openConfiguredStore } from '../configured-store.js';
import { databaseTime } from '../store/postgres-time.js';
import type { Finding } from './finding.js';

const about = 'database';
const MOST_SECONDS = 5;

/** Opening checks that it is migrated and durable, and `ping` that it takes writes. */
export async function checkDatabase(config: Config): Promise<Finding[]> {
  const { DATABASE_URL: url } = config;
  if (url.startsWith('file:') && !existsSync(url.slice('file:'.length))) {
    const advice = 'Run `undersigned migrate`, or start the server: both make it.';
    return [{ about, level: 'problem', found: 'there is no file DATABASE_URL', advice }];
  }
  try {
    const store = await openConfiguredStore(config);
    try {
      await store.ping();
    } finally {
      await store.close();
    }
  } catch (error) {
    const advice = 'Look at DATABASE_URL, whether the server runs, and run `undersigned migrate`.';
    return [{ about, level: 'problem', found: (error as Error).message, advice }];
  }
  const good: Finding = { about, level: 'ok', found: 'it is there, migrated, durable and takes writes' };
  return url.startsWith('file:') ? [good] : [good, await checkClock(url)];
}

async function checkClock(url: string): Promise<Finding> {
  const seconds = Math.round(Math.abs(Date.now() - (await databaseTime(url)).getTime()) / 1000);
  const found = `this clock and the database’s are ${seconds} s apart`;
  return seconds <= MOST_SECONDS
    ? { about: 'clock', level: 'ok', found }
    : {
        about: 'clock',
        level: 'problem',
        found,
        advice: 'Let NTP set both: links and sessions expire by them.',
      };
}
