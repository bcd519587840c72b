import { SHARE_CODE_PATTERN } from '../../schema/api/common.js';
import { idPattern, ID_PREFIXES } from '../../schema/db/public-id.js';

/*
 * Makes requests out of the OpenAPI document alone: every operation, with every place where something of somebody can be
 * named. What it does not understand it refuses to make, so that a new route cannot stay untested in silence.
 */

type Json = Record<string, any>;

const KINDS = {
  org: 'organization',
  adm: 'admin_key',
  key: 'key',
  pet: 'petition',
  sig: 'signature',
  sup: 'supporter',
  sub: 'subscription',
  txt: 'consent_text',
  con: 'consent',
  mlg: 'mailing',
  mvr: 'mailing_variant',
  seg: 'segment',
  ptn: 'partnership',
  var: 'variant',
  imp: 'import',
  pap: 'paper_signature',
  pba: 'batch',
  ofs: 'offset',
  rsp: 'response',
  dlv: 'delivery',
} as const;

/** What can be named: by its id, or by something else that leads to it. */
export type Kind =
  | (typeof KINDS)[keyof typeof KINDS]
  | 'email'
  | 'code'
  | 'receipt'
  | 'preview'
  | 'recognition'
  | 'external_id'
  | 'words'
  | 'url';

/** A place in a request where something is named. */
export type Slot = { in: 'path' | 'query' | 'body'; name: string; kind: Kind };

export type Operation = {
  id: string;
  method: string;
  path: string;
  access: 'open' | 'session' | 'secret' | 'admin';
  needsIfMatch: boolean;
  needsIdempotencyKey: boolean;
  /** It never ends: a stream of events. */
  streams: boolean;
  /** The media type of its body. */
  type: string;
  slots: Slot[];
  request: (fill: (slot: Slot) => string, wanted?: Slot) => { url: string; body: unknown };
};

export function operationsOf(document: Json): Operation[] {
  return Object.entries(document['paths'] as Json).flatMap(([path, item]) =>
    Object.entries(item as Json).map(([method, operation]) => describe(document, path, method, operation)),
  );
}

function describe(document: Json, path: string, method: string, operation: Json): Operation {
  const resolve = resolver(document);
  const parameters = ((operation['parameters'] ?? []) as Json[]).map(resolve);
  const content = (operation['requestBody'] && resolve(operation['requestBody'])['content']) as Json;
  const [type, schema] = bodyOf(content ?? {});
  const feeder = new Feeder(resolve, `${operation['operationId']}`);
  const ok = operation['responses'][200];
  const named = parameters.flatMap(({ in: place, name, schema: one, required, example }) => {
    if (place !== 'path' && place !== 'query') return [];
    const kind = kindOf(place, name as string, resolve(one as Json));
    // What stands in a path is of what has been made: there the document has an example of it.
    const known: unknown = place === 'path' ? example : undefined;
    const sample = () => feeder.plain(resolve(one as Json), `${place} ${name}`, known);
    return [{ in: place as 'path' | 'query', name: name as string, kind, required: !!required, sample }];
  });
  const inBody = schema ? feeder.slots(schema, '') : [];
  const slots = [
    ...named.flatMap(({ in: place, name, kind }) => (kind ? [{ in: place, name, kind }] : [])),
    ...inBody,
  ];
  return {
    id: operation['operationId'] as string,
    method: method.toUpperCase(),
    path,
    access: accessOf(operation),
    needsIfMatch: parameters.some(({ name }) => name === 'If-Match'),
    needsIdempotencyKey: parameters.some(({ name, required }) => name === 'Idempotency-Key' && required),
    type,
    streams: Object.keys((ok && resolve(ok as Json)['content']) ?? {}).includes('text/event-stream'),
    slots,
    request(fill, wanted) {
      let url = path;
      const query = new URLSearchParams();
      for (const { in: place, name, kind, required, sample } of named) {
        const isWanted = wanted?.in === place && wanted.name === name;
        if (place === 'query' && !required && !isWanted) continue;
        const value = kind ? fill({ in: place, name, kind }) : String(sample());
        if (place === 'path') url = url.replace(`{${name}}`, encodeURIComponent(value));
        else query.set(name, value);
      }
      const pointer = wanted?.in === 'body' ? wanted.name : undefined;
      return {
        url: query.size > 0 ? `${url}?${query.toString()}` : url,
        body: schema ? feeder.sample(schema, '', undefined, fill, pointer) : undefined,
      };
    },
  };
}

/** The media type of a body and its schema. Of a file, that of its lines: one line is a file too. */
function bodyOf(content: Json): [type: string, schema: Json | undefined] {
  const lines = content['application/x-ndjson'] as Json | undefined;
  if (lines) return ['application/x-ndjson', lines['schema']['contentSchema'] as Json];
  const [type = 'application/json', media] = Object.entries(content)[0] ?? [];
  return [type, (media as Json | undefined)?.['schema'] as Json | undefined];
}

function accessOf({ security }: Json): Operation['access'] {
  const names = (security as Json[]).flatMap((one) => Object.keys(one));
  if (names.includes('session')) return 'session';
  if (names.includes('adminKey')) return 'admin';
  return (security as Json[]).some((one) => Object.keys(one).length === 0) ? 'open' : 'secret';
}

const resolver =
  (document: Json) =>
  (value: Json): Json => {
    let found = value;
    while (typeof found['$ref'] === 'string') {
      found = found['$ref']
        .slice(2)
        .split('/')
        .reduce((node: Json, part: string) => node[part] as Json, document);
    }
    return found;
  };

