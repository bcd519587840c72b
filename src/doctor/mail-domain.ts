import type { Config } from '../config.js';
import type { Finding } from './finding.js';

/** Part of node:dns/promises; tests give another. */
export type Resolver = {
  resolveMx: (name: string) => Promise<{ exchange: string }[]>;
  resolveTxt: (name: string) => Promise<string[][]>;
};

const about = 'mail domain';

/** Whether the DNS of the domain that mails come from lets them arrive: MX, SPF, DMARC. */
export async function checkMailDomain({ MAIL_FROM }: Config, dns: Resolver): Promise<Finding[]> {
  const domain = MAIL_FROM.slice(MAIL_FROM.lastIndexOf('@') + 1);
  if (!domain.includes('.')) return [];
  const texts = async (name: string) => {
    const rows = await dns.resolveTxt(name).catch((): string[][] => []);
    return rows.map((parts) => parts.join(''));
  };
  const [mx, txt, dmarc] = await Promise.all([
    dns.resolveMx(domain).catch(() => []),
    texts(domain),
    texts(`_dmarc.${domain}`),
  ]);
  const say = (good: boolean, what: string, advice: string): Finding =>
    good
      ? { about, level: 'ok', found: `${domain} has ${what}` }
      : { about, level: 'warning', found: `${domain} has no ${what}`, advice };
  return [
    say(mx.length > 0, 'MX', 'Add one: bounces and answers have to arrive somewhere.'),
    say(
      txt.some((text) => /^v=spf1\b/i.test(text)),
      'SPF record',
      'Add a TXT record v=spf1 that names your mail server.',
    ),
    say(
      dmarc.some((text) => /^v=DMARC1\b/i.test(text)),
      'DMARC record',
      `Add a TXT record v=DMARC1 at _dmarc.${domain}: large providers demand it.`,
    ),
  ];
}
