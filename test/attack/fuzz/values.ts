import fc from 'fast-check';
import { resolve, type Json } from './document.js';
import type { Random } from './random.js';

/** Stands in every address that is sent: where it comes back, an address has been told. */
export const MARK = 'zq7fuzz';

/** What answers have told, by what it is: ids and tokens by their prefix, slugs, codes, cursors. */
export class Memory {
  readonly #pools = new Map<string, string[]>();

  note(kind: string, value: string): void {
    const pool = this.#pools.get(kind) ?? [];
    if (!pool.includes(value)) pool.push(value);
    if (pool.length > 60) pool.splice(10, 1);
    this.#pools.set(kind, pool);
  }

  /** One of them, the latest a little more often. */
  recall(random: Random, kind: string): string | undefined {
    const pool = this.#pools.get(kind);
    if (!pool?.length) return undefined;
    return random.chance(0.3) ? pool.at(-1) : random.pick(pool);
  }

  noteAll(text: string): void {
    for (const [value, kind = ''] of text.matchAll(/\b([a-z]{2,3})_[A-Za-z0-9_-]{26,2000}/g)) {
      this.note(kind, value);
    }
    for (const [, kind = '', value = ''] of text.matchAll(/"(slug|code|next_cursor)":"([A-Za-z0-9_-]+)"/g)) {
      this.note(kind, value);
    }
  }
}

const samples = new Map<string, string[]>();

/** Texts that fit a pattern: drawn once for each, since that is slow. */
function matching(random: Random, pattern: string): string {
  let list = samples.get(pattern);
  if (!list) {
    const seed = random.below(1 << 30);
    // Patterns say what must be in a text, not always all of it.
    const one = /^\\S$/.test(pattern)
      ? fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => `x${text}`)
      : fc.stringMatching(new RegExp(pattern, 'u'), { size: 'small' });
    list = fc.sample(one, { seed, numRuns: 24 });
    samples.set(pattern, list);
  }
  return random.pick(list);
}

const NAMES = ['Ada King', 'Zoë Ångström', '李小龙', 'محمد علي', "O'Neil-Smith", 'Ŧħë', '\u200fאבי', 'a'];
const TEXTS = [
  'We want the river.',
  'Ünïcödé **bold**[^1]',
  '<b>x</b>',
  '{{ link }} %s ${x}',
  '🦦'.repeat(20),
  'x'.repeat(900),
];

function email(random: Random): string {
  const n = random.below(60);
  const local = random.pick([`p${n}`, `p${n}`, `P${n}`, `p.${n}`, `p${n}+tag`]);
  return `${local}@${random.pick([`${MARK}.example`, `${MARK}.example`, `mail.${MARK}.org`])}`;
}

