import {
  Failure,
  type Accepted,
  type Api,
  type ConsentText,
  type Petition,
  type SignatureInput,
} from './api.js';
import { RobotCheck } from './challenge.js';
import { privacyView } from './consents.js';
import { disclosedView } from './disclosed.js';
import { FormErrors } from './form-errors.js';
import { button, h } from './dom.js';
import { makeQuestions } from './form.js';
import { ownWords } from './own-words.js';
import { readPageQuery } from './page-query.js';
import { Signing } from './signing.js';
import { say, type Language } from './language.js';

export type SignFormOptions = {
  api: Api;
  petition: Petition;
  consents: ConsentText[];
  language: Language;
  signed: (accepted: Accepted, typed: SignatureInput) => void;
  /** Called when signing is impossible on this page, whatever is typed. */
  refused: (failure: Failure) => void;
};

/** Errors that no change in the form can correct. */
const REFUSED = [
  'origin_not_allowed',
  'invalid_key',
  'secret_key_in_browser',
  'not_a_partner',
  'petition_taken_down',
  'petition_not_found',
];

/** The form with its button. What was typed stays until the signature is accepted. */
export function signForm(options: SignFormOptions): HTMLFormElement {
  const { api, petition, consents, language } = options;
  const { words } = language;
  const questions = makeQuestions(petition, consents, language);
  const errors = new FormErrors(questions.fields, language);
  const check = new RobotCheck(api, petition.slug);
  const fromPage = readPageQuery(location.search);
  const signing = new Signing(api, petition.slug, check, {
    ...fromPage,
    // What was shown is what is signed.
    locale: language.asked,
  });
  const own = ownWords(petition, language.asked, 'button')?.button;
  const { privacy_url: privacy, name, id } = petition.organization;
  const sender = senders(signing, errors, options);
  const whole = [
    questions.element,
    // A lead that asks for consent has it beside its text.
    privacy &&
      !consents.some(({ organization }) => organization.id === id) &&
      privacyView(privacy, say(words.privacy_link, { organization: name })),
    disclosedView(petition, language),
    sender(own ?? petition.call_to_action ?? words.sign_button, () => errors.validate() && questions.read()),
  ];
  // From a mail: signing takes one tap, and the form is another one away.
  const tap =
    fromPage.recognition &&
    isTappable(petition) &&
    h(
      'div',
      { class: 'notice', part: 'one-tap' },
      h('p', {}, words.one_tap_text),
      disclosedView(petition, language),
      sender(words.one_tap_button, () => ({}), 'button'),
    );
  const form = h(
    'form',
    { part: 'form', novalidate: true, 'aria-label': words.form_heading },
    h('h3', {}, words.form_heading),
    errors.element,
    ...(tap
      ? [tap, h('details', {}, h('summary', { part: 'summary' }, words.one_tap_form), ...whole)]
      : whole),
  );
  form.addEventListener('focusin', () => check.begin(), { once: true });
  return form;
}

/** Makes buttons that send what `read` returns, if anything. Enter in a field is for the one of type `submit`. */
function senders(signing: Signing, errors: FormErrors, options: SignFormOptions) {
  let busy = false;
  return (text: string, read: () => SignatureInput | false, type = 'submit') => {
    const label = h('span', { dir: 'auto' }, text);
    const submit = async (event: Event) => {
      event.preventDefault();
      // The button is not disabled while busy: it would lose the focus.
      if (busy) return;
      errors.clear();
      const typed = read();
      if (!typed) return;
      busy = true;
      made.setAttribute('aria-disabled', 'true');
      label.textContent = options.language.words.signing;
      try {
        options.signed(await signing.send(typed), typed);
      } catch (error) {
        const failure = error instanceof Failure ? error : new Failure('failed');
        if (REFUSED.includes(failure.code)) options.refused(failure);
        else errors.explain(failure);
      } finally {
        busy = false;
        made.removeAttribute('aria-disabled');
        label.textContent = text;
      }
    };
    // Not `submit`: sandboxed frames, such as WordPress's, dispatch none. Enter in a field clicks the button, too.
    const made = button(label, submit, { class: 'main', part: 'button', type });
    return made;
  };
}

/** Whether all that the petition requires can be known already. */
const isTappable = ({ form, form_fields: own }: Petition) =>
  form.comment !== 'required' && !own.some(({ required }) => required);
