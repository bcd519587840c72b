import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import nodemailer from 'nodemailer';
import { ensureFolder } from '../folder.js';
import { toMail, type Message, type Post } from './message.js';
import type { Sent } from './outcome.js';

/** Writes each mail into a folder as an .eml file, for its owner alone: for development, without a mail server. */
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
        // The disk is full, or the folder is not ours: so it is with each mail.
        return { outcome: 'retry', reason: 'folder', connection: true };
      }
    },
    // The next mail will tell.
    check: async () => undefined,
    async close() {},
  };
}

/** Sorts by time, and tells nothing: the Message-ID is a keyed hash. */
const fileName = ({ messageId }: Message): string =>
  `${new Date().toISOString().replaceAll(/[:.]/g, '-')}-${messageId.slice(0, 8)}.eml`;

/** Nobody ever sees half a file. */
async function writeWhole(folder: string, file: string, bytes: Buffer): Promise<void> {
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
