import type { Counts, Petition } from './api.js';
import { h } from './dom.js';
import { say, type Language } from './language.js';

/** How often screen readers announce a new count: every signature would be too much. */
const ANNOUNCE_EVERY_MS = 60_000;

type Promised = Petition['thresholds'][number];

/** Shows how many people have signed, the progress to the next goal, and what was promised for which number. */
export class Progress {
  readonly #language: Language;
  readonly #petition: Petition;
  readonly #count = h('strong', { part: 'count' });
  readonly #goal = h('span', { class: 'quiet', part: 'goal' });
  readonly #bar = h('progress', { part: 'bar' });
  /** The promise that was last reached, and the next one. */
  readonly #promises = h('div');
  /** What of it was not signed here. */
  readonly #others = h('p', { class: 'hint', part: 'others' });
  readonly #told = h('p', { class: 'elsewhere', role: 'status' });
  readonly element = h(
    'div',
    { class: 'progress', part: 'progress' },
    h('p', {}, this.#count, ' ', this.#goal),
    this.#bar,
    this.#promises,
    this.#others,
    this.#told,
  );
  #toldAt = Date.now();

  constructor(language: Language, petition: Petition) {
    this.#language = language;
    this.#petition = petition;
    this.#bar.setAttribute('aria-label', language.words.progress_label);
    this.show(petition.counts);
  }

  readonly show = ({ total, paper, offset, goal, next_milestone }: Counts): void => {
    const { words, number, count, list } = this.#language;
    const text = count(total);
    const changed = this.#count.textContent !== text;
    this.#count.textContent = text;
    // Nothing is ahead of a petition that is closed.
    const aims = this.#petition.status === 'published';
    const aim = aims ? (next_milestone ?? goal) : null;
    this.#bar.hidden = this.#goal.hidden = aim === null;
    if (aim !== null) {
      this.#bar.max = aim;
      this.#bar.value = total;
      this.#goal.textContent = say(total >= aim ? words.goal_reached : words.goal, { goal: number(aim) });
    }
    this.#showPromises(total, aims);
    const parts = [
      ...(paper > 0 ? [say(words.on_paper, { count: number(paper) })] : []),
      ...(offset > 0 ? [say(words.from_elsewhere, { count: number(offset) })] : []),
    ];
    this.#others.textContent = say(words.including, { parts: list(parts) });
    this.#others.hidden = parts.length === 0;
    if (changed && Date.now() - this.#toldAt >= ANNOUNCE_EVERY_MS) {
      this.#toldAt = Date.now();
      this.#told.textContent = text;
    }
  };

  #showPromises(total: number, aims: boolean): void {
    const { thresholds, locale } = this.#petition;
    const { words, number } = this.#language;
    // One stays reached, even where the total has fallen since.
    const isReached = ({ value, reached_at }: Promised) => reached_at || value <= total;
    const view = (one: Promised | undefined | false, said: string) =>
      one
        ? h(
            'p',
            { class: 'hint', part: 'threshold' },
            say(said, { goal: number(one.value) }),
            ' ',
            h('span', { lang: locale, dir: 'auto' }, one.promise),
          )
        : '';
    this.#promises.replaceChildren(
      view(thresholds.filter(isReached).at(-1), words.threshold_reached),
      view(aims && thresholds.find((one) => !isReached(one)), words.threshold_next),
    );
  }
}
