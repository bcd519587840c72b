import { closeSync, existsSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { access, constants, statfs } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../config.js';
import { sqliteFile } from '../store/open.js';
import { say, type Finding } from './finding.js';

const MB = 1_000_000;
const LITTLE_MB = 1000;
const LEAST_MB = 100;
const LEAST_FILES = 1000;
const SYNCS = 9;
/** No disk keeps something in less. */
const IMPLAUSIBLE_MS = 0.01;
const SLOW_MS = 50;

/** File systems that a database must not be on, by the number that statfs gives them. */
const UNFIT: Record<number, [name: string, why: string]> = {
  0x01021994: ['tmpfs', 'it is memory, and empty after a restart'],
  0x858458f6: ['ramfs', 'it is memory, and empty after a restart'],
  0x6969: ['NFS', 'SQLite needs locks that network file systems do not keep'],
  0xff534d42: ['CIFS', 'SQLite needs locks that network file systems do not keep'],
  0xfe534d42: ['SMB', 'SQLite needs locks that network file systems do not keep'],
};

const { ok, warning, problem } = say('disk');

/** Where the data is; for a PostgreSQL elsewhere, the erasure journal. */
export async function checkDisk({ DATABASE_URL, ERASURE_JOURNAL }: Config): Promise<Finding[]> {
  let folder = dirname(resolve(sqliteFile(DATABASE_URL) ?? ERASURE_JOURNAL));
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize, type, ffree, files } = await statfs(folder);
  const found = [space(Math.floor((bavail * bsize) / MB))];
  if (files > 0 && ffree < LEAST_FILES) {
    found.push(problem(`only ${ffree} more files fit on it`, 'Remove files that are not needed.'));
  }
  const unfit = UNFIT[type];
  if (unfit) found.push(problem(`the data is on ${unfit[0]}`, `Move it to a local disk: ${unfit[1]}.`));
  try {
    await access(folder, constants.W_OK);
  } catch {
    const advice = 'Run this as the server’s user, and let that user write where the data is.';
    return [...found, problem('this user cannot write where the data is', advice)];
  }
  return unfit ? found : [...found, syncing(syncMs(folder))];
}

function space(free: number): Finding {
  const found = `${free} MB are free where the data is`;
  if (free >= LITTLE_MB) return ok(found);
  const advice = 'Make room: on a full disk no one can sign.';
  return free < LEAST_MB ? problem(found, advice) : warning(found, advice);
}

/** A signature is acknowledged when the disk has it: this is how long it says that it needs. */
function syncing(ms: number): Finding {
  const found = `it keeps a write within ${ms < 1 ? ms.toFixed(3) : Math.round(ms)} ms`;
  if (ms < IMPLAUSIBLE_MS) {
    return warning(
      `${found}: too fast to be true`,
      'Something swallows fdatasync: a power cut would lose signatures. Look at the virtual disk’s cache mode.',
    );
  }
  return ms > SLOW_MS ? warning(found, 'Each signing waits for it: use a faster disk.') : ok(found);
}

/** The median time of an fdatasync, in a file that is removed again. Not awaited: a thread would add its own time. */
function syncMs(folder: string): number {
  const own = mkdtempSync(join(folder, '.doctor-'));
  try {
    const file = openSync(join(own, 'sync'), 'w');
    const times = Array.from({ length: SYNCS }, (_, i) => {
      writeSync(file, Buffer.alloc(4096, i));
      const from = performance.now();
      fdatasyncSync(file);
      return performance.now() - from;
    });
    closeSync(file);
    return times.sort((a, b) => a - b)[(SYNCS - 1) / 2] ?? 0;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
