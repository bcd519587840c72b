import { existsSync, statSync } from 'node:fs';
import type { Config } from '../config.js';
import type { Finding } from './finding.js';

const about = 'root key';

export async function checkRootKey({ ROOT_KEY, ROOT_KEY_FILE }: Config): Promise<Finding[]> {
  if (ROOT_KEY !== '') return [{ about, level: 'ok', found: 'it comes from ROOT_KEY' }];
  if (!existsSync(ROOT_KEY_FILE)) {
    const advice =
      'The first start makes it. If there was one, put it back: links and receipts depend on it.';
    return [{ about, level: 'warning', found: 'there is no file ROOT_KEY_FILE yet', advice }];
  }
  if ((statSync(ROOT_KEY_FILE).mode & 0o077) !== 0) {
    return [
      { about, level: 'problem', found: 'others can read its file', advice: `chmod 600 ${ROOT_KEY_FILE}` },
    ];
  }
  return [{ about, level: 'ok', found: 'its file is readable by its owner alone' }];
}
