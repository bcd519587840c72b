import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export type MailSink = {
  url: string;
  /** The Message-ID and the recipient of every mail that was taken. */
  ids: string[];
  recipients: string[];
  stop(): Promise<void>;
};

/** A mail server that accepts every mail, and records Message-IDs and recipients. */
export async function startMailSink(): Promise<MailSink> {
  const [ids, recipients]: [string[], string[]] = [[], []];
  const server = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    onData(stream, session, done) {
      let text = '';
      stream.setEncoding('latin1').on('data', (part: string) => (text += part));
      stream.on('end', () => {
        ids.push(/^message-id:\s*(\S+)/im.exec(text)?.[1] ?? '');
        for (const { address } of session.envelope.rcptTo) recipients.push(address);
        done();
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    ids,
    recipients,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
