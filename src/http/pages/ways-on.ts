import { say } from '../../mail/words.js';
import { button, field, form, html, type Html } from '../html.js';
import { LINK_MINUTES } from './minutes.js';
import type { Visit } from './visit.js';

/* Forms that lead on where a link does not work or no link is at hand. */

export const emailField = ({ words }: Visit): Html =>
  field({
    name: 'email',
    label: words.common.email_label,
    type: 'email',
    autocomplete: 'email',
    maxLength: 254,
    required: true,
  });

/** Asks for the six digits of the mail, and offers the mail again: about one petition, or about whatever waits. */
export function codeForms(visit: Visit, petition?: string): Html {
  const { confirm: words } = visit.words;
  const code = field({
    name: 'code',
    label: words.code_label,
    hint: words.code_hint,
    autocomplete: 'one-time-code',
    inputMode: 'numeric',
    // Spaces and dashes between the digits are understood.
    maxLength: 40,
    required: true,
  });
  const about: Record<string, string> = petition === undefined ? {} : { petition };
  return html`<p>${words.code_explanation}</p>
    ${form(visit.at('/confirm'), about, [emailField(visit), code, button(words.code_button)])}
    <h2>${words.resend_heading}</h2>
    <p>${words.resend_explanation}</p>
    ${form(visit.at('/confirm/resend'), about, [
      emailField(visit),
      button(words.resend_button, { quiet: true }),
    ])}`;
}

export function unsubscribeForm(visit: Visit): Html {
  const { unsubscribe: words } = visit.words;
  return html`<p>${words.typed_explanation}</p>
    ${form(visit.at('/unsubscribe/request'), {}, [emailField(visit), button(words.typed_button)])}`;
}

export function manageForm(visit: Visit): Html {
  const { manage: words } = visit.words;
  return html`<p>${say(words.request_explanation, { minutes: LINK_MINUTES })}</p>
    ${form(visit.at('/manage/request'), {}, [emailField(visit), button(words.request_button)])}`;
}

/** What a person can do whose link does not work, by the page that the link leads to. */
export function waysOn(visit: Visit, path: string): Html {
  const { confirm, unsubscribe, manage } = visit.words;
  const part = (heading: string, content: Html) =>
    html`<h2>${heading}</h2>
      ${content}`;
  const [, page = ''] = path.split(/[/?]/);
  switch (page) {
    case 'confirm':
      return html`${part(confirm.code_heading, codeForms(visit))}
        <p><a href="${visit.at('/manage')}">${manage.request_heading}</a></p>`;
    case 'unsubscribe':
      return part(unsubscribe.typed_heading, unsubscribeForm(visit));
    default:
      return part(manage.request_heading, manageForm(visit));
  }
}
