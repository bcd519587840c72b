import { once } from 'node:events';
import { connect, isIP, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { connect as connectTls, type TLSSocket } from 'node:tls';

/*
 * As much of SMTP as it takes to ask a server, up to RCPT, what it would do with a mail, and to send none. nodemailer,
 * which sends, goes on to DATA by itself.
 */

export type Reply = { code: number; text: string };

const WAIT_MS = 10_000;
/** A reply that is longer is none. */
const LONGEST = 65_536;

export class SmtpDialogue {
  #socket!: Socket;
  #heard = '';
  #wake: () => void = () => undefined;
  #failure: Error | undefined;
  /** What the last EHLO said that the server can, in upper case. */
  abilities: string[] = [];

  private constructor(private readonly host: string) {}

  /** Connects and waits for the greeting. Rejects with the error of the network, or that it took too long. */
  static async open(host: string, port: number, secure: boolean): Promise<[SmtpDialogue, Reply]> {
    const self = new SmtpDialogue(host);
    if (secure) {
      const socket = connectTls({ host, port, ...self.#tls() });
      self.#listen(socket);
      await once(socket, 'secureConnect');
    } else {
      const socket = connect({ host, port });
      self.#listen(socket);
      await once(socket, 'connect');
    }
    return [self, await self.#reply()];
  }

  get socket(): Socket | TLSSocket {
    return this.#socket;
  }

  #tls() {
    return { rejectUnauthorized: false, ...(isIP(this.host) ? {} : { servername: this.host }) };
  }

  #listen(socket: Socket): void {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.setTimeout(WAIT_MS, () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    socket.on('data', (text: string) => {
      this.#heard += text;
      this.#wake();
    });
    socket.on('error', (error) => (this.#failure = error));
    socket.on('close', () => {
      this.#failure ??= Object.assign(new Error(), { code: 'ECONNRESET' });
      this.#wake();
    });
  }

  async #reply(): Promise<Reply> {
    for (;;) {
      const whole = /^(?:\d{3}-.*\r?\n)*(\d{3})(?: .*)?\r?\n/.exec(this.#heard);
      if (whole) {
        this.#heard = this.#heard.slice(whole[0].length);
        return { code: Number(whole[1]), text: whole[0] };
      }
      if (this.#failure) throw this.#failure;
      if (this.#heard.length > LONGEST) throw Object.assign(new Error(), { code: 'EPROTOCOL' });
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  say(line: string): Promise<Reply> {
    this.#socket.write(`${line}\r\n`);
    return this.#reply();
  }

  async hello(): Promise<Reply> {
    const reply = await this.say(`EHLO ${hostname().replace(/[^\w.-]/g, '') || 'localhost'}`);
    this.abilities = reply.text.split(/\r?\n/).map((line) => line.slice(4).toUpperCase());
    return reply;
  }

  can(ability: string): boolean {
    return this.abilities.some((line) => line.split(' ')[0] === ability);
  }

  /** After the server has agreed to STARTTLS. */
  async encrypt(): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners('data');
    // What came before the encryption may be another's.
    this.#heard = '';
    const socket = connectTls({ socket: plain, ...this.#tls() });
    this.#listen(socket);
    await once(socket, 'secureConnect');
  }

  end(): void {
    if (!this.#socket.destroyed) this.#socket.end('QUIT\r\n');
    this.#socket.setTimeout(100, () => this.#socket.destroy());
  }
}
