import type { MyDelivery } from '../../core/deliveries/my-deliveries.js';
import type { MyProfile } from '../../core/my-data/me.js';
import type { MySignature } from '../../core/my-data/my-signatures.js';
import type { MySubscription } from '../../core/my-data/my-subscriptions.js';
import { say } from '../../mail/words.js';
import { button, check, choice, field, form, html, type Html } from '../html.js';
import { answerControls } from './answers.js';
import { countryOptions, languageOptions } from './choices.js';
import { SESSION_MINUTES } from './minutes.js';
import { testNote } from './told.js';
import type { Visit } from './visit.js';

/** What the page "my data" shows. The page consists of forms, each with the session token in a hidden input. */
export type MyData = {
  me: MyProfile;
  signatures: MySignature[];
  deliveries: MyDelivery[];
  subscriptions: MySubscription[];
};

const DISPLAYS = [
  'public',
  'initials',
  'anonymous',
] as const satisfies readonly MySignature['signature']['display'][];
const FREQUENCIES = [
  'all',
  'weekly',
  'monthly',
] as const satisfies readonly MySubscription['subscription']['frequency'][];

const act = (
  visit: Visit,
  session: string,
  what: string,
  values: Record<string, string>,
  content: Html[],
): Html => form(visit.at('/manage/act'), { session, act: what, ...values }, content);

export function myDataPage(visit: Visit, session: string, data: MyData, notice?: string): Html {
  const { manage: words } = visit.words;
  const explanation = say(words.explanation, { email: data.me.delivery, minutes: SESSION_MINUTES });
  return html`${testNote(visit, { test: data.me.testOrganizationKey !== null })}
    <h1>${words.heading}</h1>
    ${notice === undefined ? '' : html`<p class="notice" role="status">${notice}</p>`}
    <p>${explanation}</p>
    ${act(visit, session, 'leave', {}, [button(words.leave_button, { quiet: true })])}
    <h2>${words.signatures.heading}</h2>
    ${data.signatures.length === 0 ? html`<p>${words.signatures.none}</p>` : ''}
    ${data.signatures.map((one) => signaturePart(visit, session, one, data.deliveries))}
    <h2>${words.subscriptions.heading}</h2>
    ${data.subscriptions.length === 0 ? html`<p>${words.subscriptions.none}</p>` : ''}
    ${data.subscriptions.map((one) => subscriptionPart(visit, session, one))}
    ${leaveAll(visit, session, data.subscriptions)} ${contactPart(visit, session, data.me)}
    ${emailPart(visit, session)} ${lastParts(visit, session)}`;
}

/** To whom a signature was handed, and on which line. */
const deliveredText = ({ words, locale }: Visit, { recipient, sentAt, number }: MyDelivery): string =>
  say(words.manage.signatures.delivered, {
    recipient: recipient.name,
    date: new Intl.DateTimeFormat(locale, { dateStyle: 'long' }).format(sentAt),
    line: new Intl.NumberFormat(locale).format(number),
  });

function signaturePart(
  visit: Visit,
  session: string,
  mine: MySignature,
  deliveries: readonly MyDelivery[],
): Html {
  const { signature, petition } = mine;
  const { signatures: words } = visit.words.manage;
  const date = new Intl.DateTimeFormat(visit.locale, { dateStyle: 'long' }).format(signature.createdAt);
  const id = signature.publicId;
  const shown = DISPLAYS.map((display): [string, string] => [display, words[`display_${display}`]]);
  const change = act(visit, session, 'signature', { id }, [
    field({
      name: 'name',
      label: words.name_label,
      value: signature.name,
      autocomplete: 'name',
      required: true,
    }),
    choice('display', words.display_label, shown, signature.display),
    check('hidden', `${words.hidden_label} (${words.hidden_hint})`, signature.hidden === 1),
    ...answerControls(visit, mine),
    html`<div>${button(words.save_button, { quiet: true })}</div>`,
  ]);
  const delivered = deliveries.filter(({ signatureKey }) => signatureKey === signature.key);
  const over = signature.status === 'withdrawn' || signature.status === 'invalidated';
  return html`<fieldset>
    <legend dir="auto">${petition.title}</legend>
    <p>${say(words.signed_on, { date })}. ${words[`status_${signature.status}`]}.</p>
    ${delivered.map((one) => html`<p>${deliveredText(visit, one)}</p>`)}
    ${signature.status === 'pending' ? act(visit, session, 'confirm', { id }, [button(words.confirm_button)]) : ''}
    ${over ? '' : change}
    ${over ? '' : act(visit, session, 'withdraw', { id }, [button(words.withdraw_button, { quiet: true, danger: true })])}
  </fieldset>`;
}

