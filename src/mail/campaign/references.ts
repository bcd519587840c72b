import type { Reference } from '../../../schema/db/tables/petitions.js';
import { escapeHtml } from '../../escape-html.js';
import type { Report } from './finding.js';
import { inlineMarkdown } from './markup.js';
import { protect, type Marks, type Scope } from './protect.js';

/*
 * Numbered references below the text. They are numbered in the order in which the text cites them; a number that the
 * text itself says nothing about is the petition's reference of that number.
 */

export class References {
  readonly #cited: string[] = [];

  constructor(
    private readonly notes: ReadonlyMap<string, string>,
    private readonly known: readonly Reference[],
    private readonly tools: { marks: Marks; scope: Scope; report: Report },
  ) {}

  /** A citation in the text. */
  cite(label: string): string {
    const said = this.notes.has(label) || this.known.some(({ number }) => String(number) === label);
    if (!said) {
      const detail = `[^${label}] has no reference: write a line [^${label}]: …, or add it to the petition.`;
      this.tools.report('error', 'reference_missing', detail);
      return '';
    }
    if (!this.#cited.includes(label)) this.#cited.push(label);
    // It never begins a line.
    return `\u2060<sup>[${this.#cited.indexOf(label) + 1}]</sup>`;
  }

  get areCited(): boolean {
    return this.#cited.length > 0;
  }

  /** The list; without a citation, all references of the petition. */
  list(heading: string): string {
    const labels = this.areCited ? this.#cited : this.known.map(({ number }) => String(number));
    if (labels.length === 0) return '';
    const lines = labels.map(
      (label, i) => `<p class="u-small u-reference" dir="auto">[${i + 1}] ${this.#words(label)}</p>`,
    );
    return `<p class="u-small"><strong>${escapeHtml(heading)}</strong></p>${lines.join('')}`;
  }

  #words(label: string): string {
    const note = this.notes.get(label);
    if (note !== undefined) {
      return inlineMarkdown(protect(note, { ...this.tools, inline: true }), this.tools.report);
    }
    const reference = this.known.find(({ number }) => String(number) === label);
    return reference ? wordsOf(reference) : '';
  }
}

function wordsOf({ authors, title, publisher, date, url }: Reference): string {
  const name = url ? `<a href="${escapeHtml(url)}">${escapeHtml(title)}</a>` : escapeHtml(title);
  const rest = [publisher, date].filter(Boolean).map((part) => escapeHtml(part as string));
  return `${authors ? `${escapeHtml(authors)}: ` : ''}${[name, ...rest].join(', ')}.`;
}
