import { Agent, request, type OutgoingHttpHeaders } from 'node:http';
import { performance } from 'node:perf_hooks';

export type Timed = { status: number; ms: number };

/** One connection that is kept open, and one request at a time on it. */
export class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly port: number) {}

  post(path: string, body: unknown, key?: string): Promise<Timed> {
    const payload = JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    };
    return this.#ask('POST', path, headers, payload);
  }

  get(path: string): Promise<Timed> {
    return this.#ask('GET', path, {});
  }

  /** From before the request is sent until the whole answer is there. */
  #ask(method: string, path: string, headers: OutgoingHttpHeaders, payload?: string): Promise<Timed> {
    return new Promise((resolve, reject) => {
      const begun = performance.now();
      request({ host: '127.0.0.1', port: this.port, agent: this.#agent, method, path, headers })
        .once('error', reject)
        .once('response', (response) => {
          const status = response.statusCode ?? 0;
          response
            .once('error', reject)
            .once('end', () => resolve({ status, ms: performance.now() - begun }))
            .resume();
        })
        .end(payload);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
