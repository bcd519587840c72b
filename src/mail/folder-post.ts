import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import nodemailer from 'nodemailer';
import { ensureFolder } from '../folder.js';
import { toMail, type Message, type Post } from './message.js';
import type { Sent } from './outcome.js';

/** Writes each mail as an .eml file to a folder, readable by the owner alone. For development without a mail server. */
export function folderPost({ folder, from }: { folder: string; from: string }): Post {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
  return {
    async send(message: Message): Promise<Sent> {
      try {
        const { message: bytes } = await transport.sendMail(toMail(message, from));
        ensureFolder(folder);
        const file = fileName(message);
        await writeWhole(folder, file, bytes as Buffer);
        return { outcome: 'sent', file };
      } catch {
        // The disk is full or the folder not writable: every other mail would fail too.
        return { outcome: 'retry', reason: 'folder', connection: true };
      }
    },
    // Cannot be checked without writing: the next mail shows it.
    check: async () => undefined,
    async close() {},
  };
}

/** Sorts by time, and reveals no address: the Message-ID is a keyed hash. */
const fileName = ({ messageId }: Message): string =>
  `${new Date().toISOString().replaceAll(/[:.]/g, '-')}-${messageId.slice(0, 8)}.eml`;

/** Writes a file atomically: readers never see an incomplete one. */
export async function writeWhole(folder: string, file: string, bytes: Buffer): Promise<void> {
  const temporary = join(folder, `.${file}.part`);
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, join(folder, file));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
