import { Liquid, type Template } from 'liquidjs';
import { escapeHtml } from '../escape-html.js';

/*
 * The words of a catalogue are Liquid over plain text. Nothing is HTML before it is escaped as a whole: so neither a
 * petition's title nor a translator can break out.
 */

const engine = new Liquid({
  ownPropertyOnly: true,
  strictFilters: true,
  // Nothing can be included: a catalogue reads no files.
  templates: {},
  parseLimit: 20_000,
  renderLimit: 1000,
});

const parsed = new Map<string, Template[]>();

/** Parsed once: only what stands in a catalogue may be passed. Throws what is wrong with it. */
export function parseWords(words: string): Template[] {
  let template = parsed.get(words);
  if (!template) parsed.set(words, (template = engine.parse(words)));
  return template;
}

/** The values that a text names, the outermost part of each. */
export const valuesIn = (words: string): string[] => engine.globalVariablesSync(parseWords(words)).sort();

/** A text of a catalogue with its values put in, as plain text. */
export const say = (words: string, values: object = {}): string =>
  String(engine.renderSync(parseWords(words), values));

/** A text of a catalogue with its values put in, as HTML. */
export const sayHtml = (words: string, values: object = {}): string => escapeHtml(say(words, values));