function subscriptionPart(
  visit: Visit,
  session: string,
  { subscription, organization, consentText }: MySubscription,
): Html {
  const { subscriptions: words } = visit.words.manage;
  const { publicId: id, status, frequency, locale } = subscription;
  const often = FREQUENCIES.map((one): [string, string] => [one, words[`frequency_${one}`]]);
  const on = status === 'active' || status === 'pending';
  const change = act(visit, session, 'subscription', { id }, [
    choice('frequency', words.frequency_label, often, frequency),
    choice('locale', words.language_label, languageOptions(visit, locale), locale ?? ''),
    html`<div>${button(words.save_button, { quiet: true })}</div>`,
  ]);
  const comeBack =
    consentText === null
      ? html`<p>${words.not_possible}</p>`
      : html`<p>${words.subscribe_explanation}</p>
          <blockquote dir="auto">${consentText.text}</blockquote>
          ${act(visit, session, 'subscribe', { id, text: consentText.publicId }, [button(words.subscribe_button)])}`;
  return html`<fieldset>
    <legend dir="auto">${organization.name}</legend>
    <p>${words[`status_${status}`]}.</p>
    ${status === 'suppressed' ? html`<p>${words.suppressed_hint}</p>` : ''}
    ${status === 'active' ? change : ''}
    ${on ? act(visit, session, 'unsubscribe', { id }, [button(words.unsubscribe_button, { quiet: true })]) : ''}
    ${status === 'unsubscribed' ? comeBack : ''}
  </fieldset>`;
}

function leaveAll(visit: Visit, session: string, all: MySubscription[]): Html {
  const on = all.filter(({ subscription: { status } }) => status === 'active' || status === 'pending');
  if (on.length < 2) return html``;
  const { leave_all_button: label } = visit.words.manage.subscriptions;
  return act(visit, session, 'unsubscribe_all', {}, [button(label, { quiet: true, danger: true })]);
}

function contactPart(visit: Visit, session: string, me: MyProfile): Html {
  const { contact: words } = visit.words.manage;
  const { postalAddress: address } = me;
  return html`<h2>${words.heading}</h2>
    <p>${words.explanation}</p>
    ${act(visit, session, 'contact', {}, [
      field({ name: 'name', label: words.name_label, value: me.name, autocomplete: 'name' }),
      choice('country', words.country_label, countryOptions(visit, me.country), me.country ?? '', {
        autocomplete: 'country',
      }),
      field({
        name: 'postal_code',
        label: words.postal_code_label,
        value: me.postalCode,
        autocomplete: 'postal-code',
        maxLength: 16,
      }),
      field({
        name: 'line',
        label: words.address_label,
        value: address?.lines.join(', ') ?? null,
        autocomplete: 'street-address',
      }),
      field({
        name: 'city',
        label: words.city_label,
        value: address?.city ?? null,
        autocomplete: 'address-level2',
      }),
      field({
        name: 'region',
        label: words.region_label,
        value: address?.region ?? null,
        autocomplete: 'address-level1',
      }),
      field({ name: 'phone', label: words.phone_label, value: me.phone, autocomplete: 'tel', maxLength: 32 }),
      html`<div>${button(words.save_button)}</div>`,
    ])}`;
}

function emailPart(visit: Visit, session: string): Html {
  const { email: words } = visit.words.manage;
  const address = field({
    name: 'email',
    label: words.new_label,
    type: 'email',
    autocomplete: 'email',
    maxLength: 254,
    required: true,
  });
  return html`<h2>${words.heading}</h2>
    <p>${words.explanation}</p>
    ${act(visit, session, 'email', {}, [address, html`<div>${button(words.button)}</div>`])}`;
}

function lastParts(visit: Visit, session: string): Html {
  const { export: taking, erase } = visit.words.manage;
  return html`<h2>${taking.heading}</h2>
    <p>${taking.explanation}</p>
    ${act(visit, session, 'export', {}, [button(taking.button, { quiet: true })])}
    <section class="zone">
      <h2>${erase.heading}</h2>
      <p>${erase.explanation}</p>
      ${act(visit, session, 'erase', {}, [button(erase.button, { danger: true })])}
    </section>`;
}

type Asked = 'withdraw' | 'erase' | 'unsubscribe_all';

/** Asks for confirmation before something that cannot be undone, or not easily. */
export const askAgain = (visit: Visit, session: string, what: Asked, ask: Ask): Html =>
  html`<h1>${ask.heading}</h1>
    <p>${ask.explanation}</p>
    ${ask.missing === undefined ? '' : html`<p class="notice" role="alert">${ask.missing}</p>`}
    ${act(visit, session, what, { ...ask.values, asked: '1' }, [
      ask.box === undefined ? html`` : check('sure', ask.box),
      html`<div>${button(ask.button, { danger: true })}</div>`,
    ])}
    ${act(visit, session, 'look', {}, [button(visit.words.common.cancel_button, { quiet: true })])}`;

type Ask = {
  heading: string;
  explanation: string;
  button: string;
  values: Record<string, string>;
  /** A box that must be ticked. */
  box?: string;
  missing?: string | undefined;
};
