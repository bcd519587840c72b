import { Liquid, type Template } from 'liquidjs';
import { escapeHtml } from '../escape-html.js';

/*
 * Texts of a catalogue are Liquid templates that produce plain text. The result must be escaped as a whole before it is
 * used as HTML, so that neither a petition's title nor a translation can inject markup.
 */

const engine = new Liquid({
  ownPropertyOnly: true,
  strictFilters: true,
  // No includes: templates cannot read files.
  templates: {},
  parseLimit: 20_000,
  renderLimit: 1000,
});

/**
 * `{{ days | plural: one: "day", other: "days" }}`: the form that goes with the number. `locale` is inserted when a
 * catalogue is read. Forms are those of https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html
 */
engine.registerFilter('plural', (number: unknown, locale: string, ...forms: [string, string][]) => {
  const said = new Map(forms);
  return said.get(new Intl.PluralRules(locale).select(Number(number))) ?? said.get('other') ?? '';
});

/** Names the language for all plurals of a text that do not name one yet. Throws if one lacks the form `other`. */
export function withPlurals(words: string, locale: string): string {
  const named = words.replace(/\|\s*plural\s*:\s*([a-z]+\s*:[^|}]*)/g, (_, forms: string) => {
    if (!/\bother\s*:/.test(forms)) throw new Error('a plural lacks the form other');
    return `| plural: "${locale}", ${forms}`;
  });
  if (/\|\s*plural\b(?!: "[A-Za-z-]+", [a-z]+\s*:)/.test(named)) throw new Error('a plural lacks its forms');
  return named;
}

const parsed = new Map<string, Template[]>();

/** Parses a template, and keeps it for ever: pass only texts of a catalogue. Throws syntax errors. */
export function parseWords(words: string): Template[] {
  let template = parsed.get(words);
  if (!template) parsed.set(words, (template = engine.parse(words)));
  return template;
}

/** The top-level names of the values that a text uses. */
export const valuesIn = (words: string): string[] => engine.globalVariablesSync(parseWords(words)).sort();

/** A text of a catalogue with its values inserted, as plain text. */
export const say = (words: string, values: object = {}): string =>
  String(engine.renderSync(parseWords(words), values));

/** A text of a catalogue with its values inserted, as HTML. */
export const sayHtml = (words: string, values: object = {}): string => escapeHtml(say(words, values));
