import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ErasureJournal } from './core/erasure-journal.js';
import { ensureFolder } from './folder.js';

/** A line for each erasure: when, and the keyed hash of who. Append-only; each line is durable before it is answered. */
export function erasureJournalFile(file: string): ErasureJournal {
  return {
    async append(subject, at) {
      ensureFolder(dirname(file));
      const handle = await open(file, 'a', 0o600);
      try {
        await handle.appendFile(`${at.toISOString()} ${subject.toString('base64url')}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
    async subjects() {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      // A line that a power cut left half-written was never answered.
      return text
        .split('\n')
        .flatMap((line) => /^\S+ ([A-Za-z0-9_-]{43})$/.exec(line)?.[1] ?? [])
        .map((hash) => Buffer.from(hash, 'base64url'));
    },
  };
}
