import { open } from 'node:fs/promises';
import { Encrypter } from 'age-encryption';
import { FileSink } from '../file-sink.js';
import type { Encrypted } from './manifest.js';

/* Files for the recipients of age alone: https://age-encryption.org */

export const ENCRYPTED = '.age';

/** Whether files can be encrypted for it: age1… with 62 characters, or a longer one that also resists quantum computers. */
export function isAgeRecipient(text: string): boolean {
  if (!/^age1[a-z0-9]{1,4000}$/.test(text)) return false;
  try {
    new Encrypter().addRecipient(text);
    return true;
  } catch {
    return false;
  }
}

export function encrypterFor(recipients: readonly string[]): Encrypter {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter;
}

/** Writes a file encrypted to another place, 64 KiB at a time. */
export async function encryptFile(
  encrypter: Encrypter,
  { from, to, name, signal }: { from: string; to: string; name: string; signal?: AbortSignal | undefined },
): Promise<Encrypted> {
  const file = await open(from, 'r');
  try {
    const plain = file.readableWebStream() as ReadableStream<Uint8Array>;
    const sink = new FileSink(to);
    for await (const chunk of await encrypter.encrypt(plain)) {
      signal?.throwIfAborted();
      sink.write(chunk);
      await sink.ready();
    }
    return { name, ...(await sink.finish()) };
  } finally {
    await file.close();
  }
}
