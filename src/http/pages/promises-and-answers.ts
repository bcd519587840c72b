import type { Threshold } from '../../core/counts/milestones.js';
import type { responsesOf } from '../../core/petitions/responses.js';
import type { Catalogue } from '../../mail/catalogue.js';
import { say } from '../../mail/words.js';
import { html, Html } from '../html.js';

/* What the page of a petition says without scripts about promises and answers. With scripts the element says it. */

export type Answered = Awaited<ReturnType<typeof responsesOf>>[number];

type Promised = Pick<Threshold, 'value' | 'promise'>;

/** The promise that was last reached, and while the petition can be signed the next one. */
export function promisesView(
  thresholds: readonly Threshold[],
  { isOpen, total, locale }: { isOpen: boolean; total: number; locale: string },
  { embed, locale: spoken }: Catalogue,
): Html[] {
  const isReached = ({ value, reachedAt }: Threshold) => reachedAt !== null || value <= total;
  const last = thresholds.filter(isReached).at(-1);
  const next = isOpen ? thresholds.find((one) => !isReached(one)) : undefined;
  const view = (said: string, { value, promise }: Promised) =>
    html`<p>
      ${say(said, { goal: new Intl.NumberFormat(spoken).format(value) })}
      <span lang="${locale}" dir="auto">${promise}</span>
    </p>`;
  return [
    ...(last ? [view(embed.threshold_reached, last)] : []),
    ...(next ? [view(embed.threshold_next, next)] : []),
  ];
}

/** Responses and hearings, folded. */
export function answersView(
  responses: readonly Answered[],
  locale: string,
  { embed, locale: spoken }: Catalogue,
): Html | '' {
  if (responses.length === 0) return '';
  const count = new Intl.NumberFormat(spoken).format(responses.length);
  return html`<details>
    <summary>${say(embed.responses_button, { count })}</summary>
    ${responses.map(
      (one) =>
        html`<p>
            <strong lang="${locale}" dir="auto">${one.who}</strong><br />
            ${one.kind === 'hearing' ? `${embed.hearing_label} · ` : ''}${whenOf(one, spoken)}
            ${one.place === null ? '' : html` · <span lang="${locale}" dir="auto">${one.place}</span>`}
          </p>
          ${one.textHtml === null ? '' : html`<div lang="${locale}" dir="auto">${new Html(one.textHtml)}</div>`}
          ${one.url === null ? '' : html`<p><a href="${one.url}" rel="nofollow noopener noreferrer">${embed.responses_link}</a></p>`}`,
    )}
  </details>`;
}

/** As it is written, in no other time zone. */
function whenOf({ date, time, timeZone }: Answered, spoken: string): string {
  const day = new Intl.DateTimeFormat(spoken, {
    dateStyle: 'long',
    ...(time === null ? {} : { timeStyle: 'short' }),
    timeZone: 'UTC',
  }).format(new Date(`${date}T${time ?? '00:00'}Z`));
  return timeZone === null ? day : `${day} (${timeZone.replaceAll('_', ' ')})`;
}
