import { createChallenge } from '../brakes/challenges.js';
import { confirmRequest } from '../confirmation/confirmations.js';
import type { Context } from '../context.js';
import { signByMail } from '../signatures/one-tap.js';
import { signPetition } from '../signatures/signing.js';
import { subscribe } from '../subscriptions/subscribing.js';

/*
 * What many people call at once, and what needs the memory of the brakes. On SQLite a thread of its own runs them
 * (src/start-store-thread.ts); routes do not know where they run.
 */

const VERBS = {
  sign: signPetition,
  signByMail,
  confirm: confirmRequest,
  subscribe,
  createChallenge,
};

type Table = typeof VERBS;
export type VerbName = keyof Table;
type WithoutContext<Verb> = Verb extends (ctx: Context, ...args: infer Args) => infer Result
  ? (...args: Args) => Result
  : never;

/** The verbs as routes call them: without the Context that they run with. */
export type Verbs = { readonly [Name in VerbName]: WithoutContext<Table[Name]> };

/** Runs a verb with the arguments that a route has passed. */
export const runVerb = (ctx: Context, name: VerbName, args: readonly unknown[]): Promise<unknown> =>
  (VERBS[name] as (ctx: Context, ...args: unknown[]) => Promise<unknown>)(ctx, ...args);

/** Verbs that are carried out by `run`. */
export const verbsBy = (run: (name: VerbName, args: unknown[]) => Promise<unknown>): Verbs =>
  Object.fromEntries(
    Object.keys(VERBS).map((name) => [name, (...args: unknown[]) => run(name as VerbName, args)]),
  ) as Verbs;

/** Verbs that run where they are called. */
export const verbsInPlace = (ctx: Context): Verbs => verbsBy((name, args) => runVerb(ctx, name, args));
