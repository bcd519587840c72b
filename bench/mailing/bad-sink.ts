import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import {
  AT_CONNECTION,
  AT_MAIL,
  AT_RECIPIENT,
  type Fault,
  type SinkAsk,
  type SinkRecord,
  type SinkSaid,
  type SinkSetup,
} from './sink-faults.js';

/*
 * A mail server in a process of its own that fails in every phase. What fails is drawn from a seed: for each connection, each
 * MAIL, and each attempt at a recipient. So the same seed fails the same way, however the attempts are interleaved.
 */

/** Large providers rarely put off: each time, a sender slows down for all of their people. */
const RARER_AT_LARGE = 50;
const RARER_FOR_ALL = 4;
const SLOW_MS = 1500;
const END = Buffer.from('\r\n.\r\n');

const setup = JSON.parse(process.argv[2] ?? '{}') as SinkSetup;
const record: SinkRecord = { taken: [], refused: [], messageIds: [], samples: [], faults: {} };
const messageIds = new Map<string, Set<string>>();
const seen = new Set<string>();
const attempts = new Map<string, number>();
const temporary = new Map<string, number>();
const sockets = new Set<Socket>();
let connections = 0;
let mails = 0;

/** A number below 1 that depends on the seed and on these alone. */
function draw(...of: (string | number)[]): number {
  const hash = createHash('sha256')
    .update([setup.seed, ...of].join(' '))
    .digest();
  return hash.readUInt32BE() / 2 ** 32;
}

function pick<F extends Fault>(faults: readonly F[], percent: number, at: number): F | undefined {
  const fault = faults[Math.floor((at * 100) / percent)];
  if (fault !== undefined) record.faults[fault] = (record.faults[fault] ?? 0) + 1;
  return fault;
}

function faultAt(to: string): Fault | undefined {
  const attempt = (attempts.get(to) ?? 0) + 1;
  attempts.set(to, attempt);
  const isLarge = to.includes('@large');
  const isSpent = (temporary.get(to) ?? 0) >= setup.mostTemporary;
  const possible = isSpent ? AT_RECIPIENT.filter((fault) => !isTemporary(fault)) : AT_RECIPIENT;
  const fault = pick(possible, setup.percent / (isLarge ? RARER_AT_LARGE : 1), draw('to', to, attempt));
  if (fault !== undefined && isTemporary(fault)) temporary.set(to, (temporary.get(to) ?? 0) + 1);
  return fault;
}

const isTemporary = (fault: Fault): boolean => /_4\d\d$|^(?:rcpt|data|body)_(?:ok_)?drop$/.test(fault);

const REPLIES: Record<string, string> = {
  '421': '421 4.3.2 shutting down',
  '451': '451 4.7.1 try again later',
  '454': '454 4.7.0 throttled',
  '550': '550 5.7.1 not wanted',
  '554': '554 5.7.1 no',
};

function take(to: string, raw: string, messageId: string): void {
  const isWrong = setup.wrong !== '' && record.taken.length === Math.floor(setup.mails / 2);
  const one = { to, messageId, at: Date.now() };
  if (isWrong && setup.wrong === 'forget') {
    setup.wrong = '';
    return;
  }
  record.taken.push(one);
  if (isWrong) {
    record.taken.push(one);
    setup.wrong = '';
  }
  const every = Math.max(1, Math.floor(setup.mails / (setup.samples * 2)));
  if (record.samples.length < setup.samples && record.taken.length % every === 0) {
    record.samples.push({ to, raw });
  }
}

/** One connection. */
class Dialogue {
  #rest: Buffer = Buffer.alloc(0);
  #isData = false;
  /** It is hanging up: what was sent ahead is not looked at any more. */
  #isOver = false;
  #hasSender = false;
  #to = '';
  #fault: Fault | undefined;
  readonly #connection: Fault | undefined;

