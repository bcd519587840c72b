import type { Api, Challenge } from './api.js';
import { wait } from './dom.js';

/** Numbers that are tried before the page gets time for other work. */
const SLICE = 400;

type ChallengeAnswer = { form_token?: string; altcha?: string };

/**
 * Shows the server that a person fills in the form: with the token of the moment when it was opened, and a proof of
 * work where the server requires one. The work begins when the person begins to type, to be done before they submit.
 */
export class RobotCheck {
  readonly #api: Api;
  readonly #petition: string;
  /**
   * Of the first answer: the server reads from it how long filling in took. It must be kept when the proof of work is
   * renewed, since a fresh one would look like a machine that took less than two seconds.
   */
  readonly #formToken: Promise<string | undefined>;
  #challenge: Promise<Challenge | undefined>;
  #altcha: Promise<string | undefined> | undefined;

  constructor(api: Api, petition: string) {
    this.#api = api;
    this.#petition = petition;
    this.#challenge = this.#ask();
    this.#formToken = this.#challenge.then((given) => given?.form_token);
  }

  /**
   * Failures are ignored: most signatures need no challenge, and otherwise the server refuses with
   * `challenge_required`.
   */
  #ask(): Promise<Challenge | undefined> {
    return this.#api.challenge(this.#petition).catch(() => undefined);
  }

  begin(): void {
    this.#altcha ??= this.#challenge.then(async (given) => {
      if (!given?.required || !given.altcha) return undefined;
      // Pages without TLS have no crypto.subtle: signing works there as long as no proof is required.
      return solve(given.altcha).catch(() => undefined);
    });
  }

  /** The members for the body of a signature. */
  async answer(): Promise<ChallengeAnswer> {
    this.begin();
    const [form_token, altcha] = await Promise.all([this.#formToken, this.#altcha]);
    // As JSON, what is undefined is absent.
    return { form_token, altcha } as ChallengeAnswer;
  }

  /** For when the server requires a proof, or a new one: each is valid for one signature, and expires. */
  renew(): void {
    this.#challenge = this.#ask();
    this.#altcha = undefined;
    this.begin();
  }
}

/** Finds the number whose hash equals the challenge. The page stays responsive: hashing is asynchronous, in slices. */
async function solve(task: NonNullable<Challenge['altcha']>): Promise<string | undefined> {
  const { algorithm, challenge, salt, signature } = task;
  const most = task.maxnumber;
  const encoder = new TextEncoder();
  for (let from = 0; from <= most; from += SLICE) {
    const numbers = Array.from({ length: Math.min(SLICE, most - from + 1) }, (_, i) => from + i);
    const hashes = await Promise.all(
      numbers.map((number) => crypto.subtle.digest(algorithm, encoder.encode(salt + number))),
    );
    const found = hashes.findIndex((hash) => hexOf(hash) === challenge);
    if (found >= 0) {
      return btoa(JSON.stringify({ algorithm, challenge, number: from + found, salt, signature }));
    }
    await wait(0);
  }
  return undefined;
}

export const hexOf = (hash: ArrayBuffer): string =>
  [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
