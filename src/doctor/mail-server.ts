import { createTransport } from 'nodemailer';
import type { Config } from '../config.js';
import type { Finding } from './finding.js';

const about = 'mail server';
const WAIT_MS = 10_000;

const ADVICE: Record<string, string> = {
  EAUTH: 'It refuses user or password: look at SMTP_URL.',
  ETLS: 'It offers no valid TLS: look at its certificate, or use smtps://.',
  EDNS: 'Its name is not found: look at SMTP_URL.',
};

/** Connects, with STARTTLS where it is offered, and logs in. Sends nothing. */
export async function checkMailServer({ SMTP_URL }: Config): Promise<Finding[]> {
  if (SMTP_URL === '') {
    const advice = 'Set SMTP_URL: until then nobody gets a mail.';
    return [{ about, level: 'warning', found: 'mails are written into MAIL_FOLDER', advice }];
  }
  const transport = createTransport(SMTP_URL, {});
  const timer = setTimeout(() => transport.close(), WAIT_MS);
  try {
    await transport.verify();
    return [{ about, level: 'ok', found: 'it answers, and takes the login' }];
  } catch (error) {
    const { code = 'ECONNECTION' } = error as { code?: string };
    const advice = ADVICE[code] ?? 'Look at host and port in SMTP_URL, and at the firewall.';
    return [{ about, level: 'problem', found: `it cannot be used (${code})`, advice }];
  } finally {
    clearTimeout(timer);
    transport.close();
  }
}
