import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const BASE64 = /^[A-Za-z0-9+/]{43}=\s*$/;

/**
 * The key that seals receipts: from the environment, or from its file, which is made at the first start and readable
 * only by its owner. It never stands in the database, so that a captured dump opens nothing.
 */
export function loadRootKey({ ROOT_KEY, ROOT_KEY_FILE }: { ROOT_KEY: string; ROOT_KEY_FILE: string }): Buffer {
  return Buffer.from(ROOT_KEY || readOrCreate(ROOT_KEY_FILE), 'base64');
}

function readOrCreate(file: string): string {
  mkdirSync(dirname(file), { recursive: true });
  try {
    // Fails when it exists: of two processes that start together one makes it and both read the same.
    writeFileSync(file, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const text = readFileSync(file, 'utf8');
  if (!BASE64.test(text)) throw new Error(`${file} holds no root key: it should be the base64 of 32 bytes`);
  return text.trim();
}
