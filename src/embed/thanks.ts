import type { Accepted, Petition } from './api.js';
import { h } from './dom.js';
import { ShareButtons, type ShareOptions } from './share.js';
import { say, type Language } from './language.js';

export type ThanksOptions = {
  petition: Petition;
  accepted: Accepted;
  email: string;
  language: Language;
  share: Omit<ShareOptions, 'language' | 'receipt' | 'title' | 'petition'>;
  /** Returns to the form, with everything that was typed. */
  change: () => void;
};

/** What to do after signing: confirm the mailbox, and share the petition. */
export function thanks(options: ThanksOptions): { element: HTMLElement; heading: HTMLElement } {
  const { petition, accepted, email, language, share } = options;
  const { words } = language;
  const waits = accepted.next === 'confirm_email';
  const heading = h('h3', {}, waits ? words.confirm_heading : words.done_heading);
  const next = h('div', { class: 'notice', part: 'notice' }, heading);
  if (waits) {
    const change = h('button', { type: 'button' }, words.change_button);
    change.addEventListener('click', options.change);
    next.append(
      h('p', {}, say(words.confirm_text, { email })),
      h('p', { class: 'hint' }, words.confirm_hint),
      h('p', {}, change),
    );
  } else {
    next.append(h('p', {}, words.done_text));
  }
  const element = h('div', { class: 'thanks', part: 'thanks' }, next);
  // Share links need the petition's page.
  if (petition.page_url !== null && share.networks.length > 0) {
    const { slug, title } = petition;
    const receipt = accepted.receipt;
    element.append(new ShareButtons({ ...share, petition: slug, title, receipt, language }).element);
  }
  return { element, heading };
}
