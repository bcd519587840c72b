import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import type { Config } from '../config.js';
import { say, type Finding } from './finding.js';

const MB = 1_000_000;
const LEAST_MB = 256;
const LITTLE_MB = 512;
/** Files that are open besides the streams: requests, the database, mail. */
const OTHER_FILES = 1000;

/** Memory that this process may use, and files that it may open. */
export async function checkMemory({ LIVE_LISTENERS }: Config): Promise<Finding[]> {
  return [memory(), ...files(LIVE_LISTENERS)];
}

function memory(): Finding {
  const { ok, warning, problem } = say('memory');
  const limit = process.constrainedMemory();
  // 0, or far more than there is: no limit.
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const available = Math.floor(bytes / MB);
  const found = `${available} MB for the server`;
  if (available >= LITTLE_MB) return ok(found);
  return available < LEAST_MB
    ? problem(found, `Give it ${LITTLE_MB} MB: with less it may be killed.`)
    : warning(found, `Give it ${LITTLE_MB} MB: pictures and imports need it.`);
}

function files(listeners: number): Finding[] {
  let limits: string;
  try {
    limits = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return [];
  }
  // Node.js raises its soft limit to the hard one.
  const most = Number(/^Max open files +\S+ +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (most >= listeners + OTHER_FILES) return [];
  return [
    say('open files').warning(
      `at most ${most}, and LIVE_LISTENERS is ${listeners}`,
      'Raise LimitNOFILE (systemd) or ulimit -n: each listener to live counts is an open file.',
    ),
  ];
}
