import type { Writable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { parseConnectionUrl } from 'nodemailer/lib/shared';
import { classify, type SendFailure } from '../outcome.js';

/*
 * Connections to the mail server for mailings. Unlike nodemailer's pool, they know what a failure means: a reply decides;
 * without one, a mail was certainly not taken as long as its final dot was not written.
 */

/** What became of one attempt. Reasons are codes of ours, never text of the mail server. */
export type WireOutcome =
  | { state: 'sent' }
  | {
      state: 'deferred';
      reason: string;
      code?: number;
      /** The failure is about the server as a whole, not about this mail. */
      outage?: true;
    }
  | { state: 'failed'; reason: string; code?: number; badAddress?: true }
  | { state: 'uncertain'; reason: string };

export type Envelope = { from: string; to: string };

/** A way to send mails of mailings. */
export type Wire = {
  /** Never throws. `message` has CRLF at each line's end and no line that begins with a dot. */
  send(envelope: Envelope, message: Buffer): Promise<WireOutcome>;
  /** Closes all connections, including those in use. */
  close(): Promise<void>;
};

export type WireOptions = {
  /** smtp://user:password@host:port */
  url: string;
  /** For tests. */
  times?: Partial<typeof TIMES>;
};

const TIMES = {
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  /** For an answer: after the final dot, servers may take their time. */
  socketTimeout: 120_000,
  /** A connection that was not used for so long is closed. */
  idle: 10_000,
};

/** Some servers refuse more in one connection. */
const MAILS_PER_CONNECTION = 100;

/** The caller sends at most as many mails at a time as it wants connections. */
export function smtpWire({ url, times = {} }: WireOptions): Wire {
  const { idle, ...timeouts } = { ...TIMES, ...times };
  const options = { ...parseConnectionUrl(url), ...timeouts, socketCloseTimeout: 0 };
  const free: Line[] = [];
  const open = new Set<Line>();
  const close = (line: Line) => {
    open.delete(line);
    clearTimeout(line.idle);
    if (free.includes(line)) free.splice(free.indexOf(line), 1);
    line.connection.close();
  };

  function keep(line: Line): void {
    line.mails += 1;
    if (line.mails >= MAILS_PER_CONNECTION || line.over) return close(line);
    line.idle = setTimeout(() => close(line), idle);
    free.push(line);
  }

  async function send(envelope: Envelope, message: Buffer): Promise<WireOutcome> {
    const kept = free.pop();
    clearTimeout(kept?.idle);
    let line = kept;
    if (!line) {
      line = makeLine(options, () => line && close(line));
      open.add(line);
      const failure = await logIn(line.connection, options);
      if (failure) {
        close(line);
        return outcomeOf(failure, { begun: false, dotted: false });
      }
    }
    const attempt = await transmit(line.connection, envelope, message);
    if (!attempt.failure) {
      keep(line);
      return { state: 'sent' };
    }
    // After a refusal the connection is used for the next mail, if it can be reset.
    if (attempt.failure.responseCode !== undefined && (await reset(line))) keep(line);
    else close(line);
    // A kept connection that the server has closed meanwhile says nothing about this mail.
    if (kept && !attempt.answered && !attempt.begun) return send(envelope, message);
    return outcomeOf(attempt.failure, { begun: true, dotted: attempt.dotted });
  }

  return {
    send,
    async close() {
      for (const line of [...open]) close(line);
    },
  };
}

type Line = {
  connection: SMTPConnection;
  mails: number;
  /** The server has closed it. */
  over: boolean;
  idle?: NodeJS.Timeout;
};

function makeLine(options: Options, closed: () => void): Line {
  const connection = new SMTPConnection(options);
  const line: Line = { connection, mails: 0, over: false };
  // What fails is told by the call that it concerns; without a listener it would end the process.
  connection.on('error', () => undefined);
  connection.once('end', () => {
    line.over = true;
    closed();
  });
  return line;
}

type Options = ReturnType<typeof parseConnectionUrl>;

/** Waits for an answer, or for the end of the connection: nodemailer forgets its callbacks when it is closed. */
function untilEnd<T>(
  connection: SMTPConnection,
  start: (done: (value: T) => void) => void,
  whenEnded: () => T,
): Promise<T> {
  return new Promise((resolve) => {
    // After a failure the callback comes right behind the end, and knows more.
    const ended = () => queueMicrotask(() => resolve(whenEnded()));
    connection.once('end', ended);
    start((value) => {
      connection.removeListener('end', ended);
      resolve(value);
    });
  });
}

const ENDED: SendFailure = { code: 'ECONNECTION' };

/** Connects, with TLS and a login as configured. Returns why that failed. */
const logIn = (connection: SMTPConnection, { auth }: Options): Promise<SendFailure | undefined> =>
  untilEnd<SendFailure | undefined>(
    connection,
    (done) => {
      connection.once('error', done);
      connection.connect((failure) => {
        if (failure || !auth || !connection.allowsAuth) return done(failure);
        connection.login(auth, (refused) => done(refused ?? undefined));
      });
    },
    () => ENDED,
  );

type Attempt = {
  failure?: SendFailure;
  /** The server has answered anything. */
  answered: boolean;
  /** It has asked for the message. */
  begun: boolean;
  /** The final dot was handed to the connection. */
  dotted: boolean;
};

function transmit(connection: SMTPConnection, { from, to }: Envelope, message: Buffer): Promise<Attempt> {
  const attempt: Attempt = { answered: false, begun: false, dotted: false };
  const body = {
    // nodemailer calls it when the server asks for the message. Its stream adds the dot, and ends once it is written;
    // while the connection takes no more, the dot waits.
    pipe(stream: Writable) {
      attempt.begun = true;
      stream.once('end', () => (attempt.dotted = true));
      stream.end(message);
    },
  };
  const envelope = { from, to: [to], size: message.length };
  const withFailure = (failure: SendFailure | null): Attempt => {
    attempt.answered = !failure || failure.responseCode !== undefined;
    return failure ? { ...attempt, failure } : attempt;
  };
  return untilEnd(
    connection,
    (done) => connection.send(envelope, body as unknown as Buffer, (failure) => done(withFailure(failure))),
    () => withFailure(ENDED),
  );
}

const reset = ({ connection, over }: Line): Promise<boolean> =>
  over
    ? Promise.resolve(false)
    : untilEnd<boolean>(
        connection,
        (done) => connection.reset((failure) => done(!failure)),
        () => false,
      );

function outcomeOf(
  failure: SendFailure,
  { begun, dotted }: { begun: boolean; dotted: boolean },
): WireOutcome {
  const replied = typeof failure.responseCode === 'number' ? failure.responseCode : undefined;
  const { reason, ...found } = classify(failure, begun);
  if (dotted && replied === undefined) return { state: 'uncertain', reason };
  const code = replied === undefined ? {} : { code: replied };
  if (found.outcome === 'retry') {
    return { state: 'deferred', reason, ...code, ...(found.connection ? { outage: true } : {}) };
  }
  return { state: 'failed', reason, ...code, ...(found.badAddress ? { badAddress: true } : {}) };
}
