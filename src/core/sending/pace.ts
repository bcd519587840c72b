import type { Tx } from '../../store/store.js';

/* How fast mailings are sent: limits that all processes share. */

export type Sender = { organizationKey: number; senderDomain: string };
export type Reply = { family: string; outcome: 'sent' | 'deferred' | 'failed'; code: number | null };

/** How many of each family may be sent now, of those wanted. */
export const takeTokens = async (
  _tx: Tx,
  _sender: Sender,
  families: Map<string, number>,
): Promise<Map<string, number>> => families;

/** What mail servers answered, so that the pace can follow. */
export const noteReplies = async (_tx: Tx, _replies: readonly Reply[]): Promise<void> => undefined;
