import type { FrozenVariant } from '../../schema/db/tables/mailings.js';

/* The mail that is sent: 30 kB of HTML, with its text. */

const WORDS =
  'The river has carried the town for as long as anyone remembers; every spring the meadows take up the flood — and “experts” say that a depot would end it. ';
const paragraph = (n: number) =>
  `<p style="margin:0 0 16px;font:16px/1.5 sans-serif;color:#222">${n}. ${WORDS.repeat(3)}</p>\n`;

const body = Array.from({ length: 54 }, (_, n) => paragraph(n)).join('');
const greeting = 'Dear {{ first_name | default: "friend" }}';
const foot = 'This email was sent to {{ email }}.';

export const HTML = `<!doctype html><html lang="en"><body><p>${greeting},</p>${body}<p><a href="{{ petition_url }}">Add your name</a></p><p>${foot} <a href="{{ manage_url }}">Change your address</a>, <a href="{{ unsubscribe_url }}">unsubscribe</a></p></body></html>`;
export const TEXT = `${greeting},\n\n${`${WORDS}\n\n`.repeat(30)}Add your name: {{ petition_url }}\n\n${foot}\nUnsubscribe: {{ unsubscribe_url }}\n`;
export const SUBJECT = 'Keep the Old Mill Meadows a meadow';

export const LETTER: FrozenVariant = {
  senderName: 'Friends of the Meadows',
  replyTo: null,
  defaultLocale: 'en',
  locales: { en: { dir: 'ltr', subject: SUBJECT, html: HTML, text: TEXT } },
};
