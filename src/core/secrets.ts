import { createHmac } from 'node:crypto';
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
};

export function createSecrets(rootKey: Uint8Array): Secrets {
  const keyed = (purpose: string) => {
    const key = deriveKey(rootKey, purpose);
    return (...parts: readonly unknown[]) => createHmac('sha256', key).update(JSON.stringify(parts)).digest();
  };
  const purposes = ['subject', 'mailbox', 'proof', 'code', 'message-id', 'network'];
  const [subject, mailbox, proof, code, messageId, place] = purposes.map(keyed) as [
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
    ReturnType<typeof keyed>,
  ];
  return {
    subject: (identity) => subject(identity),
    mailbox: (petitionKey, cluster) => mailbox(petitionKey, cluster),
    proof: (record) => proof(...record),
    code: (requestKey, text) => code(requestKey, text),
    messageId: (outboxKey) => messageId(outboxKey).subarray(0, 18).toString('base64url'),
    network: (apiKeyKey, network) => place(apiKeyKey, network).subarray(0, 12),
  };
}
