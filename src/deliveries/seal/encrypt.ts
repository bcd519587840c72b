import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Encrypter } from 'age-encryption';
import { DeliveryError, type DeliveryFile } from '../delivery.js';
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

export type Encryption = {
  from: string;
  to: string;
  name: string;
  plain: Pick<DeliveryFile, 'bytes' | 'sha256'>;
  signal?: AbortSignal | undefined;
};

export function encrypterFor(recipients: readonly string[]): Encrypter {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter;
}

/**
 * Writes a file encrypted to another place, 64 KiB at a time. Throws if it is not the file that it is said to be: it will be
 * deleted, and a mistake could not be undone.
 */
export async function encryptFile(
  encrypter: Encrypter,
  { from, to, name, plain, signal }: Encryption,
): Promise<Encrypted> {
  const hash = createHash('sha256');
  async function* read() {
    for await (const chunk of createReadStream(from) as AsyncIterable<Buffer>) {
      signal?.throwIfAborted();
      hash.update(chunk);
      yield chunk;
    }
  }
  const stream = await encrypter.encrypt(ReadableStream.from<Uint8Array>(read()));
  const { bytes, sha256 } = await written(stream, to);
  if (hash.digest('hex') !== plain.sha256 || bytes !== stream.size(plain.bytes)) {
    throw new DeliveryError('a file changed before it was encrypted');
  }
  return { name, bytes, sha256 };
}

async function written(stream: ReadableStream<Uint8Array>, path: string): Promise<Omit<Encrypted, 'name'>> {
  const sink = new FileSink(path);
  try {
    for await (const chunk of stream) {
      sink.write(chunk);
      await sink.ready();
    }
    return await sink.finish();
  } catch (error) {
    sink.abandon();
    throw error;
  }
}
