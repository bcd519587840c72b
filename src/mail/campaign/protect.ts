import type { Report } from './finding.js';
import {
  areKnown,
  hasDefault,
  LINK_VALUES,
  namesIn,
  PERSONAL_VALUES,
  readOutput,
  readTag,
  renderText,
  UNSURE_VALUES,
  writeOutput,
  writeTag,
  type Output,
  type Tag,
} from './liquid.js';

/*
 * What a writer has marked in a text, `{{ values }}`, `{% conditions %}`, `[[blocks]]` and `[^notes]`, is taken out and
 * kept behind two characters of the private use area, which pass through Markdown, sanitising, inlining and the making of
 * the text part. What takes its place is put in at the end, so that none of these steps can change or misread it.
 */

export type Mark =
  | { kind: 'liquid'; source: string; tag: boolean; link: boolean }
  /** Plain text that is the same for everybody. */
  | { kind: 'words'; text: string }
  | { kind: 'block'; name: BlockName; label: string | null }
  | { kind: 'note'; label: string };

export const BLOCKS = [
  'headline',
  'statement',
  'button',
  'coalition',
  'campaigner',
  'share',
  'references',
  'footer',
] as const;
export type BlockName = (typeof BLOCKS)[number];

/** What texts can name besides the values of the recipient. Null: known by name, but this mailing has none. */
export type Scope = {
  statics: Readonly<Record<string, string | null>>;
  hasPetition: boolean;
  /** What stands for a name or a country that is not known. */
  fallback: { name: string; country: string };
};

const [OPEN, CLOSE] = ['\ue000', '\ue001'];
const MARKED =
  /\{\{-?([^{}]*?)-?\}\}|\{%-?([^{}]*?)-?%\}|\[\[\s*([a-z_]+)\s*(?::\s*([^\][\n<>]{1,100}?)\s*)?\]\]|\[\^([\w-]{1,20})\](?!:)/g;

export const MARK = new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'g');
export const ONE_MARK = new RegExp(`^${OPEN}(\\d+)${CLOSE}$`);

