import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensureFolder } from './folder.js';

const BASE64 = /^[A-Za-z0-9+/]{43}=\s*$/;

/**
 * The root key, from which all other keys are derived: from the environment, or from its file, which is created at the
 * first start and readable only by its owner. It must never be stored in the database, so that a stolen dump is useless
 * without it.
 */
export function loadRootKey({
  ROOT_KEY,
  ROOT_KEY_FILE,
}: {
  ROOT_KEY: string;
  ROOT_KEY_FILE: string;
}): Buffer {
  return Buffer.from(ROOT_KEY || readOrCreate(ROOT_KEY_FILE), 'base64');
}

function readOrCreate(file: string): string {
  let text: string;
  try {
    text = readIfThere(file) ?? create(file);
  } catch (error) {
    throw new Error(`the ROOT_KEY_FILE ${file} cannot be used (${(error as NodeJS.ErrnoException).code})`);
  }
  if (!BASE64.test(text)) {
    throw new Error(`the ROOT_KEY_FILE ${file} holds no root key: it should be the base64 of 32 bytes`);
  }
  return text.trim();
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Creates the file atomically, and durably before the key is used. If two processes start together, one creates it and
 * both read the same key.
 */
function create(file: string): string {
  const folder = dirname(file);
  ensureFolder(folder);
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    sync(draft);
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  sync(folder);
  return readFileSync(file, 'utf8');
}

function sync(path: string): void {
  const handle = openSync(path, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
