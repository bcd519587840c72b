import { statfs } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Config } from '../config.js';
import type { Finding } from './finding.js';

const about = 'disk';
const MB = 1_000_000;
const LITTLE_MB = 1000;
const LEAST_MB = 100;

export async function checkDisk({ DATABASE_URL, ERASURE_JOURNAL }: Config): Promise<Finding[]> {
  const file = DATABASE_URL.startsWith('file:') ? DATABASE_URL.slice('file:'.length) : ERASURE_JOURNAL;
  let folder = dirname(resolve(file));
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = Math.floor((bavail * bsize) / MB);
  const found = `${free} MB are free where the data is`;
  if (free >= LITTLE_MB) return [{ about, level: 'ok', found }];
  const advice = 'Make room: on a full disk nobody can sign.';
  return [{ about, level: free < LEAST_MB ? 'problem' : 'warning', found, advice }];
}
