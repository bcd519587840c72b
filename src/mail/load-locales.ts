import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Value } from '@sinclair/typebox/value';
import { parse } from 'yaml';
import { EMBED_FORMS } from '../../schema/api/petitions/embed.js';
import { packageRoot } from '../package.js';
import { Catalogue, KNOWN_VALUES } from './catalogue.js';
import { closest, localesOf, type Locales } from './locales.js';
import { parseWords, valuesIn, withPlurals } from './words.js';

export type LoadedLocales = Locales & {
  /** Keys that a language lacks, for which English is used. The server logs them. */
  missing: { locale: string; keys: string[] }[];
};

type Section = { [key: string]: unknown };
type Place = { file: string; path: string[] };
type LocaleFile = { file: string; tag: string };

const BUILT_IN = fileURLToPath(new URL('locales/', packageRoot));
const TAG = /^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?$/;

/**
 * Reads the built-in languages and those of a folder, whose files may add languages or override single texts. Throws an
 * error that names the invalid file and key.
 */
export function loadLocales(folder?: string): LoadedLocales {
  const catalogues = new Map<string, Catalogue>();
  const missing: LoadedLocales['missing'] = [];
  for (const one of inOrder([...filesOf(BUILT_IN), ...(folder ? filesOf(folder) : [])])) {
    const { tag } = one;
    const said = readSection(one.file);
    const model = closest(catalogues, tag);
    catalogues.set(
      tag.toLowerCase(),
      asCatalogue(model ? merge(model, said, { file: one.file, path: [] }) : said, one),
    );
    if (model?.locale !== 'en' || tag === 'en') continue;
    const keys = keysMissing(model, said);
    if (keys.length > 0) missing.push({ locale: tag, keys });
  }
  // English is built in: there is always one.
  return { ...localesOf([...catalogues.values()]), missing };
}

/** English first, and each language before its regions, which inherit from it. */
function inOrder(files: LocaleFile[]): LocaleFile[] {
  const rank = ({ tag }: LocaleFile) => (tag === 'en' ? 0 : tag.length);
  return files.sort((a, b) => rank(a) - rank(b));
}

function filesOf(folder: string): LocaleFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => {
      const [file, tag] = [join(folder, name), name.slice(0, -'.yaml'.length)];
      if (TAG.test(tag)) return { file, tag };
      throw wrong({ file, path: [] }, 'is not named after a language, such as pt-BR.yaml');
    });
}

function readSection(file: string): Section {
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw wrong({ file, path: [] }, `is not YAML: ${firstLine(error)}`);
  }
  if (!isSection(value)) throw wrong({ file, path: [] }, 'holds no keys');
  return value;
}

const isSection = (value: unknown): value is Section =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const firstLine = (error: unknown): string => (error as Error).message.split('\n', 1)[0] ?? '';

/** Plural forms: the only keys that a language may have although English does not. */
const FORMS: ReadonlySet<string> = new Set(EMBED_FORMS.map((key) => `embed.${key}`));

/** The texts of a language, completed by its model. Keys that English lacks are refused. */
function merge(model: Section, said: Section, place: Place): Section {
  const merged: Section = { ...model };
  for (const [key, value] of Object.entries(said)) {
    const here = { ...place, path: [...place.path, key] };
    // `locale` is added from the file name, and is no key of a file.
    const isForm = FORMS.has(here.path.join('.'));
    if (!isForm && (!Object.hasOwn(model, key) || here.path.join() === 'locale')) {
      throw wrong(here, 'is not a key that English has');
    }
    const kind = kindOf(isForm ? '' : model[key]);
    if (kindOf(value) !== kind) throw wrong(here, `must be ${kind}`);
    merged[key] = isSection(value) ? merge(model[key] as Section, value, here) : value;
  }
  return merged;
}

const kindOf = (value: unknown): string =>
  isSection(value)
    ? 'a section with keys'
    : Array.isArray(value)
      ? 'a list of texts'
      : typeof value === 'string'
        ? 'text'
        : 'something else';

function asCatalogue({ locale: _, ...said }: Section, { file, tag }: LocaleFile): Catalogue {
  const error = Value.Errors(Catalogue, said).First();
  if (error) throw wrong({ file, path: error.path.split('/').slice(1) }, error.message.toLowerCase());
  const read = (value: unknown, path: string[]): unknown => {
    if (typeof value === 'string') return readWords(value, tag, { file, path });
    if (Array.isArray(value)) return value.map((inner, i) => read(inner, [...path, String(i)]));
    return Object.fromEntries(
      Object.entries(value as Section).map(([key, inner]) => [key, read(inner, [...path, key])]),
    );
  };
  const { dir, ...texts } = said as Static;
  return { dir, ...(read(texts, []) as Omit<Static, 'dir'>), locale: tag };
}

type Static = Omit<Catalogue, 'locale'>;

/** Finds syntax errors and misspelt values when the file is read, rather than as gaps in mails. */
function readWords(said: string, tag: string, place: Place): string {
  let words = said;
  try {
    words = withPlurals(said, tag);
    parseWords(words);
  } catch (error) {
    throw wrong(place, firstLine(error));
  }
  const known = KNOWN_VALUES[place.path[0] ?? ''] ?? [];
  const unknown = valuesIn(words).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(place, `names ${unknown}; there are: ${known.join(', ')}`);
  return words;
}

function keysMissing(model: Section, said: Section, path: string[] = []): string[] {
  return Object.entries(model).flatMap(([key, value]) => {
    const here = [...path, key];
    if (['locale', 'dir'].includes(here.join('.'))) return [];
    if (isSection(value)) return keysMissing(value, (said[key] ?? {}) as Section, here);
    return Object.hasOwn(said, key) ? [] : [here.join('.')];
  });
}

const wrong = ({ file, path }: Place, what: string): Error =>
  new Error(`${file}${path.length > 0 ? `: ${path.join('.')}` : ''}: ${what}`);
