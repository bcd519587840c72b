import type { Preview } from '../../core/mailings/previewing.js';
import { localeFor } from './best-locale.js';
import { compileMailing, type CompileOptions } from './compile.js';
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

/** The only variant of a source as one recipient gets it. */
export function personalize({ source, recipient, links }: Preview, options: CompileOptions): Personalized {
  const [variant] = compileMailing(source, options).variants;
  if (!variant) throw new Error('a mailing has no variant');
  const { frozen } = variant;
  const locale = localeFor(frozen, recipient.locale);
  const text = frozen.locales[locale] ?? NOTHING;
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
    sender: frozen.senderName,
    replyTo: frozen.replyTo,
    subject: renderSubject(text.subject, values),
    html: renderHtml(text.html, values),
    text: renderText(text.text, values),
  };
}
