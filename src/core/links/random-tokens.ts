import { createHash } from 'node:crypto';
import { and, eq, gt, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { TokenPurpose } from '../../../schema/db/tables/links.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../time.js';

/*
 * Random tokens: 33 random bytes, of which the database stores only the SHA-256. They are mailed where an action must
 * prove that the mailbox was read. Each carries the supporter's link epoch: raising it voids all older links, except
 * the undo of a change of address, which must survive a stolen session.
 */

const KINDS: Record<TokenPurpose, { prefix: string; lifetime: number }> = {
  confirm: { prefix: 'pc', lifetime: 7 * DAY_MS },
  manage: { prefix: 'pm', lifetime: 30 * MINUTE_MS },
  session: { prefix: 'ps', lifetime: 15 * MINUTE_MS },
  email_apply: { prefix: 'pe', lifetime: HOUR_MS },
  email_undo: { prefix: 'px', lifetime: 7 * DAY_MS },
};

/** How long the tokens of a purpose work, for texts that say it. */
export const lifetimeOf = (purpose: TokenPurpose): number => KINDS[purpose].lifetime;

export const TOKEN_BYTES = 33;
/** How long a confirmation of subscriptions alone stays open; one with a signature stays open as long as its token. */
export const SUBSCRIPTION_LIFETIME_MS = 72 * HOUR_MS;
/** How long a used token gets the same answer again, since mail programs and people open links twice. */
export const REPEAT_MS = 24 * HOUR_MS;

export type LinkToken = Tables['linkTokens']['$inferSelect'];

/** The error for every link that does not work. It must not tell why. */
export const linkNotFound = (): ApiError =>
  new ApiError('link_not_found', {
    detail: 'It is mistyped, used, cancelled or too old: ask for a new one.',
  });

/** The SHA-256 of a token in its exact form; undefined for every other text. */
export const hashOfToken = (purpose: TokenPurpose, token: string): Buffer | undefined =>
  hashOfRandom(KINDS[purpose].prefix, token);

/** The same of any random token with this prefix. */
export function hashOfRandom(prefix: string, token: string): Buffer | undefined {
  const text = token.slice(prefix.length + 1);
  if (!token.startsWith(`${prefix}_`) || !/^[A-Za-z0-9_-]{44}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === TOKEN_BYTES && bytes.toString('base64url') === text ? sha256(token) : undefined;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest();

export type NewToken = {
  purpose: TokenPurpose;
  /** TOKEN_BYTES of randomness, drawn before the transaction. */
  bytes: Buffer;
  supporterKey: number;
  epoch: number;
  requestKey?: number;
  emailChangeKey?: number;
  lifetimeMs?: number;
};

/** Stores a new token and returns its text, which exists nowhere else. */
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

/** Extends the unused tokens that a supporter was mailed within the last `ms`. Cancelled ones stay cancelled. */
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

/**
 * Uses a token up in one statement, so that only one of two simultaneous requests gets it. Undefined: unknown, used or
 * expired.
 */
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

/** Reads a token, used or not; undefined when unknown. The caller must check usedAt and expiresAt. */
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
