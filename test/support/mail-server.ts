import type { AddressInfo } from 'node:net';
import { simpleParser, type ParsedMail } from 'mailparser';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import type { Test } from 'tap';

export type Received = { from: string; to: string[]; raw: string; mail: ParsedMail };

/** How the server treats whoever comes next; nothing: as it should. */
export type Mood = {
  greeting?: number;
  mailFrom?: number;
  /** A reply to RCPT, such as `550 5.1.1 No such user`. */
  recipient?: (address: string) => string | undefined;
  /** What it does with a whole message: replies, says nothing, or hangs up before or after it has taken it. */
  data?: `${number} ${string}` | 'hang' | 'drop' | 'take_and_drop';
  /** Takes its time, in milliseconds. */
  slow?: number;
};

export type MailServer = {
  url: string;
  port: number;
  received: Received[];
  mood: Mood;
  /** How many there have been. */
  connections: () => number;
  /** How many there are. */
  open: () => number;
  /** Messages that it has, and never answers. */
  hanging: () => number;
  stop: () => Promise<void>;
  start: () => Promise<void>;
};

const failure = (reply: string) =>
  Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) });

/** A real SMTP server that can also be in a bad mood. */
export async function startMailServer(t: Test): Promise<MailServer> {
  let server: SMTPServer;
  let connected = 0;
  let hanging = 0;
  const hangUp = () => {
    const { connections } = server as unknown as { connections: Set<{ _socket: { destroy(): void } }> };
    for (const one of connections) one._socket.destroy();
  };

  async function take(session: SMTPServerSession, raw: Buffer): Promise<void> {
    const { mailFrom, rcptTo } = session.envelope;
    self.received.push({
      from: mailFrom ? mailFrom.address : '',
      to: rcptTo.map(({ address }) => address),
      raw: raw.toString('latin1'),
      mail: await simpleParser(raw),
    });
  }

  const create = () =>
    new SMTPServer({
      disabledCommands: ['STARTTLS', 'AUTH'],
      disableReverseLookup: true,
      closeTimeout: 50,
      onConnect(_session, done) {
        connected += 1;
        const { greeting } = self.mood;
        done(greeting === undefined ? null : failure(`${greeting} go away`));
      },
      onMailFrom(_address, _session, done) {
        const { mailFrom } = self.mood;
        done(mailFrom === undefined ? null : failure(`${mailFrom} go away`));
      },
      onRcptTo({ address }, _session, done) {
        const reply = self.mood.recipient?.(address);
        done(reply === undefined ? null : failure(reply));
      },
      onData(stream, session, done) {
        const parts: Buffer[] = [];
        stream.on('data', (part: Buffer) => parts.push(part));
        stream.on('end', () => {
          const { data, slow = 0 } = self.mood;
          // A server that is slow: this is its time, and nothing waits for it to pass.
          setTimeout(() => {
            if (data === 'hang') return void (hanging += 1);
            if (data === 'drop') return hangUp();
            if (data !== undefined && data !== 'take_and_drop') return done(failure(data));
            void take(session, Buffer.concat(parts)).then(() => {
              if (data === 'take_and_drop') hangUp();
              else done();
            });
          }, slow);
        });
      },
    });

  const self: MailServer = {
    url: '',
    port: 0,
    received: [],
    mood: {},
    connections: () => connected,
    open: () => (server as unknown as { connections: Set<unknown> }).connections.size,
    hanging: () => hanging,
    async start() {
      server = create();
      // What clients do to it is what the tests are about.
      server.on('error', () => undefined);
      await new Promise<void>((resolve) => server.listen(self.port, '127.0.0.1', resolve));
      self.port = (server.server.address() as AddressInfo).port;
      self.url = `smtp://127.0.0.1:${self.port}`;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        hangUp();
      }),
  };
  await self.start();
  t.teardown(() => self.stop());
  return self;
}
