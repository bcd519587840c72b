import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/* A client that sends bytes as they are given, well-formed or not, and reads the answer without HTTP's help. */

export type RawAnswer = { status: number; headers: [name: string, value: string][]; body: string };

const NO_BODY = new Set([204, 304]);

/** One connection, which is opened again when the server has closed it. One request at a time. */
export class RawClient {
  #socket: Socket | undefined;
  #data = '';
  #heard: () => void = () => undefined;

  constructor(private readonly port: number) {}

  /** `late`: what is sent in a packet of its own, after the rest. */
  async ask(request: string, { isHead = false, late = '' } = {}): Promise<RawAnswer> {
    const socket = this.#socket ?? (await this.#open());
    socket.write(request, 'latin1');
    if (late !== '') setImmediate(() => socket.write(late, 'latin1'));
    for (;;) {
      const answer = this.#take(isHead);
      if (answer && answer.status >= 200) return answer;
      if (answer) continue;
      if (this.#socket !== socket) throw new Error(`closed in the middle of an answer: ${this.#data}`);
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #open(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1').setNoDelay(true).setEncoding('latin1');
    this.#socket = socket;
    this.#data = '';
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.#data += text;
      this.#heard();
    });
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#heard();
    });
    await once(socket, 'connect');
    return socket;
  }

  /** Takes an answer out of what was read, if it is complete. */
  #take(isHead: boolean): RawAnswer | undefined {
    const end = this.#data.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [line = '', ...lines] = this.#data.slice(0, end).split('\r\n');
    const status = Number(line.split(' ')[1]);
    const headers = lines.map((one): [string, string] => {
      const colon = one.indexOf(':');
      return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()];
    });
    const length = Number(headers.find(([name]) => name === 'content-length')?.[1] ?? 0);
    const isChunked = headers.some(([name]) => name === 'transfer-encoding');
    const from = end + 4;
    let to = from;
    if (isHead || status < 200 || NO_BODY.has(status)) to = from;
    else if (isChunked) {
      const last = this.#data.indexOf('0\r\n\r\n', from);
      if (last < 0) return undefined;
      to = last + 5;
    } else to = from + length;
    if (this.#data.length < to) return undefined;
    const body = this.#data.slice(from, to);
    this.#data = this.#data.slice(to);
    // The next request needs a new connection.
    if (headers.some(([name, value]) => name === 'connection' && value === 'close')) {
      this.#socket?.destroy();
      this.#socket = undefined;
    }
    return { status, headers, body };
  }
}
