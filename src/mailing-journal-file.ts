import { open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { MailingJournal } from './core/sending/mailing-journal.js';
import { isFull, linesOf } from './durable-lines.js';
import { ApiError } from './errors.js';
import { ensureFolder } from './folder.js';

/**
 * The journal of mailings: a line with the time, the mailing and its number. Several processes of a machine may share
 * the file. It stays open, since lines are many.
 */
export function mailingJournalFile(file: string): MailingJournal & { close(): Promise<void> } {
  let known: Promise<Map<string, number>> | undefined;
  let handle: FileHandle | undefined;

  /** Read once; what this process adds is added to it, since a database may go back while it runs. */
  const read = (): Promise<Map<string, number>> =>
    (known ??= readAll(file).catch((error: unknown) => {
      known = undefined;
      throw error;
    }));

  async function write(line: string, durable: boolean): Promise<void> {
    ensureFolder(dirname(file));
    handle ??= await open(file, 'a', 0o600);
    await handle.appendFile(line);
    if (durable) await handle.datasync();
  }

  async function close(): Promise<void> {
    const open = handle;
    handle = undefined;
    await open?.close();
  }

  return {
    close,
    async last(mailingId) {
      return (await read()).get(mailingId) ?? 0;
    },
    async append(mailingId, claims, at, { durable }) {
      try {
        await write(`${at.toISOString()} ${mailingId} ${claims}\n`, durable);
        const all = await read();
        all.set(mailingId, Math.max(all.get(mailingId) ?? 0, claims));
      } catch (error) {
        await close().catch(() => undefined);
        throw new ApiError(isFull(error) ? 'storage_full' : 'storage_unavailable');
      }
    },
  };
}

const LINE = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (mlg_[0-9a-z]+) (\d{1,15})$/;

/** A power cut or a full disk may leave an incomplete line with the next one behind it, which LINE finds. */
async function readAll(file: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const line of await linesOf(file)) {
    const [, mailing, claims] = LINE.exec(line) ?? [];
    if (mailing !== undefined) found.set(mailing, Math.max(found.get(mailing) ?? 0, Number(claims)));
  }
  return found;
}
