import { createHash } from 'node:crypto';
import { and, eq, gt, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { TokenPurpose } from '../../../schema/db/tables/links.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';

/*
 * Random tokens: 33 random bytes, of which the database holds the SHA-256. They are mailed when what they allow should
 * need the mailbox. All carry the supporter's link epoch: raising it voids every older link, but for the undo of a change
 * of address, which is there for stolen sessions.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const KINDS: Record<TokenPurpose, { prefix: string; lifetime: number }> = {
  confirm: { prefix: 'pc', lifetime: 7 * DAY },
  manage: { prefix: 'pm', lifetime: 30 * MINUTE },
  session: { prefix: 'ps', lifetime: 15 * MINUTE },
  email_apply: { prefix: 'pe', lifetime: HOUR },
  email_undo: { prefix: 'px', lifetime: 7 * DAY },
};

export const TOKEN_BYTES = 33;
/** How long a confirmation of a subscription alone is open; a signature's is open for the token's whole life. */
export const SUBSCRIPTION_LIFETIME_MS = 72 * HOUR;
/** A token that was used answers the same for so long: mailboxes open links twice. */
export const REPEAT_MS = 24 * HOUR;

export type LinkToken = Tables['linkTokens']['$inferSelect'];

/** Every way in which a link can be wrong looks the same from outside. */
export const linkNotFound = (): ApiError =>
  new ApiError('link_not_found', {
    detail: 'It is mistyped, used, cancelled or too old: ask for a new one.',
  });

/** The SHA-256 of a token that is written exactly as it was made; undefined for all else. */
export function hashOfToken(purpose: TokenPurpose, token: string): Buffer | undefined {
  const { prefix } = KINDS[purpose];
  const text = token.slice(prefix.length + 1);
  if (!token.startsWith(`${prefix}_`) || !/^[A-Za-z0-9_-]{44}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === TOKEN_BYTES && bytes.toString('base64url') === text ? sha256(token) : undefined;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

export type NewToken = {
  purpose: TokenPurpose;
  /** TOKEN_BYTES of randomness, drawn outside of the transaction. */
  bytes: Buffer;
  supporterKey: number;
  epoch: number;
  requestKey?: number;
  emailChangeKey?: number;
  lifetimeMs?: number;
};

/** Makes a token: its text is in the answer and nowhere else. */
export async function issueToken(
  tx: Tx,
  { purpose, bytes, lifetimeMs = KINDS[purpose].lifetime, ...about }: NewToken,
): Promise<{ token: string; expiresAt: Date }> {
  const token = `${KINDS[purpose].prefix}_${bytes.toString('base64url')}`;
  const expiresAt = new Date(tx.now.getTime() + lifetimeMs);
  await tx.db
    .insert(tx.tables.linkTokens)
    .values({ ...about, purpose, hash: sha256(token), createdAt: tx.now, expiresAt });
  return { token, expiresAt };
}

/** Lets the tokens that somebody was mailed within `ms`, and has not used, live anew. None that was cancelled comes back. */
export async function renewTokens(
  tx: Tx,
  purpose: TokenPurpose,
  supporterKey: number,
  ms: number,
): Promise<void> {
  const { linkTokens: t } = tx.tables;
  const now = tx.now.getTime();
  await tx.db
    .update(t)
    .set({ expiresAt: new Date(now + KINDS[purpose].lifetime) })
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.purpose, purpose),
        isNull(t.usedAt),
        gt(t.createdAt, new Date(now - ms)),
      ),
    );
}

/** Uses a token up, in one statement: of two that come at once one gets it. Undefined when there is nothing to use. */
export async function consumeToken(
  tx: Tx,
  purpose: TokenPurpose,
  token: string,
): Promise<LinkToken | undefined> {
  const hash = hashOfToken(purpose, token);
  if (!hash) return undefined;
  const { linkTokens: t } = tx.tables;
  const [row] = await tx.db
    .update(t)
    .set({ usedAt: tx.now })
    .where(and(eq(t.hash, hash), eq(t.purpose, purpose), isNull(t.usedAt), gt(t.expiresAt, tx.now)))
    .returning();
  return row;
}

/** A token as it stands, used or not; undefined when it is unknown. Whoever asks looks at usedAt and expiresAt. */
export async function findToken(
  on: Reader,
  purpose: TokenPurpose,
  token: string,
): Promise<LinkToken | undefined> {
  const hash = hashOfToken(purpose, token);
  if (!hash) return undefined;
  const { linkTokens: t } = on.tables;
  const [row] = await on.db
    .select()
    .from(t)
    .where(and(eq(t.hash, hash), eq(t.purpose, purpose)));
  return row;
}
