import type { Config } from '../config.js';
import { say, type Finding } from './finding.js';

const { ok, warning, problem } = say('settings');

/** What the settings say together. Each alone was checked when they were read. */
export async function checkSettings({
  NODE_ENV,
  DEMO,
  MAIL_FROM,
  limits,
  publicUrl,
  trustProxy,
}: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  if (NODE_ENV !== 'production') {
    found.push(warning('NODE_ENV is not production', 'Set NODE_ENV=production.'));
  }
  if (DEMO) {
    const advice = 'Set DEMO=false: an empty database would get an example campaign.';
    found.push(warning('DEMO is on', advice));
  }
  if (limits === null) {
    found.push(warning('RATE_LIMIT is false', 'Set RATE_LIMIT=true: no one is held back.'));
  }
  if (MAIL_FROM.endsWith('@localhost')) {
    found.push(warning('MAIL_FROM is at localhost', 'Set it to an address of your domain.'));
  }
  if (new URL(publicUrl).protocol !== 'https:') {
    const advice = 'Set PUBLIC_URL to the address that people use; links in mails begin with it.';
    found.push(warning('PUBLIC_URL is not https', advice));
  }
  if (trustProxy.some((range) => /^[^/]*\/0$/.test(range))) {
    const advice = 'Name the addresses of your proxies: now every client may claim to be another.';
    found.push(problem('TRUST_PROXY is the whole internet', advice));
  }
  return found.length > 0 ? found : [ok('nothing stands out')];
}
