import { h } from './dom.js';

/** HTML of the server as an element; where the page's Trusted Types policy forbids it, `plain` stands as text. */
export function richText(html: string, locale: string, plain: () => string): HTMLElement {
  const text = h('div', { class: 'rich', lang: locale, dir: 'auto' });
  try {
    // Safe: the server renders it from Markdown without raw HTML, and sanitizes it.
    text.innerHTML = trusted(html);
  } catch {
    text.append(h('p', { class: 'lines' }, plain()));
  }
  for (const link of text.querySelectorAll<HTMLAnchorElement>('a[href^="http"]')) link.target = '_blank';
  return text;
}

type Policies = { createPolicy: (name: string, rules: { createHTML: (html: string) => string }) => Policy };
type Policy = { createHTML: (html: string) => string };
let policy: Policy | undefined;

/** Passes HTML through a named policy, for pages that enforce Trusted Types. */
function trusted(html: string): string {
  const { trustedTypes } = window as unknown as { trustedTypes?: Policies };
  policy ??= trustedTypes?.createPolicy('undersigned', { createHTML: (text) => text });
  return policy ? policy.createHTML(html) : html;
}
