import type { Config } from '../config.js';
import type { Finding } from './finding.js';

const about = 'public URL';
const WAIT_MS = 5000;
const MOST_SECONDS = 30;

/** Fetches the server through the address that the world uses. */
export async function checkPublicUrl({ publicUrl, trustProxy, HOST }: Config): Promise<Finding[]> {
  const found: Finding[] = [];
  const { hostname } = new URL(publicUrl);
  if (hostname !== HOST && trustProxy.length === 0) {
    const advice = 'Set TRUST_PROXY to the proxy’s address: without it all clients share its rate limit.';
    found.push({
      about,
      level: 'warning',
      found: 'there seems to be a proxy, and TRUST_PROXY is empty',
      advice,
    });
  }
  const answer = await fetch(`${publicUrl}/livez`, { signal: AbortSignal.timeout(WAIT_MS) }).catch(
    () => null,
  );
  if (!answer) {
    const advice = 'Start the server; look at PUBLIC_URL, DNS, the proxy and its certificate.';
    return [...found, { about, level: 'problem', found: 'nothing answers at PUBLIC_URL/livez', advice }];
  }
  const { status } = ((await answer.json().catch(() => null)) ?? {}) as { status?: string };
  if (status !== 'ok') {
    const advice =
      'Something else answers: let the proxy take the prefix of PUBLIC_URL off, and pass on the rest.';
    return [
      ...found,
      { about, level: 'problem', found: `PUBLIC_URL/livez answers ${answer.status}`, advice },
    ];
  }
  const date = Date.parse(answer.headers.get('date') ?? '');
  const apart = Math.round(Math.abs(Date.now() - date) / 1000);
  if (apart > MOST_SECONDS) {
    const advice = 'Let NTP set both clocks.';
    found.push({ about: 'clock', level: 'problem', found: `the server’s clock is ${apart} s off`, advice });
  }
  return [...found, { about, level: 'ok', found: 'the server answers there' }];
}