const KINDS = /^\(?(?:\?:)?\^?([a-z]{2,3})_/;

/** A value that fits a schema; `name` says what it is for where the schema does not. */
export function valueOf(random: Random, memory: Memory, given: Json, name = ''): unknown {
  const schema = resolve(given);
  if (schema['enum']) return random.pick(schema['enum'] as unknown[]);
  if (schema['const'] !== undefined) return schema['const'];
  const choices = (schema['anyOf'] ?? schema['oneOf']) as Json[] | undefined;
  if (choices) {
    return valueOf(random, memory, random.chance(0.85) ? (choices[0] as Json) : random.pick(choices), name);
  }
  if (schema['allOf']) return valueOf(random, memory, (schema['allOf'] as Json[])[0] as Json, name);
  const types = [schema['type']].flat() as string[];
  const type = types.length > 1 && random.chance(0.15) ? random.pick(types) : types[0];
  switch (type) {
    case 'object':
      return objectOf(random, memory, schema);
    case 'array':
      return listOf(random, memory, schema, name);
    case 'integer':
    case 'number': {
      const least = (schema['minimum'] as number | undefined) ?? -5;
      const most = Math.min((schema['maximum'] as number | undefined) ?? 1e6, least + 1e6);
      return random.pick([least, most, least + random.below(most - least + 1), Math.min(least + 3, most)]);
    }
    case 'boolean':
      return random.chance(0.5);
    case 'null':
      return null;
    default:
      return textOf(random, memory, schema, name);
  }
}

function objectOf(random: Random, memory: Memory, schema: Json): Json {
  // Of a condition what is required without it.
  const required = [schema, (schema['else'] ?? {}) as Json].flatMap(
    (one) => (one['required'] ?? []) as string[],
  );
  const properties = Object.entries((schema['properties'] ?? {}) as Record<string, Json>);
  // One of many, as in a condition of a segment: several would also nest without end.
  if (schema['maxProperties'] === 1 && properties.length > 1) {
    const [name, one] = random.pick(properties);
    return { [name]: valueOf(random, memory, one, name) };
  }
  const wanted = random.pick([0.1, 0.3, 0.8]);
  const object = Object.fromEntries(
    properties
      .filter(([name]) => required.includes(name) || random.chance(wanted))
      .map(([name, one]) => [name, valueOf(random, memory, one, name)]),
  );
  if (Object.keys(object).length === 0 && schema['minProperties']) {
    const [name, one] = random.pick(
      Object.entries((schema['properties'] ?? { label: { type: 'string' } }) as Record<string, Json>),
    );
    object[name] = valueOf(random, memory, one, name);
  }
  return object;
}

function listOf(random: Random, memory: Memory, schema: Json, name: string): unknown[] {
  const least = (schema['minItems'] as number | undefined) ?? 0;
  const length = Math.min(
    Math.max(least, random.pick([0, 1, 1, 2, 4])),
    (schema['maxItems'] as number | undefined) ?? 4,
  );
  const list = Array.from({ length }, () => valueOf(random, memory, (schema['items'] ?? {}) as Json, name));
  return schema['uniqueItems']
    ? [...new Set(list)]
    : name === 'goals'
      ? (list as number[]).sort((a, b) => a - b)
      : list;
}

function textOf(random: Random, memory: Memory, schema: Json, name: string): string {
  const pattern = schema['pattern'] as string | undefined;
  const known = recalled(random, memory, pattern ?? '', name);
  if (known !== undefined && random.chance(0.9)) return known;
  // An organization shows its own address.
  if (name === 'reply_to' || name === 'test_email') return 'office@meadows.example';
  if (schema['format'] === 'email' || name === 'email') return email(random);
  if (schema['format'] === 'date-time') {
    const ago = random.pick([0, 1, 60, 86_400, 40_000_000]) * random.below(100) * 1000;
    return new Date(1_795_000_000_000 - ago).toISOString();
  }
  if (schema['format'] === 'uri' || /url$/.test(name)) {
    return random.pick([
      'https://meadows.example/a?b=c',
      'http://x.example',
      'https://xn--bcher-kva.example/#f',
    ]);
  }
  const text =
    name === 'name' || name === 'title'
      ? random.pick(NAMES)
      : pattern === undefined || (schema['maxLength'] as number) >= 500
        ? random.pick(TEXTS)
        : matching(random, pattern);
  return text.slice(0, Math.max(0, (schema['maxLength'] as number | undefined) ?? 200));
}

/** What was told before and may stand here. */
function recalled(random: Random, memory: Memory, pattern: string, name: string): string | undefined {
  if (name === 'petition') return memory.recall(random, random.chance(0.6) ? 'pet' : 'slug');
  if (name === 'share_code' || (name === 'code' && pattern.length > 12)) return memory.recall(random, 'code');
  if (name === 'cursor') return random.chance(0.3) ? memory.recall(random, 'next_cursor') : undefined;
  if (name === 'link') return memory.recall(random, random.chance(0.5) ? 'pu' : 'pb');
  if (name === 'slug') return random.chance(0.2) ? memory.recall(random, 'slug') : undefined;
  const kind = KINDS.exec(pattern)?.[1];
  return kind === undefined ? undefined : memory.recall(random, kind);
}
