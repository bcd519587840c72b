import { Liquid } from 'liquidjs';
import { headerLine } from '../header-line.js';

/*
 * The Liquid of mailings. Writers may use a small part of it, and what they wrote is put down anew from its parts:
 * an output is a known value with known filters, a condition compares known values with literals.
 */

/** The values of one recipient. Null, blank: not known. */
export type RecipientValues = {
  first_name: string | null;
  name: string | null;
  email: string;
  country: string | null;
  locale: string;
  petition_url: string;
  unsubscribe_url: string;
  manage_url: string;
};

export const LINK_VALUES = ['petition_url', 'unsubscribe_url', 'manage_url'] as const;
/** What is not known of everybody. Without a default of its own it gets one of ours. */
export const UNSURE_VALUES = ['first_name', 'name', 'country'] as const;
export const PERSONAL_VALUES = [...UNSURE_VALUES, 'email', 'locale', ...LINK_VALUES] as const;

const FILTERS = ['default', 'capitalize', 'upcase', 'downcase', 'append', 'prepend'];

/** `raw` would undo the escaping, `include` reads files: only what a mailing needs is left. */
function restricted(escapes: boolean): Liquid {
  const engine = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    jsTruthy: true,
    templates: {},
    parseLimit: 500_000,
    renderLimit: 1000,
    ...(escapes ? { outputEscape: 'escape' } : {}),
  });
  const keep = (known: Record<string, unknown>, names: readonly string[]) => {
    for (const name of Object.keys(known)) if (!names.includes(name)) delete known[name];
  };
  keep(engine.filters, [...FILTERS, ...(escapes ? ['escape'] : [])]);
  keep(engine.tags, ['if', 'unless']);
  return engine;
}

/** The engines of frozen templates: the HTML part escapes every output. */
export const htmlEngine = restricted(true);
export const plainEngine = restricted(false);

/** A value on one line, without control characters and direction marks; blank: null. */
const clean = (value: string | null): string | null =>
  value === null ? null : headerLine(value, 2100) || null;

/** The values as templates get them. Links and addresses are never blank. */
export const cleanValues = (values: RecipientValues): Record<keyof RecipientValues, string | null> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, clean(value)])) as Record<
    keyof RecipientValues,
    string | null
  >;

export const renderHtml = (template: string, values: RecipientValues): string =>
  String(htmlEngine.parseAndRenderSync(template, cleanValues(values)));
export const renderText = (template: string, values: RecipientValues): string =>
  String(plainEngine.parseAndRenderSync(template, cleanValues(values)));
export const renderSubject = (template: string, values: RecipientValues): string =>
  headerLine(renderText(template, values), 250);

const LITERAL = String.raw`"[^"{}]*"|'[^'{}]*'`;
const NAME = String.raw`[a-z_]+(?:\.[a-z_]+)?`;
const FILTER = new RegExp(String.raw`\|\s*([a-z_]+)\s*(?::\s*(${LITERAL})\s*)?`, 'y');
const TERM = String.raw`${NAME}(?:\s*(?:==|!=|contains)\s*(?:${LITERAL}))?`;
const CONDITION = new RegExp(String.raw`^${TERM}(?:\s+(?:and|or)\s+${TERM})*$`);
const TAG = /^(if|elsif|unless|else|endif|endunless)(?:\s+([\s\S]+))?$/;

export type Filter = { name: string; argument: string | null };
export type Output = { name: string; filters: Filter[] };

/** Quotes as editors make them out of plain ones, and the spaces that they add. */
const asTyped = (source: string): string =>
  source
    .replace(/&quot;|&ldquo;|&rdquo;|&#34;|[“”„]/g, '"')
    .replace(/&#39;|&lsquo;|&rsquo;|&apos;|[‘’]/g, "'")
    .replace(/&nbsp;|\u00a0/g, ' ')
    .replace(/&amp;/g, '&')
    .replace(/<[^<>]*>/g, '')
    .replace(/\s+/g, ' ')
    .trim();

/** The inside of `{{ … }}`; undefined: it is not understood. */
export function readOutput(source: string): Output | undefined {
  const text = asTyped(source);
  const name = new RegExp(`^${NAME}`).exec(text)?.[0];
  if (name === undefined) return undefined;
  const filters: Filter[] = [];
  FILTER.lastIndex = name.length + (/^\s*/.exec(text.slice(name.length))?.[0].length ?? 0);
  let end = FILTER.lastIndex;
  for (let found = FILTER.exec(text); found; found = FILTER.exec(text)) {
    filters.push({ name: found[1] ?? '', argument: found[2]?.slice(1, -1) ?? null });
    end = FILTER.lastIndex;
  }
  return end >= text.length ? { name, filters } : undefined;
}

/** Whether the filters of an output exist and have the arguments that they need. */
export const areKnown = (filters: readonly Filter[]): boolean =>
  filters.every(
    ({ name, argument }) =>
      FILTERS.includes(name) && (argument !== null) === ['default', 'append', 'prepend'].includes(name),
  );

/** Whether an output of this value can be empty where the value is not known. */
export const hasDefault = ({ filters }: Output): boolean =>
  filters[0]?.name === 'default' && (filters[0].argument ?? '').trim() !== '';

const quoted = (text: string): string => (text.includes('"') ? `'${text}'` : `"${text}"`);

/** An output as it is frozen. `fallback`: what stands for an unknown value that has no default of its own. */
export function writeOutput(output: Output, fallback: string | null): string {
  const filters = output.filters.filter(
    ({ name, argument }) => name !== 'default' || (argument ?? '').trim() !== '',
  );
  const all =
    fallback === null || hasDefault(output)
      ? filters
      : [{ name: 'default', argument: fallback.replaceAll('"', '') }, ...filters];
  const chain = all.map(
    ({ name, argument }) => ` | ${name}${argument === null ? '' : `: ${quoted(argument)}`}`,
  );
  return `{{ ${output.name}${chain.join('')} }}`;
}

export type Tag = { kind: 'if' | 'elsif' | 'unless' | 'else' | 'endif' | 'endunless'; condition: string };

/** The inside of `{% … %}`; undefined: it is not understood. */
export function readTag(source: string): Tag | undefined {
  const [, kind, condition = ''] = TAG.exec(asTyped(source)) ?? [];
  if (kind === undefined) return undefined;
  const needs = ['if', 'elsif', 'unless'].includes(kind);
  if (needs ? !CONDITION.test(condition) : condition !== '') return undefined;
  return { kind: kind as Tag['kind'], condition };
}

/** The values that a condition names. */
export const namesIn = (condition: string): string[] =>
  condition
    .replace(new RegExp(LITERAL, 'g'), ' ')
    .split(/[^a-z_.]+/)
    .filter((word) => word !== '' && !['and', 'or', 'contains'].includes(word));

export const writeTag = ({ kind, condition }: Tag): string =>
  condition === '' ? `{% ${kind} %}` : `{% ${kind} ${condition} %}`;
