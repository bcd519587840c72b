import type { Accepted, Failure, Petition } from './api.js';
import { button, focusOn, h } from './dom.js';
import { makeField, type Field } from './fields.js';
import { reasonOf } from './form-errors.js';
import { ownWords } from './own-words.js';
import { richText } from './rich-text.js';
import { ShareButtons, type ShareOptions } from './share.js';
import { say, type Language } from './language.js';

export type ThanksOptions = {
  petition: Petition;
  accepted: Accepted;
  /** Undefined after a tap in a mail: whose it is, is not known here. */
  email: string | undefined;
  language: Language;
  share: Omit<ShareOptions, 'language' | 'receipt' | 'petition'>;
  /** Returns to the form, with everything that was typed. */
  change: () => void;
  /** Called when the code of the mail has confirmed the signature. */
  confirmed: () => void;
};

/** What to do after signing: confirm the mailbox, and share the petition. */
export function thanks(options: ThanksOptions): { element: HTMLElement; heading: HTMLElement } {
  const { petition, accepted, language, share } = options;
  const { words } = language;
  const waits = accepted.next === 'confirm_email';
  const heading = h('h3', {}, waits ? words.confirm_heading : words.done_heading);
  const next = h('div', { class: 'notice', part: 'notice' });
  const own = () => ownThanks(petition, language) ?? '';
  if (waits) {
    const done = () => {
      const thankYou = h('h3', {}, words.done_heading);
      next.replaceChildren(thankYou, h('p', {}, words.confirmed_text), own());
      focusOn(thankYou);
      options.confirmed();
    };
    next.append(heading, ...lastStep(options, done));
  } else {
    next.append(heading, h('p', {}, words.done_text), own());
  }
  const element = h('div', { class: 'thanks', part: 'thanks' }, next);
  if (share.networks.length > 0) {
    const { receipt } = accepted;
    element.append(new ShareButtons({ ...share, petition, receipt, language }).element);
  }
  return { element, heading };
}

/** The organization's own words after signing; undefined where it has none. */
function ownThanks(petition: Petition, { asked }: Language): HTMLElement | undefined {
  const own = ownWords(petition, asked, 'thanks_html');
  if (!own?.thanks_html) return undefined;
  // Where the page forbids HTML, its text alone says the same.
  const { thanks_html: html } = own;
  return richText(html, own.locale, () => html.replace(/<[^>]*>/g, ''));
}

const codeField = (words: Language['words']): Field =>
  makeField({
    name: 'code',
    pointer: '/code',
    label: words.code_label,
    optional: null,
    hint: words.code_hint,
    // No shorter maximum: codes are pasted with spaces and dashes, which the server ignores.
    control: h('input', { inputmode: 'numeric', autocomplete: 'one-time-code', maxlength: 40, dir: 'ltr' }),
  });

/** The step that remains: to follow the link in the mail, or to type its code here. */
function lastStep({ petition, email, language, share, change }: ThanksOptions, done: () => void): Node[] {
  const { words } = language;
  const { api } = share;
  if (!email) {
    return [h('p', {}, words.one_tap_done), h('p', { class: 'buttons' }, button(words.one_tap_form, change))];
  }
  const code = codeField(words);
  const told = h('p', { role: 'status' });
  let busy = false;
  const attempt = async (act: () => Promise<unknown>, failed: (failure: Failure) => void) => {
    if (busy) return;
    busy = true;
    code.showError(null);
    told.textContent = '';
    try {
      await act();
    } catch (error) {
      failed(error as Failure);
    }
    busy = false;
  };
  const refuse = (problem: string) => {
    code.showError(problem);
    code.control.focus();
  };
  const confirm = () => {
    const typed = code.control.value.trim();
    if (typed === '') return refuse(words.required);
    void attempt(
      () => api.confirm({ email, code: typed, petition_id: petition.id }).then(done),
      (failure) =>
        refuse(
          /^(?:link_not_found|invalid_body)$/.test(failure.code)
            ? words.code_failed
            : reasonOf(failure, language),
        ),
    );
  };
  const resend = () =>
    attempt(
      async () => {
        await api.resend(email, petition.id);
        told.textContent = words.resent;
      },
      (failure) => (told.textContent = reasonOf(failure, language)),
    );
  code.control.addEventListener('keydown', (event) => {
    if ((event as KeyboardEvent).key === 'Enter') confirm();
  });
  return [
    h('p', {}, say(words.confirm_text, { email })),
    h('div', { class: 'code', part: 'code' }, code.root, button(words.code_button, confirm)),
    h('p', { class: 'hint' }, words.confirm_hint),
    h('p', { class: 'buttons' }, button(words.resend_button, resend), button(words.change_button, change)),
    told,
  ];
}
