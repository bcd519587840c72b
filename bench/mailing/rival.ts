import { connect } from 'node:net';
import nodemailer from 'nodemailer';
import MailComposer from 'nodemailer/lib/mail-composer';
import { HTML, SUBJECT, TEXT } from './letter.js';

/*
 * What ours is held against, as a process: P0 writes prebuilt bytes into bare sockets, P1 gives nodemailer prebuilt bytes,
 * P2 lets it compose each mail. None has a database.
 */

const [kind, port, mails, connections] = [process.argv[2], ...process.argv.slice(3).map(Number)] as [
  string,
  number,
  number,
  number,
];

const FROM = 'petitions@meadows.example';
const recipient = (n: number) => `p${n}@d${n % 50}.example`;

const optionsFor = (n: number) => {
  const link = `https://petitions.example/v1/unsubscribe/pu_${'x'.repeat(52)}${n}`;
  const fill = (text: string) =>
    text
      .replace(/\{\{ first_name[^}]*\}\}/g, `Zoë${n}`)
      .replace(/\{\{ email \}\}/g, recipient(n))
      .replace(/\{\{ \w+_url \}\}/g, link);
  return {
    from: { name: 'Friends of the Meadows', address: FROM },
    to: recipient(n),
    subject: SUBJECT,
    messageId: `<${n}@meadows.example>`,
    html: fill(HTML),
    text: fill(TEXT),
    headers: {
      'List-Unsubscribe': `<${link}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      Precedence: 'bulk',
    },
  };
};

let next = 0;
/** Runs `connections` loops until all mails are sent. */
const all = (send: (n: number) => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < mails) await send(next++);
    }),
  );

async function prebuilt(): Promise<(n: number) => Buffer> {
  const built = await new MailComposer(optionsFor(0)).compile().build();
  const rest = built.subarray(built.indexOf('\r\n') + 2);
  return (n) => Buffer.concat([Buffer.from(`Message-ID: <${n}@meadows.example>\r\n`), rest]);
}

async function bare(): Promise<void> {
  const message = await prebuilt();
  await Promise.all(
    Array.from(
      { length: connections },
      () =>
        new Promise<void>((resolve) => {
          const socket = connect(port, '127.0.0.1').setNoDelay(true);
          let n = -1;
          const envelope = () => {
            if (next >= mails) return void socket.end(resolve);
            n = next++;
            socket.write(`MAIL FROM:<${FROM}>\r\nRCPT TO:<${recipient(n)}>\r\nDATA\r\n`);
          };
          let said = '';
          socket.on('data', (chunk: Buffer) => {
            said += chunk.toString('latin1');
            if (said.startsWith('220')) envelope();
            else if (said.includes('354')) {
              socket.write(Buffer.concat([message(n), Buffer.from('\r\n.\r\n')]));
            } else if (said.includes('taken')) envelope();
            else return;
            said = '';
          });
        }),
    ),
  );
}

if (kind === 'P0') await bare();
else {
  const transport = nodemailer.createTransport({
    pool: true,
    host: '127.0.0.1',
    port,
    maxConnections: connections,
    ignoreTLS: true,
  });
  const message = kind === 'P1' ? await prebuilt() : undefined;
  await all((n) =>
    transport.sendMail(
      message ? { envelope: { from: FROM, to: [recipient(n)] }, raw: message(n) } : optionsFor(n),
    ),
  );
  transport.close();
}
