import {
  Failure,
  type Accepted,
  type Api,
  type ConsentText,
  type Petition,
  type SignatureInput,
} from './api.js';
import { RobotCheck } from './challenge.js';
import { Complaints } from './complaints.js';
import { h } from './dom.js';
import { makeQuestions } from './form.js';
import { readPageQuery } from './page-query.js';
import { Signing } from './signing.js';
import type { Language } from './words.js';

export type SignFormOptions = {
  api: Api;
  petition: Petition;
  consents: ConsentText[];
  language: Language;
  signed: (accepted: Accepted, typed: SignatureInput) => void;
  /** It cannot be signed from here at all. */
  refused: (failure: Failure) => void;
};

/** Nothing that somebody could type differently helps against these. */
const REFUSED = [
  'origin_not_allowed',
  'invalid_key',
  'secret_key_in_browser',
  'not_a_partner',
  'petition_taken_down',
  'petition_not_found',
];

/** The form with its button. It stays as it is until the signature has arrived. */
export function signForm(options: SignFormOptions): HTMLFormElement {
  const { api, petition, consents, language } = options;
  const { words } = language;
  const questions = makeQuestions(petition, consents, language);
  const complaints = new Complaints(questions.fields, language);
  const check = new RobotCheck(api, petition.slug);
  const signing = new Signing(api, petition.slug, check, readPageQuery(location.search));
  const usual = petition.call_to_action ?? words.sign_button;
  const label = h('span', { dir: 'auto' }, usual);
  const button = h('button', { class: 'main', part: 'button' }, label);
  const form = h(
    'form',
    { part: 'form', novalidate: true, 'aria-label': words.form_heading },
    h('h3', {}, words.form_heading),
    complaints.element,
    questions.element,
    button,
  );
  form.addEventListener('focusin', () => check.begin(), { once: true });

  let busy = false;
  const submit = async () => {
    // Not disabled: whoever pressed it would lose their place.
    if (busy) return;
    complaints.clear();
    if (!complaints.accepts()) return;
    busy = true;
    button.setAttribute('aria-disabled', 'true');
    label.textContent = words.signing;
    try {
      const typed = questions.read();
      options.signed(await signing.send(typed), typed);
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure('failed');
      if (REFUSED.includes(failure.code)) options.refused(failure);
      else complaints.explain(failure);
    } finally {
      busy = false;
      button.removeAttribute('aria-disabled');
      label.textContent = usual;
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void submit();
  });
  return form;
}
