import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import type { Config } from './config.js';
import type { Context } from './core/context.js';
import { readVerp } from './core/links/verp.js';
import { MOST_BYTES } from './core/mailing-results/mail-report.js';
import { receiveFromAnybody, type Received } from './core/mailing-results/receiving.js';
import { ApiError, describeError } from './errors.js';
import type { Logger } from './mail/delivery.js';

/*
 * Takes the mails that come to the envelope senders of mailings from the local mail server, by LMTP (RFC 2033). A mail
 * that is no bounce or complaint of ours is refused, so that the mail server tells its sender: none is swallowed.
 */

export type Lmtp = { port: number | null; stop: () => Promise<void> };

export type LmtpOptions = {
  config: Pick<Config, 'LMTP_LISTEN' | 'MAIL_BOUNCE_ADDRESS'>;
  ctx: Context;
  logger: Pick<Logger, 'warn'>;
};

const IDLE_MS = 60_000;
const MOST_CLIENTS = 20;

/** Listens at LMTP_LISTEN. Rejects if that is not possible. */
export async function startLmtp({ config, ctx, logger }: LmtpOptions): Promise<Lmtp> {
  const server = new SMTPServer({
    lmtp: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    authOptional: true,
    disableReverseLookup: true,
    maxClients: MOST_CLIENTS,
    socketTimeout: IDLE_MS,
    closeTimeout: 1000,
    logger: false,
    onRcptTo({ address }, _session, done) {
      done(
        isOurs(ctx, config.MAIL_BOUNCE_ADDRESS, address) ? null : reply(550, '5.1.1 No such mailbox here'),
      );
    },
    onData(stream, session, done) {
      const recipients = recipientsOf(session);
      void readBeginning(stream)
        .then((mail) => receiveFromAnybody(ctx, mail, recipients))
        .then((received) => received.map(answerTo))
        .catch((error: unknown) => {
          logger.warn(
            { error: describeError(error) },
            'could not take a mail that came back: it is tried again',
          );
          const answer = reply(451, `4.3.0 ${error instanceof ApiError ? error.code : 'Try again later'}`);
          return recipients.map(() => answer);
        })
        // LMTP has an answer for each recipient.
        .then((answers) => done(null, answers as never));
    },
  });
  server.on('error', (error) => logger.warn({ error: describeError(error) }, 'a connection by LMTP broke'));
  await listen(server, config.LMTP_LISTEN);
  const address = server.server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? null) : null,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

const recipientsOf = ({ envelope }: SMTPServerSession): string[] =>
  envelope.rcptTo.map(({ address }) => address);

/** An address with a code of ours, or the one that codes are put into. */
const isOurs = (ctx: Context, bounceAddress: string, address: string): boolean =>
  readVerp(ctx, address) !== undefined ||
  (bounceAddress !== '' && address.toLowerCase() === bounceAddress.toLowerCase());

/** The rest of a large mail is read, but not kept. */
async function readBeginning(stream: SMTPServerDataStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (length < MOST_BYTES) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, MOST_BYTES);
}

/** Only a person learns that nobody reads here; an answer to a program would come back again. */
function answerTo({ outcome, reason }: Received): string | Error {
  if (reason === 'no_report' || reason === 'not_ours' || reason === 'unreadable') {
    return reply(550, '5.7.1 This address takes bounces and complaints about mailings alone');
  }
  return reason === null ? `2.0.0 ${outcome}` : `2.0.0 ${outcome}: ${reason}`;
}

const reply = (responseCode: number, message: string): Error =>
  Object.assign(new Error(message), { responseCode });

async function listen(server: SMTPServer, at: string): Promise<void> {
  const failed = once(server, 'error').then(([error]) => {
    throw error as Error;
  });
  if (at.startsWith('/')) {
    await removeDeadSocket(at);
    server.listen(at);
  } else {
    const colon = at.lastIndexOf(':');
    server.listen(Number(at.slice(colon + 1)), at.slice(0, colon).replace(/^\[|\]$/g, ''));
  }
  await Promise.race([once(server.server, 'listening'), failed]);
  failed.catch(() => undefined);
}

/** A process that was killed leaves its socket behind; one that answers belongs to another process. */
async function removeDeadSocket(path: string): Promise<void> {
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
  if (!isAlive) rmSync(path, { force: true });
}
