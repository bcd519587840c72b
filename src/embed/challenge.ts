import type { Api, Challenge } from './api.js';
import { wait } from './dom.js';

/** Numbers that are tried between two breaths of the page. */
const SLICE = 400;

type Proof = { form_token?: string; altcha?: string };

/**
 * What shows that people fill in the form: when it was opened, and, where the server wants it, some work. The work begins
 * when somebody begins to type, so that it is done before they press the button.
 */
export class RobotCheck {
  readonly #api: Api;
  readonly #petition: string;
  /**
   * Of the first answer: it tells how long somebody has taken. It stays when the proof of work is renewed: a fresh one would
   * look like a machine that took less than two seconds.
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

  /** A signature may well do without: the server says so if not. */
  #ask(): Promise<Challenge | undefined> {
    return this.#api.challenge(this.#petition).catch(() => undefined);
  }

  begin(): void {
    this.#altcha ??= this.#challenge.then(async (given) => {
      if (!given?.required || !given.altcha) return undefined;
      // Pages without TLS have no crypto.subtle: they can sign as long as nothing is asked of them.
      return solve(given.altcha).catch(() => undefined);
    });
  }

  async proof(): Promise<Proof> {
    this.begin();
    const [form_token, altcha] = await Promise.all([this.#formToken, this.#altcha]);
    return {
      ...(form_token === undefined ? {} : { form_token }),
      ...(altcha === undefined ? {} : { altcha }),
    };
  }

  /** The server wants one, or another one: each is good for one signature, and not for ever. */
  renew(): void {
    this.#challenge = this.#ask();
    this.#altcha = undefined;
    this.begin();
  }
}

/** Finds the number whose hash is the challenge's. The page stays responsive: it is hashed elsewhere, slice by slice. */
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

const hexOf = (hash: ArrayBuffer): string =>
  [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
