import { html, type Html } from '../html.js';
import type { Visit } from './visit.js';

/* What the pages behind mailed links share. */

export const HIDDEN = { schema: { hide: true } };
export const ACTS = { config: { limit: 'confirm' as const }, schema: { hide: true } };
export const MAILS = { config: { limit: 'mail' as const }, schema: { hide: true } };

/** Above pages that belong to a test. */
export const testNote = ({ words }: Visit, { test }: { test: boolean }): Html | string =>
  test ? html`<p class="notice">${words.common.test}</p>` : '';

/** A page that says what has happened. */
export const told = (title: string, text: string, more: Html | string = ''): Html =>
  html`<h1>${title}</h1>
    <p role="status">${text}</p>
    ${more}`;
