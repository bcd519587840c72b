import type { Config } from '../config.js';
import type { Finding } from './finding.js';

const about = 'settings';

/** What the settings say together. Each alone was checked when they were read. */
export async function checkSettings({
  NODE_ENV,
  DEMO,
  MAIL_FROM,
  limits,
  publicUrl,
}: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  const warn = (what: string, advice: string) => found.push({ about, level: 'warning', found: what, advice });
  if (NODE_ENV !== 'production') warn('NODE_ENV is not production', 'Set NODE_ENV=production.');
  if (DEMO) warn('DEMO is on', 'Set DEMO=false: an empty database would get an example campaign.');
  if (limits === null) warn('RATE_LIMIT is false', 'Set RATE_LIMIT=true: nobody is held back.');
  if (MAIL_FROM.endsWith('@localhost')) {
    warn('MAIL_FROM is at localhost', 'Set it to an address of your domain.');
  }
  if (new URL(publicUrl).protocol !== 'https:') {
    warn(
      'PUBLIC_URL is not https',
      'Set PUBLIC_URL to the address that people use; links in mails begin with it.',
    );
  }
  return found.length > 0 ? found : [{ about, level: 'ok', found: 'nothing stands out' }];
}