/** A text in which nothing reads as a mark, also where it is written as a reference of HTML. */
export const withoutMarks = (text: string): string =>
  text.replace(/[\ue000\ue001]/g, '').replace(/&#(?:x0*e00[01]|0*5734[45])(?![\da-f]);?/gi, ' ');

/** The marks of one text, each with its number. */
export class Marks {
  readonly #marks: Mark[] = [];

  add(mark: Mark): string {
    return `${OPEN}${this.#marks.push(mark) - 1}${CLOSE}`;
  }

  /** The mark that a text consists of. */
  only(text: string): Mark | undefined {
    const number = ONE_MARK.exec(text)?.[1];
    return number === undefined ? undefined : this.#marks[Number(number)];
  }

  /** The text with `put` in the place of each mark. */
  fill(text: string, put: (mark: Mark, whole: string, offset: number) => string): string {
    return text.replace(MARK, (whole, number: string, offset: number) => {
      const mark = this.#marks[Number(number)];
      return mark ? put(mark, whole, offset) : '';
    });
  }

  /** Whether a text has such a mark where no condition can leave it out. */
  alwaysHas(text: string, is: (mark: Mark, offset: number) => boolean): boolean {
    let [depth, found] = [0, false];
    this.fill(text, (mark, whole, offset) => {
      if (mark.kind === 'liquid' && mark.tag) depth += depthOf(mark.source);
      else if (depth === 0 && is(mark, offset)) found = true;
      return whole;
    });
    return found;
  }

  /** What stands inside of conditions; undefined: not every condition ends. */
  inConditions(text: string): string | undefined {
    const open: string[] = [];
    let [inside, from, isWhole] = ['', 0, true];
    this.fill(text, (mark, whole, offset) => {
      if (mark.kind !== 'liquid' || !mark.tag) return whole;
      if (open.length > 0) inside += text.slice(from, offset);
      from = offset;
      const [, end, kind = ''] = /^\{% (end)?([a-z]+)/.exec(mark.source) ?? [];
      if (end) isWhole &&= open.pop() === kind;
      else if (kind === 'if' || kind === 'unless') open.push(kind);
      else isWhole &&= open.length > 0;
      return whole;
    });
    return isWhole && open.length === 0 ? inside : undefined;
  }

  /** The text without conditions: what stands inside of them is for everybody. */
  withoutConditions(text: string): string {
    return this.fill(text, (mark, whole) => (mark.kind === 'liquid' && mark.tag ? '' : whole));
  }
}

const depthOf = (tag: string): number => (/^\{% (?:if|unless)/.test(tag) ? 1 : /^\{% end/.test(tag) ? -1 : 0);

export const CONDITION_OPEN = 'A condition has no end: write {% endif %} after each {% if … %}.';

/** Takes what is marked out of a text. `inline`: the text is one line, such as a subject, and can hold no blocks. */
export function protect(
  source: string,
  { marks, scope, report, inline = false }: { marks: Marks; scope: Scope; report: Report; inline?: boolean },
): string {
  const plain = withoutMarks(source.toWellFormed());
  const isBalanced = balanced(plain);
  if (!isBalanced) {
    report('error', 'condition_open', CONDITION_OPEN);
  }
  const guards: string[][] = [];
  return plain.replace(
    MARKED,
    (whole, output?: string, tag?: string, block?: string, label?: string, note?: string) => {
      if (output !== undefined) {
        const read = known(readOutput(output), scope);
        return outputMark(whole, read, { marks, scope, report, guarded: guards.flat() });
      }
      if (tag !== undefined) {
        return isBalanced ? tagMark(whole, tag, { marks, scope, report, guards }) : whole;
      }
      if (inline) {
        report('error', 'block_misplaced', `${whole} cannot stand here: it belongs into the body.`);
        return whole;
      }
      if (note !== undefined) return marks.add({ kind: 'note', label: note });
      return blockMark(whole, block ?? '', label ?? null, { marks, scope, report });
    },
  );
}

type Tools = { marks: Marks; scope: Scope; report: Report };

/** Editors write `petition.url` for the link that is the recipient's own. */
function known(output: Output | undefined, { statics }: Scope): Output | undefined {
  if (!output) return undefined;
  const read = output.name === 'petition.url' ? { ...output, name: 'petition_url' } : output;
  const exists = isPersonal(read.name) || Object.hasOwn(statics, read.name);
  return exists && areKnown(read.filters) ? read : undefined;
}

const isPersonal = (name: string): boolean => (PERSONAL_VALUES as readonly string[]).includes(name);
const isLink = (name: string): boolean => (LINK_VALUES as readonly string[]).includes(name);
const isUnsure = (name: string): boolean => (UNSURE_VALUES as readonly string[]).includes(name);

function outputMark(
  whole: string,
  output: Output | undefined,
  { marks, scope, report, guarded }: Tools & { guarded: string[] },
): string {
  if (!output) {
    const names = [...PERSONAL_VALUES, ...Object.keys(scope.statics)].join(', ');
    report(
      'error',
      'unknown_value',
      `${short(whole)} is no value with filters as mailings have them: there are ${names}.`,
    );
    return whole;
  }
  const { name } = output;
  if ((name === 'petition_url' && !scope.hasPetition) || scope.statics[name] === null) {
    report('error', 'petition_missing', `${short(whole)} stands for nothing: ${missing(name, scope)}.`);
    return '';
  }
  if (isLink(name) && output.filters.some((filter) => filter.name !== 'default')) {
    report('error', 'link_filtered', `${short(whole)} changes a link: write {{ ${name} }} without filters.`);
    return '';
  }
  const fixed = scope.statics[name];
  if (typeof fixed === 'string') return marks.add({ kind: 'words', text: filtered(output, fixed) });
  if (isUnsure(name) && !hasDefault(output) && !guarded.includes(name)) {
    const fallback = fallbackOf(name, scope);
    const advice = `write {{ ${name} | default: "…" }}, or it says “${fallback}”`;
    report('warning', 'default_missing', `Not everybody has ${name}: ${advice}.`);
  }
  const source = writeOutput(output, isUnsure(name) ? fallbackOf(name, scope) : null);
  return marks.add({ kind: 'liquid', source, tag: false, link: isLink(name) });
}

const missing = (name: string, { hasPetition }: Scope): string =>
  name.startsWith('petition') && !hasPetition
    ? 'name the petition of the mailing'
    : 'the petition says nothing there';

const fallbackOf = (name: string, { fallback }: Scope): string =>
  name === 'country' ? fallback.country : fallback.name;

/** A fixed value with its filters, which work on it as on any other. */
const filtered = (output: Output, value: string): string =>
  renderText(writeOutput({ ...output, name: 'name' }, null), { ...NOBODY, name: value });

const NOBODY = {
  first_name: null,
  name: null,
  email: '',
  country: null,
  locale: '',
  petition_url: '',
  unsubscribe_url: '',
  manage_url: '',
};

function tagMark(
  whole: string,
  inside: string,
  { marks, report, guards }: Tools & { guards: string[][] },
): string {
  const tag = readTag(inside) as Tag;
  const names = namesIn(tag.condition);
  const unknown = names.find((name) => !isPersonal(name));
  if (unknown !== undefined) {
    report(
      'error',
      'unknown_value',
      `${short(whole)} names ${unknown}: there are ${PERSONAL_VALUES.join(', ')}.`,
    );
  }
  // Only a plain `{% if first_name %}` says that the name is known inside.
  const sure = tag.kind === 'if' && names[0] === tag.condition ? [tag.condition] : [];
  if (tag.kind === 'if' || tag.kind === 'unless') guards.push(sure);
  else if (tag.kind === 'endif' || tag.kind === 'endunless') guards.pop();
  else guards[guards.length - 1] = [];
  return marks.add({ kind: 'liquid', source: writeTag(tag), tag: true, link: false });
}

/** Whether every condition is understood and ends. */
function balanced(text: string): boolean {
  const open: string[] = [];
  for (const [, , inside] of text.matchAll(MARKED)) {
    if (inside === undefined) continue;
    const tag = readTag(inside);
    if (!tag) return false;
    if (tag.kind === 'if' || tag.kind === 'unless') open.push(tag.kind);
    else if (tag.kind.startsWith('end')) {
      if (open.pop() !== tag.kind.slice(3)) return false;
    } else if (open.length === 0) return false;
  }
  return open.length === 0;
}

const NEED_PETITION: readonly BlockName[] = ['headline', 'statement', 'button', 'coalition', 'share'];

function blockMark(
  whole: string,
  name: string,
  label: string | null,
  { marks, scope, report }: Tools,
): string {
  const block = BLOCKS.find((one) => one === name);
  if (!block) {
    report('error', 'unknown_block', `${short(whole)} is no block: there are ${BLOCKS.join(', ')}.`);
    return whole;
  }
  if (!scope.hasPetition && NEED_PETITION.includes(block)) {
    report('error', 'petition_missing', `${whole} needs a petition: name that of the mailing.`);
    return '';
  }
  return marks.add({ kind: 'block', name: block, label });
}

const short = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