/** What a value of this name and shape names; undefined: nothing of anybody. */
function kindOf(place: Slot['in'], name: string, { pattern = '', format, type }: Json): Kind | undefined {
  if (![type].flat().includes('string')) return undefined;
  if (format === 'email' || name === 'email') return 'email';
  for (const prefix of ID_PREFIXES) if (pattern.includes(idPattern(prefix))) return KINDS[prefix];
  if (name === 'petition' || name === 'organization' || name === 'recognition') return name;
  if (pattern === SHARE_CODE_PATTERN || (place === 'path' && name === 'code')) return 'code';
  if (pattern.startsWith('^rc_')) return 'receipt';
  if (pattern.startsWith('^mp_')) return 'preview';
  if (place !== 'query') return undefined;
  if (name === 'external_id' || name === 'url') return name;
  return name === 'q' ? 'words' : undefined;
}

class Feeder {
  constructor(
    private readonly resolve: (schema: Json) => Json,
    private readonly operation: string,
  ) {}

  /** Every place below a schema where something is named. */
  slots(schema: Json, pointer: string, within: readonly Json[] = []): Slot[] {
    const one = this.resolve(schema);
    // A condition that combines others: what one of them names, all can name.
    if (within.includes(one)) return [];
    const slotsOf = (part: Json, at: string) => this.slots(part, at, [...within, one]);
    const below = branchesOf(one).flatMap((branch) => slotsOf(branch, pointer));
    if (one['items']) below.push(...slotsOf(one['items'] as Json, `${pointer}/0`));
    for (const [name, property] of Object.entries((one['properties'] ?? {}) as Json)) {
      below.push(...slotsOf(property as Json, `${pointer}/${name}`));
    }
    const kind = kindOf('body', lastOf(pointer), one);
    if (kind) below.push({ in: 'body', name: pointer, kind });
    return below.filter(({ name }, i) => below.findIndex((other) => other.name === name) === i);
  }

  /** The example of the document, with what it names replaced, and `wanted` in it. */
  sample(
    schema: Json,
    pointer: string,
    known: unknown,
    fill: (slot: Slot) => string,
    wanted?: string,
  ): unknown {
    const one = this.resolve(schema);
    const isOnTheWay = (place: string) => wanted === place || wanted?.startsWith(`${place}/`) === true;
    if (known === null && !isOnTheWay(pointer)) return null;
    const branches = branchesOf(one).filter((branch) => this.resolve(branch)['type'] !== 'null');
    if (branches.length > 0) {
      const fits = (branch: Json) => this.slots(branch, pointer).some(({ name }) => name === wanted);
      return this.sample(branches.find(fits) ?? (branches[0] as Json), pointer, known, fill, wanted);
    }
    const kind = kindOf('body', lastOf(pointer), one);
    if (kind) return fill({ in: 'body', name: pointer, kind });
    const example = known ?? one['examples']?.[0];
    if (one['properties']) {
      const all = Object.keys(one['properties'] as Json);
      const given = { ...(example as Json) };
      const isWanted = (name: string) => isOnTheWay(`${pointer}/${name}`);
      // Exactly one member: a condition that combines others is too much of an example.
      const plainMember = () =>
        all.find((name) => this.slots(one['properties'][name] as Json, '').length === 0);
      const only = one['maxProperties'] === 1 ? (all.find(isWanted) ?? plainMember()) : undefined;
      const named = all.filter((name) =>
        only !== undefined
          ? name === only
          : name in given || one['required']?.includes(name) || isWanted(name),
      );
      const below = (name: string) =>
        this.sample(one['properties'][name] as Json, `${pointer}/${name}`, given[name], fill, wanted);
      return Object.fromEntries(named.map((name) => [name, below(name)]));
    }
    if (one['items']) {
      const items = Array.isArray(example) ? example : [];
      const filled =
        items.length === 0 && (isOnTheWay(`${pointer}/0`) || one['minItems']) ? [undefined] : items;
      return filled.map((item, i) =>
        this.sample(one['items'] as Json, `${pointer}/${i}`, item, fill, wanted),
      );
    }
    return this.plain(one, pointer, example);
  }

  /** A value that names nothing. */
  plain(schema: Json, place: string, example: unknown): unknown {
    const { enum: values, type, format, pattern, minimum } = schema;
    const first =
      example ?? schema['examples']?.[0] ?? schema['const'] ?? values?.find((one: unknown) => one);
    if (first !== undefined) return first;
    const types = [type].flat();
    if (types.includes('boolean')) return true;
    if (types.includes('integer')) return minimum ?? 0;
    if (format === 'date-time') return '2026-01-01T00:00:00.000Z';
    if (format === 'uri') return 'https://example.org/page';
    const candidates = ['Some words', 'en', 'x', `pt_${'x'.repeat(64)}`];
    const fitting = candidates.find((one) => pattern && new RegExp(pattern as string, 'u').test(one));
    if (fitting === undefined) {
      throw new Error(`${this.operation}: teach test/support/feeding.ts what ${place} is`);
    }
    return fitting;
  }
}

const branchesOf = ({ anyOf = [], oneOf = [], allOf = [] }: Json): Json[] => [...anyOf, ...oneOf, ...allOf];
const lastOf = (pointer: string) =>
  pointer
    .split('/')
    .filter((part) => !/^\d*$/.test(part))
    .at(-1) ?? '';
