import type { Counts } from './api.js';
import { h } from './dom.js';
import { say, type Language } from './language.js';

/** How often screen readers announce a new count: every signature would be too much. */
const ANNOUNCE_EVERY_MS = 60_000;

/** Shows how many people have signed, and the progress to the next goal. */
export class Progress {
  readonly #language: Language;
  readonly #aims: boolean;
  readonly #count = h('strong', { part: 'count' });
  readonly #goal = h('span', { class: 'quiet', part: 'goal' });
  readonly #bar = h('progress', { part: 'bar' });
  /** What of it was not signed here. */
  readonly #others = h('p', { class: 'hint', part: 'others' });
  readonly #told = h('p', { class: 'elsewhere', role: 'status' });
  readonly element = h(
    'div',
    { class: 'progress', part: 'progress' },
    h('p', {}, this.#count, ' ', this.#goal),
    this.#bar,
    this.#others,
    this.#told,
  );
  #toldAt = Date.now();

  /** `aims`: whether to show a goal, as for open petitions. */
  constructor(language: Language, counts: Counts, aims: boolean) {
    this.#language = language;
    this.#aims = aims;
    this.#bar.setAttribute('aria-label', language.words.progress_label);
    this.show(counts);
  }

  readonly show = ({ total, paper, offset, goal, next_milestone }: Counts): void => {
    const { words, number, count, list } = this.#language;
    const text = count(total);
    const changed = this.#count.textContent !== text;
    this.#count.textContent = text;
    const aim = this.#aims ? (next_milestone ?? goal) : null;
    this.#bar.hidden = this.#goal.hidden = aim === null;
    if (aim !== null) {
      this.#bar.max = aim;
      this.#bar.value = Math.min(total, aim);
      this.#goal.textContent = say(total >= aim ? words.goal_reached : words.goal, { goal: number(aim) });
    }
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
}
