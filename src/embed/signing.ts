import type { Accepted, Api, Failure, SignatureInput } from './api.js';
import { hexOf, type RobotCheck } from './challenge.js';
import { isFromPage } from './page-query.js';

type FromPage = Partial<SignatureInput>;

/** Sends a signature. Repeated attempts with the same body use the same Idempotency-Key. */
export class Signing {
  readonly #api: Api;
  readonly #petition: string;
  readonly #check: RobotCheck;
  #fromPage: FromPage;
  #last = { body: '', key: '' };

  constructor(api: Api, petition: string, check: RobotCheck, fromPage: FromPage) {
    this.#api = api;
    this.#petition = petition;
    this.#check = check;
    this.#fromPage = fromPage;
  }

  /** Sends what was typed; nothing: a tap in a mail. Retries with a new proof of work, or without invalid page parameters. Throws a Failure. */
  async send(typed: SignatureInput): Promise<Accepted> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#post({ ...typed, ...this.#fromPage, ...(await this.#check.answer()) });
      } catch (error) {
        if (attempt === 2 || !this.#mayMend(error as Failure)) throw error;
      }
    }
  }

  #post(body: SignatureInput): Promise<Accepted> {
    const text = JSON.stringify(body);
    if (text !== this.#last.body) this.#last = { body: text, key: newKey() };
    return this.#api.sign(this.#petition, body, this.#last.key);
  }

  #mayMend({ code, errors }: Failure): boolean {
    if (code === 'challenge_required' || code === 'challenge_invalid') {
      this.#check.renew();
      return true;
    }
    const mangled = errors.filter(({ pointer }) => isFromPage(pointer));
    for (const { pointer } of mangled) delete this.#fromPage[pointer.split('/')[1] as keyof FromPage];
    return mangled.length > 0 && mangled.length === errors.length;
  }
}

/** Not `randomUUID`, which pages without TLS lack. */
const newKey = (): string => hexOf(crypto.getRandomValues(new Uint8Array(16)).buffer);
