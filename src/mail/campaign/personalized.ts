import type { Preview } from '../../core/mailings/previewing.js';
import { compileFor, type CompileOptions } from './compile.js';
import { renderHtml, renderSubject, renderText } from './liquid.js';

export type Personalized = {
  locale: string;
  sender: string;
  replyTo: string | null;
  subject: string;
  html: string;
  text: string;
};

/** Nothing was written yet. */
const NOTHING = { subject: '', html: '', text: '' };

/** The first variant of a source as one recipient gets it. */
export function personalize({ source, recipient, links }: Preview, options: CompileOptions): Personalized {
  const { locale, senderName, replyTo, text = NOTHING } = compileFor(source, recipient.locale, options);
  const values = {
    first_name: recipient.firstName,
    name: recipient.name,
    email: recipient.email,
    country: recipient.country,
    locale,
    petition_url: links.petition,
    unsubscribe_url: links.unsubscribe,
    manage_url: links.manage,
  };
  return {
    locale,
    sender: senderName,
    replyTo,
    subject: renderSubject(text.subject, values),
    html: renderHtml(text.html, values),
    text: renderText(text.text, values),
  };
}
