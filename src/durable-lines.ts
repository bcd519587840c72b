import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ensureFolder } from './folder.js';

/* Files that grow by lines, which are durable once they are acknowledged. */

export const isFull = (error: unknown): boolean =>
  ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');

export async function appendDurably(file: string, line: string): Promise<void> {
  ensureFolder(dirname(file));
  const handle = await open(file, 'a', 0o600);
  try {
    await handle.appendFile(line);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The lines of a file; none where there is no such file. */
export async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n');
}
