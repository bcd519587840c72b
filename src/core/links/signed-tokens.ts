import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { eq } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { signingKey, verifyingKey } from './link-keys.js';
import { dayOf } from '../../time.js';

/*
 * Signed tokens: for links in mailings, which are made by the million and never stored.
 *
 *   version 1 · purpose 1 · key id 1 · link epoch 4 · issue day 2 · handle 14 [· mailing 9] · HMAC-SHA-256 cut to 16
 *
 * The handle belongs to a subscription and is random, so that no database id leaks. The mailing is the handle of one or of
 * its variant. A token has one of two lengths, whose base64url has no spare bits, and the HMAC covers all before it: each
 * token has exactly one spelling, and none can be cut to one without its mailing.
 */

export const HANDLE_BYTES = 14;
export const MAILING_HANDLE_BYTES = 9;
const VERSION = 1;
const HEAD = 9;
const MAC = 16;
const SHORT = HEAD + HANDLE_BYTES + MAC;
const LONG = SHORT + MAILING_HANDLE_BYTES;

const PURPOSES = {
  /** Tells which mailing brought a visit. */
  recognise: { prefix: 'pr', byte: 1, lengths: [LONG], lifetimeDays: 400, voidable: true },
  /** One-click unsubscribing, in the List-Unsubscribe header only. Without a mailing where none was sent. */
  unsubscribe_header: {
    prefix: 'pu',
    byte: 2,
    lengths: [SHORT, LONG],
    lifetimeDays: Infinity,
    voidable: false,
  },
  /** In a mailing's footer, and in letters about lists. */
  unsubscribe_footer: {
    prefix: 'pb',
    byte: 3,
    lengths: [SHORT, LONG],
    lifetimeDays: Infinity,
    voidable: false,
  },
} as const;

export type SignedPurpose = keyof typeof PURPOSES;
export type Claims = { epoch: number; day: number; handle: Buffer; mailing?: Buffer };

function encode(purpose: SignedPurpose, keyId: number, key: KeyObject, claims: Claims): string {
  const { prefix, byte } = PURPOSES[purpose];
  const bytes = Buffer.alloc(claims.mailing ? LONG : SHORT);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(byte, 1);
  bytes.writeUInt8(keyId, 2);
  bytes.writeUInt32BE(claims.epoch, 3);
  bytes.writeUInt16BE(claims.day, 7);
  claims.handle.copy(bytes, HEAD, 0, HANDLE_BYTES);
  claims.mailing?.copy(bytes, HEAD + HANDLE_BYTES, 0, MAILING_HANDLE_BYTES);
  macOf(key, bytes).copy(bytes, bytes.length - MAC);
  return `${prefix}_${bytes.toString('base64url')}`;
}

const macOf = (key: Buffer | KeyObject, bytes: Buffer): Buffer =>
  createHmac('sha256', key).update(bytes.subarray(0, -MAC)).digest().subarray(0, MAC);

/** The bytes of a token in its exact form, not yet verified. */
function decode(purpose: SignedPurpose, token: string): Buffer | undefined {
  const { prefix, byte, lengths } = PURPOSES[purpose];
  const text = token.slice(prefix.length + 1);
  if (!token.startsWith(`${prefix}_`) || !/^[A-Za-z0-9_-]{52}(?:[A-Za-z0-9_-]{12})?$/.test(text)) {
    return undefined;
  }
  const bytes = Buffer.from(text, 'base64url');
  const fits = (lengths as readonly number[]).includes(bytes.length);
  return fits && bytes[0] === VERSION && bytes[1] === byte ? bytes : undefined;
}

/** Returns a function that signs any number of tokens of one purpose with the current key. */
export async function signer(
  ctx: Context,
  tx: Tx,
  purpose: SignedPurpose,
): Promise<(claims: Claims) => string> {
  const { id, key } = await signingKey(ctx, tx, purpose);
  // Prepared once: with the bytes, each HMAC would take twice as long.
  const prepared = createSecretKey(key);
  return (claims) => encode(purpose, id, prepared, claims);
}

/** The claims of a token whose signature, form and age are valid; undefined for every other text. */
export async function verify(
  ctx: Context,
  on: Reader,
  purpose: SignedPurpose,
  token: string,
  now: Date,
): Promise<Claims | undefined> {
  const bytes = decode(purpose, token);
  if (!bytes) return undefined;
  const key = await verifyingKey(ctx, on, bytes.readUInt8(2), purpose);
  if (!key || !timingSafeEqual(macOf(key, bytes), bytes.subarray(-MAC))) return undefined;
  const day = bytes.readUInt16BE(7);
  const age = dayOf(now) - day;
  // Tolerates an issuer's clock that is a little ahead.
  if (age < -1 || age > PURPOSES[purpose].lifetimeDays) return undefined;
  return {
    epoch: bytes.readUInt32BE(3),
    day,
    handle: bytes.subarray(HEAD, HEAD + HANDLE_BYTES),
    ...(bytes.length === LONG ? { mailing: bytes.subarray(HEAD + HANDLE_BYTES, -MAC) } : {}),
  };
}

export type LinkedSubscription = {
  key: number;
  organizationKey: number;
  supporterKey: number;
  status: 'pending' | 'active' | 'unsubscribed' | 'suppressed';
};

/**
 * The subscription of a verified token. Its supporter voids older links by a change of address or on purpose; those
 * that only unsubscribe work as long as the subscription exists, so that nobody is kept from leaving.
 */
export async function linkedSubscription(
  on: Reader,
  purpose: SignedPurpose,
  claims: Claims,
): Promise<LinkedSubscription | undefined> {
  const row = (await rowOf(on, claims.handle)) ?? (await mergedRowOf(on, purpose, claims.handle));
  return row && (!PURPOSES[purpose].voidable || row.epoch === claims.epoch) ? row : undefined;
}

type Row = LinkedSubscription & { epoch: number };

async function rowOf(on: Reader, handle: Buffer): Promise<Row | undefined> {
  const { subscriptions: t } = on.tables;
  const [row] = await selectLinked(on).where(eq(t.handle, handle));
  return row;
}

/** The subscription into which that of the handle was merged. Such links only unsubscribe. */
async function mergedRowOf(on: Reader, purpose: SignedPurpose, handle: Buffer): Promise<Row | undefined> {
  if (PURPOSES[purpose].voidable) return undefined;
  const { subscriptions: t, formerHandles } = on.tables;
  const [row] = await selectLinked(on)
    .innerJoin(formerHandles, eq(formerHandles.subscriptionKey, t.key))
    .where(eq(formerHandles.handle, handle));
  return row;
}

const selectLinked = ({ db, tables: { subscriptions: t, supporters } }: Reader) =>
  db
    .select({
      key: t.key,
      organizationKey: t.organizationKey,
      supporterKey: t.supporterKey,
      status: t.status,
      epoch: supporters.linkEpoch,
    })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey));
