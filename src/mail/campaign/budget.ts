import type { MailingText } from '../../../schema/db/tables/mailings.js';
import { isWithin, MOST_OF_TEXT, workOf, type Work } from './inline.js';
import { partsOf } from './markup.js';

/*
 * Each text has its bounds, and languages and variants multiply them: this bounds the mailing as a whole. It counts work
 * and not time, so the same mailing is always within it or never.
 */

const MOST_OF_MAILING: Work = { characters: 12_000_000, elements: 60_000, matches: 1_200_000 };

export class Budget {
  #spent: Work = { characters: 0, elements: 0, matches: 0 };

  /** Counts a text: what was written, and the HTML that it became. */
  spend({ html, markdown }: MailingText, compiled: string): void {
    const { body, css } = partsOf(html ?? '');
    this.#add(workOf(body, css));
    this.#add(workOf(markdown ?? ''));
    const made = workOf(compiled);
    // What Liquid fills in costs about as much as an element.
    this.#add({ ...made, elements: made.elements + (compiled.match(/\{[{%]/g)?.length ?? 0) });
  }

  /** Counts a text that was more than one may be. */
  spendMost(): void {
    this.#add(MOST_OF_TEXT);
  }

  #add({ characters, elements, matches }: Work): void {
    this.#spent = {
      characters: this.#spent.characters + characters,
      elements: this.#spent.elements + elements,
      matches: this.#spent.matches + matches,
    };
  }

  get isExceeded(): boolean {
    return !isWithin(this.#spent, MOST_OF_MAILING);
  }
}
