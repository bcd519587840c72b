import { html, type Html } from '../html.js';

/* What the pages behind mailed links share. */

export const HIDDEN = { schema: { hide: true } };
export const ACTS = { config: { limit: 'confirm' as const }, schema: { hide: true } };
export const MAILS = { config: { limit: 'mail' as const }, schema: { hide: true } };

/** A page that says what has happened. */
export const told = (title: string, text: string, more: Html | string = ''): Html =>
  html`<h1>${title}</h1>
    <p role="status">${text}</p>
    ${more}`;
