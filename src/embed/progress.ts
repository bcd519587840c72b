import type { Counts } from './api.js';
import { h } from './dom.js';
import { say, type Language } from './words.js';

/** How often those who hear the page are told of a new count: every signature would be chatter. */
const TOLD_EVERY_MS = 60_000;

/** How many have signed, and how far it is to the next goal. */
export class Progress {
  readonly #language: Language;
  readonly #aims: boolean;
  readonly #count = h('strong', { part: 'count' });
  readonly #goal = h('span', { class: 'quiet', part: 'goal' });
  readonly #bar = h('progress', { part: 'bar' });
  readonly #told = h('p', { class: 'elsewhere', role: 'status' });
  readonly element = h(
    'div',
    { class: 'progress', part: 'progress' },
    h('p', {}, this.#count, ' ', this.#goal),
    this.#bar,
    this.#told,
  );
  #toldAt = Date.now();

  /** `aims`: there is a goal to reach yet. */
  constructor(language: Language, counts: Counts, aims: boolean) {
    this.#language = language;
    this.#aims = aims;
    this.#bar.setAttribute('aria-label', language.words.progress_label);
    this.show(counts);
  }

  readonly show = ({ confirmed, goal, next_milestone }: Counts): void => {
    const { words, number, count } = this.#language;
    const text = count(confirmed);
    const changed = this.#count.textContent !== text;
    this.#count.textContent = text;
    const aim = this.#aims ? (next_milestone ?? goal) : null;
    this.#bar.hidden = this.#goal.hidden = aim === null;
    if (aim !== null) {
      this.#bar.max = aim;
      this.#bar.value = Math.min(confirmed, aim);
      this.#goal.textContent = say(confirmed >= aim ? words.goal_reached : words.goal, { goal: number(aim) });
    }
    if (changed && Date.now() - this.#toldAt >= TOLD_EVERY_MS) {
      this.#toldAt = Date.now();
      this.#told.textContent = text;
    }
  };
}
