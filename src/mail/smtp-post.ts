import nodemailer from 'nodemailer';
import type SMTPPool from 'nodemailer/lib/smtp-pool';
import { toMail, type Message, type Post } from './message.js';
import { classify, type SendFailure, type Sent } from './outcome.js';

export type SmtpOptions = {
  /** smtp://user:password@host:port */
  url: string;
  from: string;
  connections: number;
  /** For tests. */
  timeouts?: Partial<typeof TIMEOUTS>;
};

const TIMEOUTS = {
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 30_000,
  /** For sending a whole mail: a server that answers slowly never exceeds the other timeouts. */
  wholeSend: 60_000,
};

/** Sends over a pool of kept connections. It connects when the first mail is sent. */
export function smtpPost({ url, from, connections, timeouts = {} }: SmtpOptions): Post {
  const { wholeSend, ...times } = { ...TIMEOUTS, ...timeouts };
  const transport = nodemailer.createTransport({
    pool: true,
    url,
    maxConnections: connections,
    // One retry, for a kept connection that the server has closed meanwhile. The worker decides about all others.
    maxRequeues: 1,
    ...times,
  });
  // nodemailer reads a mail's stream once a connection is logged in and about to send it: so `begun` is known.
  const begun = new WeakSet<AbortSignal>();
  transport.use('stream', ({ data, message }, done) => {
    const create = message.createReadStream.bind(message);
    message.createReadStream = (options) => {
      if (data.signal) begun.add(data.signal);
      return create(options);
    };
    done();
  });
  return {
    async send(message: Message): Promise<Sent> {
      const signal = AbortSignal.timeout(wholeSend);
      try {
        await transport.sendMail({ ...toMail(message, from), signal });
        return { outcome: 'sent' };
      } catch (error) {
        return classify(error as SendFailure, begun.has(signal));
      }
    },
    check: () =>
      transport.verify().then(
        () => undefined,
        (error: unknown) => classify(error as SendFailure, false).reason,
      ),
    async close() {
      (transport.transporter as SMTPPool).close({ force: true });
    },
  };
}
