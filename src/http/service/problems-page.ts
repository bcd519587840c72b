import { STATUS_CODES } from 'node:http';
import { ERRORS } from '../../errors.js';
import { html, htmlDocument } from '../html.js';

const byStatus = new Map<number, [code: string, title: string][]>();
for (const [code, [status, title]] of Object.entries(ERRORS)) {
  byStatus.set(status, [...(byStatus.get(status) ?? []), [code, title]]);
}
const groups = [...byStatus].sort(([a], [b]) => a - b);

/** The page `/problems`, to which the `type` of every problem links: each code is an anchor. */
export const PROBLEMS_PAGE = htmlDocument(
  { lang: 'en', dir: 'ltr', title: 'Problems' },
  html`<h1>Problems</h1>
    <p>
      Every error is an <code>application/problem+json</code> (RFC 9457). Branch on its <code>code</code>; its
      <code>type</code> leads here. What each operation answers is in <a href="docs/">the reference</a>.
    </p>
    <nav aria-label="Statuses">
      ${groups.map(([status]) => html`<a href="#status-${status}">${status}</a> `)}
    </nav>
    ${groups.map(
      ([status, codes]) =>
        html`<h2 id="status-${status}">${status} ${STATUS_CODES[status]}</h2>
          <dl>
            ${codes.map(
              ([code, title]) =>
                html`<dt id="${code}">
                    <a href="#${code}"><code>${code}</code></a>
                  </dt>
                  <dd>${title}.</dd>`,
            )}
          </dl>`,
    )}`,
);
