import { existsSync, statSync } from 'node:fs';
import type { Config } from '../config.js';
import { loadRootKey } from '../root-key.js';
import { say, type Finding } from './finding.js';

const { ok, warning, problem } = say('root key');

export async function checkRootKey({ ROOT_KEY, ROOT_KEY_FILE }: Config): Promise<Finding[]> {
  if (ROOT_KEY !== '') return [ok('it comes from ROOT_KEY')];
  if (!existsSync(ROOT_KEY_FILE)) {
    const advice =
      'The first start makes it. If there was one, put it back: links and receipts depend on it.';
    return [warning('there is no file ROOT_KEY_FILE yet', advice)];
  }
  if ((statSync(ROOT_KEY_FILE).mode & 0o077) !== 0) {
    return [problem('others can read its file', `chmod 600 ${ROOT_KEY_FILE}`)];
  }
  if (!readRootKey({ ROOT_KEY, ROOT_KEY_FILE })) {
    const advice = 'Put the right one back from its backup, and run this as the server’s user.';
    return [problem('its file cannot be read, or holds no root key', advice)];
  }
  return [ok('its file is readable by its owner alone')];
}

/** The root key; undefined where there is none to read. Makes none. */
export function readRootKey(config: Pick<Config, 'ROOT_KEY' | 'ROOT_KEY_FILE'>): Buffer | undefined {
  if (config.ROOT_KEY === '' && !existsSync(config.ROOT_KEY_FILE)) return undefined;
  try {
    return loadRootKey(config);
  } catch {
    return undefined;
  }
}
