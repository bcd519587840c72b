import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { decodeId, encodeId } from '../../schema/db/public-id.js';
import { deriveKey } from './sealer.js';

/*
 * Keyed hashes, each with its own key derived from the root key. The root key is not in the database: a stolen database
 * cannot reveal whether someone is in it, and six-digit codes cannot be found by trying them all.
 */

export type Secrets = {
  /** Identifies the person of an address without containing the address. 32 bytes. */
  subject(identity: string): Buffer;
  /** Identifies a mailbox on one petition by its `clusterOf`. 32 bytes. */
  mailbox(petitionKey: number, cluster: string): Buffer;
  /** Proves that a consent record was not changed. 32 bytes. */
  proof(record: readonly unknown[]): Buffer;
  /** The stored form of a request's mailed code. 32 bytes. */
  code(requestKey: number, code: string): Buffer;
  /** The local part of a mail's Message-ID, the same for each attempt to send it. */
  messageId(outboxKey: number): string;
  /** The same for the mail of a mailing, by its recipient's key. */
  mailingMessageId(recipientKey: number): string;
  /** The key of the envelope senders of mailings: see links/verp.ts. */
  readonly verp: Buffer;
  /** Identifies a network for one API key only, without containing the network. 12 bytes. */
  network(apiKeyKey: number, network: string): Buffer;
  /**
   * Maps supporter ids to ids for one organization, so that two organizations cannot tell that they have the same
   * person.
   */
  namesFor(organizationKey: number): (supporterId: string) => string;
  /** Encodes a row of a list as 22 characters that do not reveal the row; the same at each call. */
  place(listKey: number, rowKey: number): string;
  /** The row of a place in this list; undefined if the place is invalid. */
  openPlace(listKey: number, place: string): number | undefined;
};

/**
 * ECB is safe here: each value is a single distinct block of 16 bytes, for which it is a keyed permutation that reveals
 * no more than a hash would.
 */
const BLOCKS = 'aes-256-ecb';

export function createSecrets(rootKey: Uint8Array): Secrets {
  const keyed = (purpose: string) => {
    const key = deriveKey(rootKey, purpose);
    return (...parts: readonly unknown[]) => createHmac('sha256', key).update(JSON.stringify(parts)).digest();
  };
  const purposes = ['subject', 'mailbox', 'proof', 'code', 'message-id', 'network', 'mailing-message-id'];
  const [subject, mailbox, proof, code, messageId, networkHash, mailingMessageId] = purposes.map(keyed) as [
    ReturnType<typeof keyed>,
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
    verp: deriveKey(rootKey, 'verp'),
    mailingMessageId: (recipientKey) => mailingMessageId(recipientKey).subarray(0, 18).toString('base64url'),
    network: (apiKeyKey, network) => networkHash(apiKeyKey, network).subarray(0, 12),
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
      // A made-up block decrypts to this list's key by chance once in 2^64 tries.
      return plain.readBigUInt64BE(0) === BigInt(listKey) && Number.isSafeInteger(rowKey)
        ? rowKey
        : undefined;
    },
  };
}
