import type { Api, Petition } from './api.js';
import { h } from './dom.js';
import { say, type Language } from './language.js';
import { link } from './petition-view.js';
import { richText } from './rich-text.js';

/** What was answered to the petition, and hearings: collapsed, and loaded when it is opened. Null: there is nothing. */
export function responsesView(api: Api, petition: Petition, language: Language): HTMLElement | null {
  const { response_count, slug, locale } = petition;
  if (response_count === 0) return null;
  const { words, number } = language;
  const list = h('div', { class: 'rich' });
  const text = say(words.responses_button, { count: number(response_count) });
  const root = h('details', { part: 'responses' }, h('summary', { part: 'summary' }, text), list);
  root.addEventListener('toggle', () => {
    if (!root.open) return;
    api.responses(slug).then(
      (responses) =>
        list.replaceChildren(
          ...responses.map(({ kind, who, text, text_html, date, time, time_zone, place, url }) =>
            h(
              'div',
              {},
              h('strong', { lang: locale }, link(url, who)),
              h(
                'p',
                { class: 'hint' },
                [
                  kind === 'hearing' && words.hearing_label,
                  language.day(date),
                  time && `${time} (${time_zone})`,
                ]
                  .filter(Boolean)
                  .join(' · '),
              ),
              place && h('p', { class: 'hint', dir: 'auto' }, place),
              text && text_html && richText(text_html, locale, () => text),
            ),
          ),
        ),
      // Opening it again tries again.
      () => list.replaceChildren(words.share_failed),
    );
  });
  return root;
}
