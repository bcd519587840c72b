import type { Finding } from '../../core/mailings/source.js';
import type { Finding as Found } from '../../doctor/finding.js';
import { checkMailDomain, type Resolver } from '../../doctor/mail-domain.js';
import type { Signing } from './dkim.js';

/** `signing` undefined: the mail server signs. */
export type CheckOptions = { from: string; resolver: Resolver; signing: Signing | undefined };

const LIST_HEADERS = ['List-Unsubscribe', 'List-Unsubscribe-Post'];

/** Adds to what was found in a mailing what should be known of the domain that it comes from. Errors first. */
export async function checkCampaign(
  found: readonly Finding[],
  { from, resolver, signing }: CheckOptions,
  dkimSelector: string | undefined,
): Promise<{ ready: boolean; findings: Finding[] }> {
  const domain = await checkMailDomain({ MAIL_FROM: from }, { dkimSelector }, resolver, signing);
  const all = [...found, ...domainFindings(domain, from), ...signingFindings(signing)];
  const errors = all.filter(({ severity }) => severity === 'error');
  return { ready: errors.length === 0, findings: [...errors, ...all.filter((one) => !errors.includes(one))] };
}

const about = (code: string, detail: string): Finding => ({
  code,
  severity: 'warning',
  detail,
  where: { variant: null, locale: null, part: 'domain' },
});

/** The domain may be right again when the mailing is sent, so what is wrong with it does not keep it from being sent. */
function domainFindings(found: readonly Found[], from: string): Finding[] {
  if (found.length === 0) {
    const domain = from.slice(from.lastIndexOf('@') + 1);
    return [
      about(
        'domain_local',
        `Mails come from ${domain}, which no mail server elsewhere accepts: set MAIL_FROM.`,
      ),
    ];
  }
  return found
    .filter(({ level }) => level !== 'ok')
    .map(({ found: text, advice = '' }) => about(codeOf(text), `${capital(text)}. ${advice}`.trim()));
}

const CODES: readonly (readonly [RegExp, string])[] = [
  [/\bDMARC\b/, 'dmarc'],
  [/\bSPF\b/, 'spf'],
  [/\bDKIM\b/, 'dkim'],
  [/\bMX\b|takes no mail/, 'mx'],
];
const codeOf = (text: string): string => CODES.find(([pattern]) => pattern.test(text))?.[1] ?? 'dns';
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** RFC 8058 wants a signature that covers both headers; without, the button of mail programs does not show. */
function signingFindings(signing: Signing | undefined): Finding[] {
  if (!signing) {
    const detail =
      'Your mail server has to sign with DKIM, and the signature has to cover List-Unsubscribe and List-Unsubscribe-Post: this server cannot see whether it does.';
    return [about('unsubscribe_signing_unknown', detail)];
  }
  const open = LIST_HEADERS.filter((name) => !signing.headers.includes(name));
  if (open.length === 0) return [];
  return [
    about(
      'unsubscribe_not_signed',
      `The DKIM signature does not cover ${open.join(' and ')}: add it to the signed headers.`,
    ),
  ];
}
