import { closeSync, openSync } from 'node:fs';
import { fsync, write } from 'node:fs';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { emailOf } from '../email.js';

const PAUSE_MS = 50;
/** After this time without an answer a client repeats its request. */
const PATIENCE_MS = 10_000;

/**
 * Records acknowledgements in a file, durably before they count: the audit must not depend on this process's memory.
 */
class Ledger {
  readonly #file: number;
  #lines = '';
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }

  async note(line: string): Promise<void> {
    this.#lines += `${line}\n`;
    // A write in progress does not include this line: wait for it, then write all new lines together.
    await this.#writing;
    await (this.#writing ??= this.#write());
  }

  async #write(): Promise<void> {
    const lines = this.#lines;
    this.#lines = '';
    await promisify(write)(this.#file, lines);
    await promisify(fsync)(this.#file);
    this.#writing = undefined;
  }

  close(): void {
    closeSync(this.#file);
  }
}

export type Signing = {
  /** The time of each acknowledgement. */
  acknowledged: number[];
  /** The number of answers by status; `lost` for failed connections. */
  answers: Record<string, number>;
  sent: number;
  stop(): Promise<void>;
};

/** Starts clients that sign, each with the next address. Without an acknowledgement they repeat the same request. */
export function startSigning(urls: string[], path: string, clients: number, ledger: string): Signing {
  const book = new Ledger(ledger);
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  const state: Signing = { acknowledged: [], answers: {}, sent: 0, stop };
  let over = false;

  const post = (url: string, email: string) =>
    new Promise<string>((resolve) => {
      const outgoing = request(`${url}${path}/signatures`, {
        agent,
        method: 'POST',
        timeout: PATIENCE_MS,
        headers: { 'content-type': 'application/json', 'idempotency-key': `"failover-${email}"` },
      });
      outgoing.on('response', (answer) => {
        answer.resume();
        answer.on('end', () => resolve(String(answer.statusCode)));
        answer.on('error', () => resolve('lost'));
      });
      outgoing.on('timeout', () => outgoing.destroy(new Error('timeout')));
      outgoing.on('error', () => resolve('lost'));
      outgoing.end(JSON.stringify({ name: 'Ada Okonkwo', email, country: 'NL', display: 'initials' }));
    });

  async function client(n: number) {
    const url = urls[n % urls.length] ?? '';
    while (!over) {
      const email = emailOf(state.sent++);
      for (;;) {
        const answer = await post(url, email);
        state.answers[answer] = (state.answers[answer] ?? 0) + 1;
        if (answer === '202') {
          await book.note(email);
          state.acknowledged.push(performance.now());
          break;
        }
        if (over) return;
        await sleep(PAUSE_MS);
      }
    }
  }

  const running = Promise.all(Array.from({ length: clients }, (_, n) => client(n)));
  async function stop() {
    over = true;
    await running;
    agent.destroy();
    book.close();
  }
  return state;
}
