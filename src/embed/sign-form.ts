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
import { FormErrors } from './form-errors.js';
import { h } from './dom.js';
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
  const signing = new Signing(api, petition.slug, check, {
    ...readPageQuery(location.search),
    ...(language.asked === petition.locale ? {} : { locale: language.asked }),
  });
  const own = ownWords(petition, language.asked, 'button')?.button;
  const usual = own ?? petition.call_to_action ?? words.sign_button;
  const label = h('span', { dir: 'auto' }, usual);
  const button = h('button', { class: 'main', part: 'button' }, label);
  const { privacy_url: privacy, name, id } = petition.organization;
  const form = h(
    'form',
    { part: 'form', novalidate: true, 'aria-label': words.form_heading },
    h('h3', {}, words.form_heading),
    errors.element,
    questions.element,
    // A lead that asks for consent has it beside its text.
    privacy &&
      !consents.some(({ organization }) => organization.id === id) &&
      privacyView(privacy, say(words.privacy_link, { organization: name })),
    button,
  );
  form.addEventListener('focusin', () => check.begin(), { once: true });

  let busy = false;
  const submit = async () => {
    // The button is not disabled while busy: it would lose the focus.
    if (busy) return;
    errors.clear();
    if (!errors.validate()) return;
    busy = true;
    button.setAttribute('aria-disabled', 'true');
    label.textContent = words.signing;
    try {
      const typed = questions.read();
      options.signed(await signing.send(typed), typed);
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure('failed');
      if (REFUSED.includes(failure.code)) options.refused(failure);
      else errors.explain(failure);
    } finally {
      busy = false;
      button.removeAttribute('aria-disabled');
      label.textContent = usual;
    }
  };
  // Not `submit`: sandboxed frames, such as WordPress's, dispatch none. Enter in a field clicks the button, too.
  button.addEventListener('click', (event) => {
    event.preventDefault();
    void submit();
  });
  return form;
}
