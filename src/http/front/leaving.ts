import type { ServerResponse } from 'node:http';

/**
 * An answer that can be sent as it is to any number of requests. `headers`: all of them but those of the connection,
 * names and values alternating. `body`: a string only if it is ASCII.
 */
export type Finished = { status: number; headers: readonly string[]; body: string | Buffer };

/** What can be sent as latin1. */
export const ASCII = /^[\0-\x7f]*$/;

type Answer = {
  response: ServerResponse;
  body: string | Buffer;
  encoding: 'utf8' | 'latin1';
  sent?: (() => void) | undefined;
};

/**
 * Sends the answers of one event loop iteration together at its end. Each write wakes the client's process; waking it
 * once for several answers costs a third of waking it for each.
 */
export class Leaving {
  #ready: Answer[] = [];
  readonly #leave = () => {
    const ready = this.#ready;
    this.#ready = [];
    for (const { response, body, encoding, sent } of ready) {
      response.end(body, encoding);
      sent?.();
    }
  };

  /** `sent` is called once it is. */
  end(response: ServerResponse, body: string | Buffer, sent?: () => void): void {
    const encoding = typeof body === 'string' && ASCII.test(body) ? 'latin1' : 'utf8';
    this.#push({ response, body, encoding, sent });
  }

  /** As latin1, Node writes headers and body as one text, without encoding it. */
  endFinished(response: ServerResponse, { body }: Finished, sent?: () => void): void {
    this.#push({ response, body, encoding: 'latin1', sent });
  }

  #push(answer: Answer): void {
    if (this.#ready.length === 0) setImmediate(this.#leave);
    this.#ready.push(answer);
  }
}
