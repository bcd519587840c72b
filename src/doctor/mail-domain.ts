import { createPublicKey } from 'node:crypto';
import { getDomain } from 'tldts';
import type { Config } from '../config.js';
import { say, type Asked, type Finding } from './finding.js';

/** Part of node:dns/promises. */
export type Resolver = {
  resolveMx: (name: string) => Promise<{ exchange: string }[]>;
  resolveTxt: (name: string) => Promise<string[][]>;
};

/** RFC 7208, 4.6.4. */
const MOST_LOOKUPS = 10;
const LEAST_BITS = 1024;
const GOOD_BITS = 2048;

const { ok, warning, problem } = say('mail domain');

/** A key with which this server signs. */
type OwnKey = { domain: string; selector: string; publicKey: string };

/**
 * Whether the DNS of the domain that mails come from lets them arrive: MX, SPF, DMARC, DKIM. `own`: the key to look for
 * where no selector was asked for.
 */
export async function checkMailDomain(
  { MAIL_FROM }: Pick<Config, 'MAIL_FROM'>,
  { dkimSelector }: Asked,
  dns: Resolver,
  own?: OwnKey,
): Promise<Finding[]> {
  const domain = MAIL_FROM.slice(MAIL_FROM.lastIndexOf('@') + 1).toLowerCase();
  if (!domain.includes('.')) return [];
  try {
    const texts = async (name: string): Promise<string[]> =>
      (await orNone(dns.resolveTxt(name))).map((parts) => parts.join(''));
    const signer: Signer | undefined =
      dkimSelector === undefined ? own : { domain, selector: dkimSelector, publicKey: null };
    const [mx, spf, dmarc, dkim] = await Promise.all([
      orNone(dns.resolveMx(domain)),
      texts(domain),
      dmarcOf(domain, texts),
      signer && texts(nameOf(signer)),
    ]);
    return [
      judgeMx(domain, mx),
      judgeSpf(domain, spf),
      judgeDmarc(domain, dmarc),
      judgeDkim(domain, signer, dkim),
    ];
  } catch (error) {
    const { code = 'no answer' } = error as NodeJS.ErrnoException;
    const advice = 'Look at /etc/resolv.conf, and at the name servers of the domain.';
    return [problem(`DNS does not answer for ${domain} (${code})`, advice)];
  }
}

const registered = (domain: string): string => getDomain(domain) ?? domain;

/** A name that is not there is an answer; no answer is none. */
const orNone = <T>(asked: Promise<T[]>): Promise<T[]> =>
  asked.catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') return [];
    throw error;
  });

function judgeMx(domain: string, mx: { exchange: string }[]): Finding {
  const advice = 'Add one: bounces and answers have to arrive somewhere.';
  if (mx.length === 0) return warning(`${domain} has no MX`, advice);
  const takesNone = mx.every(({ exchange }) => exchange === '' || exchange === '.');
  return takesNone ? warning(`${domain} says that it takes no mail`, advice) : ok(`${domain} has an MX`);
}

function judgeSpf(domain: string, texts: string[]): Finding {
  const [record, ...others] = texts.filter((text) => /^v=spf1(?: |$)/i.test(text));
  if (record === undefined) {
    return warning(`${domain} has no SPF record`, 'Add a TXT record v=spf1 that names your mail server.');
  }
  if (others.length > 0) {
    return problem(`${domain} has ${others.length + 1} SPF records`, 'Make them one: several count as none.');
  }
  const terms = record.split(/ +/).slice(1);
  if (terms.some((term) => /^\+?all$/i.test(term))) {
    return problem(`the SPF record of ${domain} lets every server send`, 'End it with -all or ~all.');
  }
  const asks = /^[+?~-]?(?:include:|redirect=|exists:|ptr(?:[:/]|$)|mx(?:[:/]|$)|a(?:[:/]|$))/i;
  if (terms.filter((term) => asks.test(term)).length > MOST_LOOKUPS) {
    const advice = `Take some out: receivers look up ${MOST_LOOKUPS} names, and then give up.`;
    return problem(`the SPF record of ${domain} names too many`, advice);
  }
  if (!terms.some((term) => /^(?:[?~-]all|redirect=.*)$/i.test(term))) {
    return warning(`the SPF record of ${domain} has no end`, 'End it with -all or ~all.');
  }
  return ok(`${domain} has an SPF record`);
}

