import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { decodeId, encodeId } from '../../schema/db/public-id.js';
import { deriveKey } from './sealer.js';

/*
 * Keyed hashes, each under a key of its own that is derived from the root key. The root key is not in the database: so
 * a captured one cannot be asked whether somebody is in it, nor can codes of six digits be found by trying them all.
 */

export type Secrets = {
  /** Names the person behind an address's identity without naming the address. 32 bytes. */
  subject(identity: string): Buffer;
  /** Names a mailbox on one petition: what clusterOf says of its spellings. 32 bytes. */
  mailbox(petitionKey: number, cluster: string): Buffer;
  /** Shows that a consent record is as it was written. 32 bytes. */
  proof(record: readonly unknown[]): Buffer;
  /** What is kept of the code that was mailed for a request. 32 bytes. */
  code(requestKey: number, code: string): Buffer;
  /** The local part of a mail's Message-ID: the same for each attempt to send it. */
  messageId(outboxKey: number): string;
  /** Names a network for one key, without naming the network. 12 bytes. */
  network(apiKeyKey: number, network: string): Buffer;
  /** The names that people have for one organization: two of them cannot tell that theirs are of the same person. */
  namesFor(organizationKey: number): (supporterId: string) => string;
  /** A row of a list as a text that does not say which one it is; the same at each call. 22 characters. */
  place(listKey: number, rowKey: number): string;
  /** The row of a place in this list; undefined for what is none. */
  openPlace(listKey: number, place: string): number | undefined;
};

/**
 * Single blocks of 16 bytes, no two of which are the same: there a cipher without chaining is a permutation under a key,
 * and says no more than a hash would.
 */
const BLOCKS = 'aes-256-ecb';

export function createSecrets(rootKey: Uint8Array): Secrets {
  const keyed = (purpose: string) => {
    const key = deriveKey(rootKey, purpose);
    return (...parts: readonly unknown[]) => createHmac('sha256', key).update(JSON.stringify(parts)).digest();
  };
  const purposes = ['subject', 'mailbox', 'proof', 'code', 'message-id', 'network'];
  const [subject, mailbox, proof, code, messageId, whence] = purposes.map(keyed) as [
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
  ];
  const person = keyed('person');
  const places = deriveKey(rootKey, 'place');
  return {
    subject: (identity) => subject(identity),
    mailbox: (petitionKey, cluster) => mailbox(petitionKey, cluster),
    proof: (record) => proof(...record),
    code: (requestKey, text) => code(requestKey, text),
    messageId: (outboxKey) => messageId(outboxKey).subarray(0, 18).toString('base64url'),
    network: (apiKeyKey, network) => whence(apiKeyKey, network).subarray(0, 12),
    namesFor(organizationKey) {
      const cipher = createCipheriv(BLOCKS, person(organizationKey), null);
      return (supporterId) => encodeId('sup', cipher.update(decodeId(supporterId)));
    },
    place(listKey, rowKey) {
      const plain = Buffer.alloc(16);
      plain.writeBigUInt64BE(BigInt(listKey), 0);
      plain.writeBigUInt64BE(BigInt(rowKey), 8);
      return createCipheriv(BLOCKS, places, null).update(plain).toString('base64url');
    },
    openPlace(listKey, place) {
      const sealed = Buffer.from(place, 'base64url');
      if (sealed.length !== 16 || sealed.toString('base64url') !== place) return undefined;
      const plain = createDecipheriv(BLOCKS, places, null).setAutoPadding(false).update(sealed);
      const rowKey = Number(plain.readBigUInt64BE(8));
      // A block that was made up is of this list once in 2^64 times.
      return plain.readBigUInt64BE(0) === BigInt(listKey) && Number.isSafeInteger(rowKey)
        ? rowKey
        : undefined;
    },
  };
}
