import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError, type Delivered, type Delivery, type DeliveryFile } from '../delivery.js';
import { FileSink } from '../file-sink.js';
import { ENCRYPTED, encrypterFor, encryptFile, isAgeRecipient } from './encrypt.js';
import type { ManifestSigner } from './manifest-signer.js';
import { MANIFEST, manifestOf, SIGNATURE, textOf, TIMESTAMP, type Encrypted } from './manifest.js';
import { requestTimestamp } from './timestamp.js';

export type SealOptions = {
  /** Where `writeDelivery` has left the files. */
  folder: string;
  signer: Pick<ManifestSigner, 'keyId' | 'sign'>;
  /** An authority of RFC 3161; empty: none. */
  timestampUrl: string;
  signal?: AbortSignal;
  now?: () => Date;
  /** For how long the authority is waited for. */
  timestampMs?: number;
};

export type Sealed = {
  /** The text of the manifest. */
  manifest: string;
  manifestSha256: string;
  /** Of the manifest, by Ed25519: 64 bytes as base64. */
  signature: string;
  keyId: string;
  /** `failed`: the authority could not be reached or said something wrong, and the delivery is sealed without it. */
  timestamp: 'none' | 'stamped' | 'failed';
  /** Everything that can be handed over: what is in an archive, too, which does not lie in the folder itself. */
  files: DeliveryFile[];
};

/**
 * Seals what `writeDelivery` has written: encrypts it, if there are recipients of age, and leaves a manifest of it with its
 * signature and its time stamp. If anything goes wrong, the folder is as before. Throws `DeliveryError`, errors of the
 * system, and the reason of the signal.
 */
export async function sealDelivery(
  delivery: Delivery,
  delivered: Delivered,
  options: SealOptions,
): Promise<Sealed> {
  const { folder, signer, signal, now = () => new Date() } = options;
  signal?.throwIfAborted();
  if (!delivery.encryptTo.every(isAgeRecipient)) throw new DeliveryError('a recipient of age is invalid');
  const work = await mkdtemp(join(folder, '.seal-'));
  try {
    const encrypted = await encryptAll(delivery, delivered, { work, folder, signal });
    const text = textOf(manifestOf(delivery, delivered, { madeAt: now(), keyId: signer.keyId, encrypted }));
    const bytes = Buffer.from(text);
    const signature = signer.sign(bytes);
    const sha256 = createHash('sha256').update(bytes).digest();
    const stamp = await stampOf(sha256, options);
    const beside = [
      await writeFile(work, MANIFEST, bytes),
      await writeFile(work, SIGNATURE, signature),
      ...(typeof stamp !== 'string' ? [await writeFile(work, TIMESTAMP, stamp)] : []),
    ];
    const files = [...delivered.files.map((file) => ({ ...file, ...encrypted.get(file.name) })), ...beside];
    await move([...encrypted.values(), ...beside], work, folder);
    // Of an earlier manifest, where it was sealed before.
    if (typeof stamp === 'string') await rm(join(folder, TIMESTAMP), { force: true });
    for (const name of encrypted.keys()) await unlink(join(folder, name));
    return {
      manifest: text,
      manifestSha256: sha256.toString('hex'),
      signature: signature.toString('base64'),
      keyId: signer.keyId,
      timestamp: typeof stamp === 'string' ? stamp : 'stamped',
      files,
    };
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** Encrypts what lies in the folder; what each file became, by its name. */
async function encryptAll(
  { encryptTo }: Delivery,
  { files }: Delivered,
  { work, folder, signal }: { work: string; folder: string; signal: AbortSignal | undefined },
): Promise<Map<string, Encrypted>> {
  const encrypted = new Map<string, Encrypted>();
  if (encryptTo.length === 0) return encrypted;
  const encrypter = encrypterFor(encryptTo);
  for (const plain of files) {
    if (plain.archive !== null) continue;
    const name = `${plain.name}${ENCRYPTED}`;
    const [from, to] = [join(folder, plain.name), join(work, name)];
    encrypted.set(plain.name, await encryptFile(encrypter, { from, to, name, plain, signal }));
  }
  return encrypted;
}

async function stampOf(
  sha256: Buffer,
  { timestampUrl, signal, timestampMs }: SealOptions,
): Promise<Buffer | 'none' | 'failed'> {
  if (timestampUrl === '') return 'none';
  try {
    return await requestTimestamp(timestampUrl, sha256, {
      signal,
      ...(timestampMs === undefined ? {} : { timeoutMs: timestampMs }),
    });
  } catch {
    signal?.throwIfAborted();
    return 'failed';
  }
}

async function writeFile(folder: string, name: string, data: Uint8Array): Promise<DeliveryFile> {
  const sink = new FileSink(join(folder, name));
  sink.write(data);
  return { name, volume: null, archive: null, ...(await sink.finish()) };
}

/** Moves files to their places; takes back what was moved, if one cannot be. */
async function move(files: readonly { name: string }[], from: string, to: string): Promise<void> {
  const moved: string[] = [];
  try {
    for (const { name } of files) {
      await rename(join(from, name), join(to, name));
      moved.push(name);
    }
    await rmdir(from);
  } catch (error) {
    for (const name of moved) await rm(join(to, name), { force: true });
    throw error;
  }
}
