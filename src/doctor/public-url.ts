import { randomBytes } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { Config } from '../config.js';
import { Recognition, RECOGNITION_HEADER, type Seen } from '../core/recognition.js';
import { lookAtCertificate } from './certificate.js';
import { say, type Finding } from './finding.js';
import { readRootKey } from './root-key.js';

const WAIT_MS = 5000;
const MOST_SECONDS = 30;
/** An address that no one has (RFC 5737): what the doctor claims to be. */
const FORGED = '192.0.2.123';

const { ok, warning, problem } = say('public URL');

/** Fetches the server through the address that the world uses, and asks what it has seen of the request. */
export async function checkPublicUrl(config: Config): Promise<Finding[]> {
  const { publicUrl } = config;
  const url = new URL(publicUrl);
  const secure = url.protocol === 'https:';
  const [certificate, redirect, answers] = await Promise.all([
    secure ? lookAtCertificate('public URL', { host: url.hostname, port: Number(url.port || 443) }) : [],
    secure && url.port === '' ? checkRedirect(`http://${url.host}${url.pathname}`) : [],
    checkAnswer(config),
  ]);
  return [...certificate, ...redirect, ...answers];
}

/** Whether plain HTTP leads to TLS. Where nothing listens, nothing is wrong. */
export async function checkRedirect(plainUrl: string): Promise<Finding[]> {
  const answer = await get(`${plainUrl.replace(/\/$/, '')}/livez`);
  if (!answer) return [];
  const leads = answer.status >= 300 && answer.status < 400;
  if (leads && answer.headers.get('location')?.startsWith('https://')) return [ok('plain HTTP leads to TLS')];
  const advice = 'Let the proxy redirect port 80 to https: links typed without it go there.';
  return [warning(`plain HTTP answers ${answer.status}, without leading to TLS`, advice)];
}

const get = (url: string, headers: Record<string, string> = {}): Promise<Response | null> =>
  fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(WAIT_MS) }).catch(() => null);

async function checkAnswer(config: Config): Promise<Finding[]> {
  const rootKey = readRootKey(config);
  const recognition = rootKey && new Recognition(rootKey);
  const nonce = randomBytes(16).toString('base64url');
  const answer = await get(`${config.publicUrl}/livez`, {
    'x-forwarded-for': FORGED,
    ...(recognition ? { [RECOGNITION_HEADER]: recognition.question(nonce) } : {}),
  });
  if (!answer) {
    const advice = 'Start the server; look at PUBLIC_URL, DNS, the proxy and its certificate.';
    return [problem('nothing answers at PUBLIC_URL/livez', advice)];
  }
  const body = ((await answer.json().catch(() => null)) ?? {}) as { status?: unknown; code?: string };
  if (body.status !== 'ok') return [wrongAnswer(answer.status, body.code)];
  const found = clock(answer);
  if (!recognition) return [...found, ok('a server answers there')];
  const seen = recognition.read(answer.headers.get(RECOGNITION_HEADER) ?? '', nonce);
  if (!seen) {
    const advice = 'Look where PUBLIC_URL leads, whether all processes have one root key, and restart them.';
    return [...found, problem('a server answers there, and it is not of this installation', advice)];
  }
  return [...found, ok('this installation answers there'), judgeClient(seen, config)];
}

function wrongAnswer(status: number, code = ''): Finding {
  const found = `PUBLIC_URL/livez answers ${status}`;
  if (code === 'not_found') {
    const advice =
      'Let the proxy take the path of PUBLIC_URL off: see deploy/nginx.conf and deploy/Caddyfile.';
    return problem(`${found}: the proxy passes the prefix on`, advice);
  }
  if (status === 502 || status === 503 || status === 504) {
    const advice = 'Start the server, and look at the address in the proxy’s configuration.';
    return problem(`${found}: the proxy does not reach the server`, advice);
  }
  const advice = 'Something else answers: let the proxy pass on all below PUBLIC_URL, and redirect nothing.';
  return problem(found, advice);
}

function clock(answer: Response): Finding[] {
  const apart = Math.round(Math.abs(Date.now() - Date.parse(answer.headers.get('date') ?? '')) / 1000);
  if (!(apart > MOST_SECONDS)) return [];
  return [say('clock').problem(`the server’s clock is ${apart} s off`, 'Let NTP set both clocks.')];
}

/** Whether the limits count the client, and not the proxy or what a client claims. */
function judgeClient({ client, peer, forwarded }: Seen, { trustProxy, publicUrl }: Config): Finding {
  const set = 'Let the proxy set X-Forwarded-For to the client’s address, as in deploy/nginx.conf';
  if (client === FORGED) return problem('X-Forwarded-For is believed as clients forge it', `${set}.`);
  if (forwarded === null) {
    return problem('the proxy does not say who the client is', `${set}: all clients share its rate limit.`);
  }
  if (forwarded === FORGED) {
    // Without a proxy it arrives as it was sent; the server itself speaks no TLS.
    if (publicUrl.startsWith('http:')) return ok('clients come directly');
    return problem(
      'the proxy passes on what clients claim to be',
      `${set}, and name ${peer} in TRUST_PROXY.`,
    );
  }
  if (!isTrusted(peer, trustProxy)) {
    const advice = `Add ${peer} to TRUST_PROXY: until then all clients share the proxy’s rate limit.`;
    return problem('there is a proxy that TRUST_PROXY does not name', advice);
  }
  const [first, ...others] = forwarded.split(/\s*,\s*/).filter((one) => one !== FORGED);
  if (client !== first && client === others.at(-1)) {
    const advice = `Add ${client} to TRUST_PROXY: until then all clients share its rate limit.`;
    return problem('there is another proxy, which TRUST_PROXY does not name', advice);
  }
  return ok('the proxy says who the client is, and is believed');
}

function isTrusted(address: string, ranges: readonly string[]): boolean {
  const trusted = new BlockList();
  for (const range of ranges) {
    const [net = '', bits] = range.split('/');
    const family = isIPv6(net) ? 'ipv6' : 'ipv4';
    trusted.addSubnet(net, Number(bits ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return trusted.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}
