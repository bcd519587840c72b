import { createHash } from 'node:crypto';
import { createChallenge as makeAltcha, extractParams, verifySolution } from 'altcha-lib/v1';
import { inArray, lt } from 'drizzle-orm';
import { ApiError, tooMany } from '../../errors.js';
import { bindAll, statement, type Reader, type Store, type Tx } from '../../store/store.js';
import type { Actor, Caller } from '../actor.js';
import type { Context } from '../context.js';
import { deleteInSteps } from '../in-steps.js';
import { findHead, type PetitionHead } from '../petitions/petition-lookup.js';
import type { Solution } from './first-look.js';
import type { FirstLook } from './first-look.js';
import { standingOf } from './key-isolations.js';

/*
 * Proofs of work in the format of ALTCHA v1: find the number for which SHA-256(salt + number) equals the challenge. A
 * challenge is signed and carries everything needed to check it, so nothing is stored when it is issued; only its use
 * is.
 */

const ALGORITHM = 'SHA-256';
/** The largest possible solution: one or two seconds of work on a phone, per signature. */
export const MAX_NUMBER = 50_000;
const LIFETIME_MS = 20 * 60_000;
const SALT_BYTES = 12;

export type Altcha = {
  algorithm: typeof ALGORITHM;
  challenge: string;
  salt: string;
  signature: string;
  maxnumber: number;
};

/** What a form sends back with a signature. suspicion.ts explains what the form token is for. */
export type Challenge = { formToken: string; altcha: Altcha | null };

/** Issues a form token, and a proof of work if signing this petition needs one now. Throws what `findHead` throws. */
export async function createChallenge(
  ctx: Context,
  actor: Actor,
  petitionRef: string,
  { waits }: Pick<Caller, 'waits'>,
): Promise<Challenge> {
  const petition = await findHead(ctx.store.read, actor, petitionRef);
  const at = ctx.now().getTime();
  const formToken = ctx.sealer.formToken({ petitionKey: petition.key, at });
  const pressed =
    waits > 0 ||
    ctx.brakes.pressure.isOn(petition.key, at) ||
    (await isMisused(ctx.store.read, petition, actor, ctx.now()));
  const altcha = isRequired(petition, actor, pressed) ? await altchaFor(ctx, petition, at) : null;
  return { formToken, altcha };
}

async function altchaFor(ctx: Context, petition: PetitionHead, at: number): Promise<Altcha> {
  const { challenge, salt, signature } = await makeAltcha({
    algorithm: ALGORITHM,
    hmacKey: ctx.brakes.challengeKey,
    maxnumber: MAX_NUMBER,
    salt: ctx.random(SALT_BYTES).toString('hex'),
    expires: new Date(at + LIFETIME_MS),
    params: { petition: petition.publicId },
  });
  return { algorithm: ALGORITHM, challenge, salt, signature, maxnumber: MAX_NUMBER };
}

/** Never for secret keys: their organizations are responsible for what they send. */
function isRequired({ challenge }: PetitionHead, actor: Actor, pressed: boolean): boolean {
  if (actor.kind === 'secret' || challenge === 'off') return false;
  return challenge === 'always' || pressed;
}

/**
 * Whether machines misuse this key, which is public in a page. Supporters can still sign through it, with a proof of
 * work.
 */
async function isMisused(on: Reader, { key }: PetitionHead, actor: Actor, at: Date): Promise<boolean> {
  if (actor.kind !== 'publishable') return false;
  const { isolated, networks } = await standingOf(on, key, actor.keyKey, at);
  return isolated || networks.size > 0;
}

/**
 * Checks everything about a solution that needs no database, since hashing has no place in a transaction. Returns
 * undefined for every invalid one.
 */
export async function checkSolution(ctx: Context, text: string): Promise<Solution | undefined> {
  const payload = payloadOf(text);
  if (!payload) return undefined;
  const { petition = '', expires = '' } = extractParams(payload);
  const expiresAt = new Date(Number(expires) * 1000);
  if (!(expiresAt > ctx.now())) return undefined;
  // Expiry is checked above, against `ctx.now`.
  if (!(await verifySolution(payload, ctx.brakes.challengeKey, false))) return undefined;
  return { petitionId: petition, expiresAt, hash: createHash('sha256').update(payload.challenge).digest() };
}

type Payload = Omit<Altcha, 'maxnumber'> & { number: number };

const isText = (value: unknown): value is string => typeof value === 'string' && value.length <= 300;

function payloadOf(text: string): Payload | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64').toString());
  } catch {
    return undefined;
  }
  const { algorithm, challenge, number, salt, signature } = (value ?? {}) as Record<string, unknown>;
  if (algorithm !== ALGORITHM || !isText(challenge) || !isText(salt) || !isText(signature)) return undefined;
  if (!Number.isSafeInteger(number)) return undefined;
  return { algorithm, challenge, number: number as number, salt, signature };
}

const use = statement('challenge_use', ({ db, tables: { usedChallenges: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['hash', 'expiresAt']))
    .onConflictDoNothing()
    .returning({ expiresAt: t.expiresAt }),
);

/**
 * Enforces the petition's challenge and marks the proof of work as used, in the signing's own transaction: if the
 * signing fails later, the proof stays valid. Returns whether a proof was used. Throws `challenge_required`,
 * `challenge_invalid`; `rate_limited` where the petition has challenges off, so that there is no proof to ask for.
 */
export async function assertChallenge(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  { actor, caller, proof, tallies }: Pick<FirstLook, 'actor' | 'caller' | 'proof' | 'tallies'>,
): Promise<boolean> {
  if (actor.kind === 'secret') return false;
  const isPressed = tallies.isPressed(petition.key, tx.now.getTime());
  if (petition.challenge === 'off' && caller.waits > 0) throw tooMany(caller.waits);
  const pressed = caller.waits > 0 || isPressed || (await isMisused(tx, petition, actor, tx.now));
  if (!isRequired(petition, actor, pressed)) return false;
  if (!proof) {
    throw new ApiError('challenge_required', {
      detail: 'Get one from /v1/petitions/{petition}/challenge, solve it, and send it as altcha.',
    });
  }
  const { solution } = proof;
  const fits = solution?.petitionId === petition.publicId && solution.expiresAt > tx.now;
  if (!fits || (await use(tx, solution)).length === 0) {
    throw new ApiError('challenge_invalid', {
      detail: 'It is wrong, expired, for another petition, or already used: get a new one.',
    });
  }
  return true;
}

/** Forgets used proofs of work one lifetime after they expired; the margin covers servers whose clocks differ. */
export async function sweepChallenges(store: Store, now: Date): Promise<void> {
  const { usedChallenges: t } = store.tables;
  const before = new Date(now.getTime() - LIFETIME_MS);
  await deleteInSteps(store, (db, most) => {
    const old = db.select({ hash: t.hash }).from(t).where(lt(t.expiresAt, before)).limit(most);
    return db.delete(t).where(inArray(t.hash, old)).returning({ expiresAt: t.expiresAt });
  });
}
