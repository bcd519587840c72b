import { and, eq, gt, isNull, sql } from 'drizzle-orm';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { World } from '../email.js';
import {
  consumeToken,
  findToken,
  hashOfToken,
  issueToken,
  linkNotFound,
  TOKEN_BYTES,
} from '../links/random-tokens.js';
import { queueMail } from '../mail/outbox.js';
import type { Session } from '../session.js';
import { findSupporter } from '../supporters/supporters.js';

/*
 * "My data": a supporter requests a link by mail and exchanges it, once, for a short session, which may read and
 * change what is stored about that supporter.
 */

/**
 * Queues a mail with a link to "my data" if the address is known. The caller must not learn that; caps limit the mails.
 */
export async function requestManageLink(
  ctx: Context,
  email: string,
  locale?: string,
  world: World = null,
): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const supporter = await findSupporter(tx, world, email);
    await queueMail(tx, 'manage', supporter?.key ?? null, { locale: locale ?? null });
  });
  ctx.mailWaits();
}

/**
 * Uses a mailed link up and starts a session. It also proves the mailbox, since the link was mailed there. Throws
 * `link_not_found` for every failure.
 */
export async function createSession(ctx: Context, link: string): Promise<{ token: string; expiresAt: Date }> {
  const bytes = ctx.random(TOKEN_BYTES);
  const begin = async (tx: Tx) => {
    const used = await consumeToken(tx, 'manage', link);
    if (!used) throw linkNotFound();
    const { supporterKey, epoch } = used;
    const { supporters: t } = tx.tables;
    const proven = await tx.db
      .update(t)
      .set({ provenAt: tx.now })
      .where(and(eq(t.key, supporterKey), eq(t.linkEpoch, epoch), isNull(t.erasedAt)))
      .returning({ key: t.key });
    if (proven.length === 0) throw linkNotFound();
    return issueToken(tx, { purpose: 'session', bytes, supporterKey, epoch });
  };
  // Urgent: erasure must stay possible when the disk is full, and it needs a session.
  return ctx.store.transact(begin, { urgent: true });
}

/** Whether a mailed link could still start a session. Changes nothing. */
export async function isManageLinkOpen(ctx: Context, link: string): Promise<boolean> {
  const on = ctx.store.read;
  const token = await findToken(on, 'manage', link);
  if (!token || token.usedAt || token.expiresAt <= ctx.now()) return false;
  const { supporters: t } = on.tables;
  const [owner] = await on.db
    .select({ epoch: t.linkEpoch })
    .from(t)
    .where(and(eq(t.key, token.supporterKey), isNull(t.erasedAt)));
  return owner?.epoch === token.epoch;
}

/** The session of a token; undefined if the token is unknown, expired or cancelled. */
export async function findSession(ctx: Context, token: string): Promise<Session | undefined> {
  const hash = hashOfToken('session', token);
  if (!hash) return undefined;
  const { linkTokens: t, supporters } = ctx.store.tables;
  const [row] = await ctx.store.read.db
    .select({ supporterKey: t.supporterKey })
    .from(t)
    .innerJoin(supporters, and(eq(supporters.key, t.supporterKey), eq(supporters.linkEpoch, t.epoch)))
    .where(
      and(
        eq(t.hash, hash),
        eq(t.purpose, 'session'),
        gt(t.expiresAt, ctx.now()),
        isNull(supporters.erasedAt),
      ),
    );
  return row;
}

/** Voids every personal link that was mailed before, and every session, this one included. */
export async function cancelLinks(ctx: Context, { supporterKey }: Session): Promise<void> {
  await ctx.store.transact(async (tx) => {
    const { supporters: t } = tx.tables;
    await tx.db
      .update(t)
      .set({ linkEpoch: sql`${t.linkEpoch} + 1` })
      .where(eq(t.key, supporterKey));
  });
}

/** Ends a session early. */
export async function endSession(ctx: Context, token: string): Promise<void> {
  const hash = hashOfToken('session', token);
  if (!hash) return;
  await ctx.store.transact(async (tx) => {
    const { linkTokens: t } = tx.tables;
    await tx.db.delete(t).where(and(eq(t.hash, hash), eq(t.purpose, 'session')));
  });
}
