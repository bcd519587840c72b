import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Erasure, ErasureJournal } from './core/erasure-journal.js';
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
    async entries() {
      const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return '';
        throw error;
      });
      return text.split('\n').flatMap(toErasure);
    },
  };
}

const LINE = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Za-z0-9_-]{43})$/;

/**
 * What a line says. One that a power cut left half-written was never answered; the next one may stand behind it on the
 * same line, and is read.
 */
function toErasure(line: string): Erasure[] {
  const [, at, subject] = LINE.exec(line) ?? [];
  if (at === undefined || subject === undefined) return [];
  return [{ at: new Date(at), subject: Buffer.from(subject, 'base64url') }];
}