/** Of the domain, or of the one that was registered above it (RFC 7489, 6.6.3). */
async function dmarcOf(domain: string, texts: (name: string) => Promise<string[]>): Promise<string[]> {
  for (const one of new Set([domain, registered(domain)])) {
    const found = (await texts(`_dmarc.${one}`)).filter((text) => /^v=DMARC1(?:\s*;|$)/.test(text));
    if (found.length > 0) return found;
  }
  return [];
}

function judgeDmarc(domain: string, [record, ...others]: string[]): Finding {
  if (record === undefined) {
    const advice = `Add a TXT record v=DMARC1 at _dmarc.${domain}: large providers demand it.`;
    return warning(`${domain} has no DMARC record`, advice);
  }
  if (others.length > 0) {
    const found = `${domain} has ${others.length + 1} DMARC records`;
    return problem(found, 'Make them one: several count as none.');
  }
  const policy = tagOf(record, 'p');
  if (policy !== 'none' && policy !== 'quarantine' && policy !== 'reject') {
    const advice = 'Give it p=none, p=quarantine or p=reject.';
    return problem(`the DMARC record of ${domain} has no valid policy`, advice);
  }
  return ok(`${domain} has a DMARC record (p=${policy})`);
}

const tagOf = (record: string, tag: string): string | undefined =>
  new RegExp(`(?:^|;)\\s*${tag}\\s*=\\s*([^;]*?)\\s*(?:;|$)`).exec(record)?.[1];

/** `publicKey` null: it is not known here. */
type Signer = Omit<OwnKey, 'publicKey'> & { publicKey: string | null };
const nameOf = ({ domain, selector }: Signer): string => `${selector}._domainkey.${domain}`;

function judgeDkim(from: string, signer: Signer | undefined, texts: string[] = []): Finding {
  if (signer === undefined) {
    const advice = 'Say --dkim-selector: it is s=… in the DKIM-Signature of a mail that has arrived.';
    return warning('the DKIM key was not looked for', advice);
  }
  const { domain, publicKey } = signer;
  if (registered(domain) !== registered(from)) {
    const advice = 'Sign for the domain of MAIL_FROM: DMARC asks for that.';
    return problem(`mails come from ${from}, and their DKIM signature is of ${domain}`, advice);
  }
  const name = nameOf(signer);
  const record = texts.find((text) => tagOf(text, 'p') !== undefined);
  const advice =
    publicKey === null
      ? 'Publish the key that your mail server signs with, as it says.'
      : 'Publish the public half of MAIL_DKIM_KEY_FILE there.';
  if (record === undefined) return problem(`there is no DKIM key at ${name}`, advice);
  const key = (tagOf(record, 'p') ?? '').replace(/\s/g, '');
  if (key === '') return problem(`the DKIM key at ${name} is withdrawn`, advice);
  if (publicKey !== null && key !== publicKey) {
    return problem(`the DKIM key at ${name} is another than that of MAIL_DKIM_KEY_FILE`, advice);
  }
  if (tagOf(record, 'k') === 'ed25519') return ok(`there is a DKIM key at ${name} (ed25519)`);
  const bits = rsaBits(key);
  if (bits === undefined) return problem(`the DKIM key at ${name} cannot be read`, advice);
  const found = `the DKIM key at ${name} has ${bits} bits`;
  if (bits < LEAST_BITS) return problem(found, `Make one of ${GOOD_BITS}: receivers do not accept it.`);
  return bits < GOOD_BITS ? warning(found, `Make one of ${GOOD_BITS} soon.`) : ok(found);
}

function rsaBits(base64: string): number | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
    return key.asymmetricKeyDetails?.modulusLength;
  } catch {
    return undefined;
  }
}
