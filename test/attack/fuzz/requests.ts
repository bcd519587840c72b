import type { Json, Operation } from './document.js';
import { operations } from './document.js';
import type { Random } from './random.js';
import { valueOf, type Memory } from './values.js';

export type Sent = {
  operation: Operation;
  method: string;
  /** As it goes over the wire. */
  target: string;
  headers: Record<string, string | string[]>;
  body: Buffer | undefined;
  /** Who asks, by name. */
  as: string;
  /** Whether it still is a request to this operation: else only what holds for every answer is asked of it. */
  fits: boolean;
  mutants: string[];
};

/** Names of credentials, and what they send. */
export type Credentials = Map<string, string | undefined>;

/** A request that fits the document. */
export function validRequest(random: Random, memory: Memory, who: Credentials, operation: Operation): Sent {
  const { method, parameters, bodies } = operation;
  let target = operation.path;
  const query: [string, string][] = [];
  const headers: Sent['headers'] = {};
  for (const { name, in: place, required, schema } of parameters) {
    if (!required && !random.chance(0.25)) continue;
    const value = valueOf(random, memory, schema, name);
    if (place === 'path') target = target.replace(`{${name}}`, encodeURIComponent(String(value)));
    else if (place === 'header') headers[name.toLowerCase()] = String(value).replace(/[^ -~]/g, '');
    else for (const one of [value].flat()) query.push([name, String(one)]);
  }
  if (query.length > 0) target += `?${new URLSearchParams(query).toString()}`;
  if (operation.id === 'transitionPetition' && !headers['if-match']) delete headers['if-match'];
  if (/^update(?:Petition|Organization)$/.test(operation.id) && random.chance(0.7)) headers['if-match'] = '*';
  const [type, schema] = bodies.length > 0 ? random.pick(bodies) : ['', {}];
  let body: Buffer | undefined;
  if (type !== '') {
    headers['content-type'] = type;
    body = Buffer.from(bodyOf(random, memory, type, schema, operation));
  }
  const as = credentialFor(random, who, operation);
  const token = who.get(as);
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  return { operation, method, target, headers, body, as, fits: true, mutants: [] };
}

function bodyOf(random: Random, memory: Memory, type: string, schema: Json, { id }: Operation): string {
  const one = () => valueOf(random, memory, schema) as Json;
  if (type === 'application/x-ndjson') {
    return Array.from({ length: random.below(5) }, () => `${JSON.stringify(one())}\n`).join('');
  }
  if (type === 'text/csv') {
    const cell = (name: string) =>
      `"${String(valueOf(random, memory, { type: 'string' }, name)).replaceAll('"', '""')}"`;
    const names = [
      'email',
      'name',
      ...['country', 'comment', 'source', 'created_at', 'unknown'].filter(() => random.chance(0.2)),
    ];
    const rows = Array.from({ length: random.below(5) }, () => names.map(cell).join(','));
    return [names.join(','), ...rows].join(random.pick(['\n', '\r\n']));
  }
  const body = one();
  // A fuzz that closes all petitions and revokes all keys would soon hear nothing but refusals.
  if (id === 'transitionPetition' && random.chance(0.8)) body['to'] = 'published';
  if (id === 'signPetition') delete body[random.pick(['altcha', 'website'])];
  if (id === 'createSession') body['token'] = memory.recall(random, 'pm') ?? body['token'];
  return JSON.stringify(body);
}

function credentialFor(random: Random, who: Credentials, { access }: Operation): string {
  const names = [...who.keys()];
  if (random.chance(0.08)) return random.pick(names);
  const of = (start: string) => names.filter((name) => name.startsWith(start));
  if (access === 'session') return random.pick([...of('session'), 'nobody']);
  // Those with all scopes: the others hear little but refusals.
  if (access === 'secret') return random.pick(random.chance(0.85) ? of('secret of') : of('secret that'));
  return random.pick(['nobody', 'nobody', ...of('page'), random.pick(of('secret of'))]);
}

const READS = operations.filter(({ method }) => method === 'GET');

/** A request that must not change anything. */
export function reading(random: Random, memory: Memory, who: Credentials): Sent {
  const safe = random.chance(0.7);
  const sent = validRequest(random, memory, who, random.pick(safe ? READS : operations));
  const method = safe
    ? random.pick(['GET', 'GET', 'HEAD', 'OPTIONS'])
    : random.pick(['GET', 'HEAD', 'OPTIONS']);
  if (method === sent.method) return sent;
  return { ...sent, method, fits: false, mutants: [`method ${method}`] };
}

/** The request as somebody would type it. */
export function curl(url: string, { method, target, headers, body }: Sent): string {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = Object.entries(headers)
    .flatMap(([name, value]) => [value].flat().map((one) => `-H ${quote(`${name}: ${one}`)}`))
    .join(' ');
  const head = method === 'HEAD' ? '--head' : `-X ${method}`;
  const start = `curl --path-as-is -i ${head} ${quote(url + target)} ${lines}`;
  if (body === undefined) return start;
  const isPlain = body.length < 4000 && /^[\n\r\t -~]*$/.test(body.toString('latin1'));
  if (isPlain) return `${start} --data-binary ${quote(body.toString('latin1'))}`;
  if (body.length > 20_000) {
    return `${start} --data-binary @-  # ${body.length} bytes that begin with ${JSON.stringify(body.subarray(0, 80).toString('latin1'))}`;
  }
  return `base64 -d <<< ${body.toString('base64')} | ${start} --data-binary @-`;
}
