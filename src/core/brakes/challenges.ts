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
 * Proofs of work after ALTCHA, in its first form: find the number for which SHA-256(salt + number) is the challenge. A
 * challenge carries all that is needed to check it, signed; only that it was used is written down.
 */

const ALGORITHM = 'SHA-256';
/** The largest number that may be the answer: a second or two of a phone, for each signature. */
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

/** What a form needs to be sent: suspicion.ts tells what the token is for. */
export type Challenge = { formToken: string; altcha: Altcha | null };

/**
 * For whoever opens the form of a petition. There is a proof of work in it when signing asks for one.
 * Throws what findHead throws.
 */
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

/** Organizations answer for what they send with a secret key. */
function isRequired({ challenge }: PetitionHead, actor: Actor, pressed: boolean): boolean {
  if (actor.kind === 'secret' || challenge === 'off') return false;
  return challenge === 'always' || pressed;
}

/** Through a key that machines have copied from a page, people go on with a proof of work. */
async function isMisused(on: Reader, { key }: PetitionHead, actor: Actor, at: Date): Promise<boolean> {
  if (actor.kind !== 'publishable') return false;
  const { isolated, networks } = await standingOf(on, key, actor.keyKey, at);
  return isolated || networks.size > 0;
}

/**
 * Checks all of a solved proof of work that needs no database: hashing has no place in a transaction. Undefined for
 * anything that does not hold.
 */
export async function checkSolution(ctx: Context, text: string): Promise<Solution | undefined> {
  const payload = payloadOf(text);
  if (!payload) return undefined;
  const { petition = '', expires = '' } = extractParams(payload);
  const expiresAt = new Date(Number(expires) * 1000);
  if (!(expiresAt > ctx.now())) return undefined;
  // Expiry is checked above, by the one clock.
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
 * Holds a signing against the petition's brakes, and uses its proof of work up: in the same transaction, so that a
 * signing that fails later has used up nothing. Tells whether there was one. Throws `challenge_required`,
 * `challenge_invalid`, and `rate_limited` where a petition wants none, and so has nothing to offer instead.
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
      detail: 'It is solved wrongly, over, of another petition, or was used before: get a new one.',
    });
  }
  return true;
}

/** Forgets proofs of work that are over: until then, and a little longer for clocks that differ, they are known. */
export async function sweepChallenges(store: Store, now: Date): Promise<void> {
  const { usedChallenges: t } = store.tables;
  const before = new Date(now.getTime() - LIFETIME_MS);
  await deleteInSteps(store, (db, most) => {
    const old = db.select({ hash: t.hash }).from(t).where(lt(t.expiresAt, before)).limit(most);
    return db.delete(t).where(inArray(t.hash, old)).returning({ expiresAt: t.expiresAt });
  });
}
