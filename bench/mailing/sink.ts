import { createServer, type Socket } from 'node:net';

/*
 * A mail server in a process of its own that takes everything: fixed replies, PIPELINING, no parsing of what it gets. It
 * records Message-ID and recipient of each mail. `delay` is how long it thinks about a mail.
 */

export type SinkAsk = { ask: 'reset'; delay: number } | { ask: 'count' } | { ask: 'records' };
export type SinkSaid =
  | { port: number }
  | { count: number; firstAt: number; lastAt: number }
  | { records: [messageId: string, recipient: string][] };

const END = Buffer.from('\r\n.\r\n');
const HEAD = 8192;

/** A text of its own: a part of another one keeps all of that in memory, which is gigabytes after a million mails. */
const copyOf = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');

let delay = 0;
let records: [string, string][] = [];
let firstAt = 0;
let lastAt = 0;

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  let rest: Buffer = Buffer.alloc(0);
  let isData = false;
  let head = '';
  let to = '';
  const reply = (text: string) => void socket.write(`${text}\r\n`);

  function command(line: string): void {
    const verb = line.slice(0, 4).toUpperCase();
    if (verb === 'EHLO') reply('250-sink\r\n250-PIPELINING\r\n250 8BITMIME');
    else if (verb === 'MAIL') {
      if (firstAt === 0) firstAt = performance.now();
      reply('250 ok');
    } else if (verb === 'RCPT') {
      to = line.slice(line.indexOf('<') + 1, line.indexOf('>'));
      reply('250 ok');
    } else if (verb === 'DATA') {
      isData = true;
      head = '';
      reply('354 go on');
    } else if (verb === 'QUIT') {
      reply('221 bye');
      socket.end();
    } else reply('250 ok');
  }

  function taken(): void {
    const recipient = to;
    const messageId = /^message-id:\s*<([^>]*)>/im.exec(head)?.[1] ?? '';
    const done = () => {
      records.push([copyOf(messageId), copyOf(recipient)]);
      lastAt = performance.now();
      reply('250 taken');
    };
    if (delay === 0) done();
    else setTimeout(done, delay);
  }

  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (;;) {
      if (isData) {
        const end = rest.indexOf(END);
        if (head.length < HEAD) head += rest.toString('latin1', 0, end < 0 ? HEAD : Math.min(end, HEAD));
        if (end < 0) {
          // What may be the beginning of the end stays.
          rest = rest.subarray(Math.max(0, rest.length - END.length + 1));
          return;
        }
        rest = rest.subarray(end + END.length);
        isData = false;
        taken();
      } else {
        const end = rest.indexOf('\r\n');
        if (end < 0) return;
        const line = rest.toString('latin1', 0, end);
        rest = rest.subarray(end + 2);
        command(line);
      }
    }
  });
  reply('220 sink');
}

const server = createServer(serve);
const say = (said: SinkSaid) => process.send?.(said);
process.on('message', (asked: SinkAsk) => {
  if (asked.ask === 'count') say({ count: records.length, firstAt, lastAt });
  else if (asked.ask === 'records') say({ records });
  else {
    [records, firstAt, lastAt, delay] = [[], 0, 0, asked.delay];
    say({ count: 0, firstAt, lastAt });
  }
});
process.on('disconnect', () => process.exit());
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  say({ port: (server.address() as { port: number }).port });
});