  constructor(private readonly socket: Socket) {
    connections += 1;
    this.#connection = pick(
      AT_CONNECTION,
      (setup.percent * 2) / AT_CONNECTION.length,
      draw('connection', connections),
    );
    this.#greet();
  }

  #greet(): void {
    if (this.#connection === 'connect_reset') return void this.socket.resetAndDestroy();
    const greeting = this.#connection?.startsWith('greeting') ? this.#connection.slice(-3) : undefined;
    if (greeting !== undefined) return this.#close(REPLIES[greeting] ?? '');
    this.#reply('220 sink');
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  #reply(text: string): void {
    this.socket.write(`${text}\r\n`);
  }

  #close(last: string): void {
    this.#isOver = true;
    this.socket.end(`${last}\r\n`);
  }

  #drop(): void {
    this.#isOver = true;
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.#isOver) {
      if (this.#isData && this.#fault === 'body_drop') return this.#drop();
      const mark = this.#isData ? END : Buffer.from('\r\n');
      const end = this.#rest.indexOf(mark);
      if (end < 0) return;
      const text = this.#rest.toString('latin1', 0, end);
      this.#rest = this.#rest.subarray(end + mark.length);
      if (this.#isData) this.#message(text);
      else this.#command(text);
    }
  }

  #command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') {
      if (this.#connection === 'ehlo_drop') return this.#drop();
      return this.#reply('250-sink\r\n250-PIPELINING\r\n250 8BITMIME');
    }
    if (verb === 'MAIL') return this.#mail();
    if (verb === 'RCPT') return this.#recipient(line.slice(line.indexOf('<') + 1, line.indexOf('>')));
    if (verb === 'DATA') return this.#data();
    if (verb === 'QUIT') return this.#close('221 bye');
    if (verb === 'RSET') [this.#to, this.#hasSender] = ['', false];
    this.#reply('250 ok');
  }

  #mail(): void {
    mails += 1;
    this.#to = '';
    this.#hasSender = false;
    const fault = pick(AT_MAIL, setup.percent / RARER_FOR_ALL, draw('mail', mails));
    this.#refuseOr(fault, () => {
      this.#hasSender = true;
      this.#reply('250 ok');
    });
  }

  #recipient(to: string): void {
    if (!this.#hasSender) return this.#reply('503 no sender');
    seen.add(to);
    this.#fault = faultAt(to);
    if (this.#fault === 'rcpt_550') {
      record.refused.push({ to, at: 'rcpt' });
      return this.#reply('550 5.1.1 no such user');
    }
    this.#refuseOr(this.#fault?.startsWith('rcpt') ? this.#fault : undefined, () => {
      this.#to = to;
      this.#reply('250 ok');
    });
  }

  #data(): void {
    if (this.#to === '') return this.#reply('503 no recipient');
    if (this.#fault === 'data_550') record.refused.push({ to: this.#to, at: 'data' });
    const fault = this.#fault?.startsWith('data') ? this.#fault : undefined;
    this.#refuseOr(fault, () => {
      this.#isData = true;
      this.#reply('354 go on');
    });
  }

  /** Says what the fault says, or goes on. */
  #refuseOr(fault: Fault | undefined, goOn: () => void): void {
    if (fault === undefined) return goOn();
    if (fault.endsWith('ok_drop')) {
      this.#isOver = true;
      return void this.socket.write('250 ok\r\n', () => this.#drop());
    }
    if (fault.endsWith('drop')) return this.#drop();
    const code = fault.slice(-3);
    if (code === '421') return this.#close(REPLIES[code] ?? '');
    this.#reply(REPLIES[code] ?? '');
  }

  #message(raw: string): void {
    this.#isData = false;
    const to = this.#to;
    const messageId = /^message-id:\s*<([^>]*)>/im.exec(raw.slice(0, 8192))?.[1] ?? '';
    const known = messageIds.get(to) ?? new Set();
    messageIds.set(to, known.add(messageId));
    const fault = this.#fault;
    if (fault === 'dot_drop_before') return this.#drop();
    if (fault === 'dot_550') record.refused.push({ to, at: 'dot' });
    if (fault !== undefined && /^dot_[45]/.test(fault)) return this.#refuseOr(fault, () => undefined);
    take(to, raw, messageId);
    if (fault === 'dot_drop_after') return this.#drop();
    if (fault === 'dot_slow') setTimeout(() => this.#reply('250 taken'), SLOW_MS);
    else this.#reply('250 taken');
  }
}

let port = setup.port;
let server: Server;
function listen(then: () => void): void {
  server = createServer((socket) => {
    sockets.add(socket.setNoDelay(true));
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    new Dialogue(socket);
  });
  server.listen(port, '127.0.0.1', () => {
    port = (server.address() as { port: number }).port;
    then();
  });
}

const say = (said: SinkSaid) => process.send?.(said);
process.on('message', (asked: SinkAsk) => {
  if (asked.ask === 'count') {
    say({ seen: seen.size, taken: record.taken.length, refused: record.refused.length });
  } else if (asked.ask === 'seen') say({ seen: [...seen] });
  else if (asked.ask === 'record') {
    say({ ...record, messageIds: [...messageIds].map(([to, ids]) => [to, [...ids]]) });
  } else {
    server.close();
    for (const socket of sockets) socket.destroy();
    setTimeout(() => listen(() => say({ back: true })), asked.ms);
  }
});
process.on('disconnect', () => process.exit());
listen(() => say({ port }));
