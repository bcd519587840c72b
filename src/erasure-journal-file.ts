import { dirname } from 'node:path';
import type { Erasure, ErasureJournal } from './core/my-data/erasure-journal.js';
import { appendDurably, isFull, linesOf } from './durable-lines.js';
import { ApiError } from './errors.js';
import { ensureFolder } from './folder.js';
import { Reserve } from './reserve.js';

/** Room for about a thousand lines. */
const RESERVE_BYTES = 64 * 1024;

/** Disk space that lets the journal grow when its disk is full: erasures must work then too. */
export function journalReserve(file: string): Reserve {
  ensureFolder(dirname(file));
  return new Reserve(`${file}-reserve`, RESERVE_BYTES);
}

/**
 * The erasure journal: a line with the time and the keyed hash of the address for each erasure. Append-only; a line is
 * durable before `append` resolves. With `reserve` some lines fit on a full disk. `append` throws `storage_full` and
 * `storage_unavailable`.
 */
export function erasureJournalFile(file: string, reserve?: Reserve): ErasureJournal {
  return {
    async append(subject, at) {
      const line = `${at.toISOString()} ${subject.toString('base64url')}\n`;
      if (reserve?.spent) reserve.keep();
      try {
        await appendDurably(file, line).catch((error: unknown) => {
          if (!isFull(error) || !reserve?.spend()) throw error;
          return appendDurably(file, line);
        });
      } catch (error) {
        throw new ApiError(isFull(error) ? 'storage_full' : 'storage_unavailable');
      }
    },
    async entries() {
      return (await linesOf(file)).flatMap(toErasure);
    },
  };
}

const LINE = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) ([A-Za-z0-9_-]{43})$/;

/**
 * Parses a line. A power cut may leave an incomplete entry, which was never acknowledged, with the next entry behind it
 * on the same line: LINE matches the end of the line, and so finds that one.
 */
function toErasure(line: string): Erasure[] {
  const [, at, subject] = LINE.exec(line) ?? [];
  if (at === undefined || subject === undefined) return [];
  return [{ at: new Date(at), subject: Buffer.from(subject, 'base64url') }];
}
