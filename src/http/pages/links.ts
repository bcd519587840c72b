import type { FastifyInstance } from 'fastify';
import { ConfirmationInput, ConfirmationResend } from '../../../schema/api/confirmation/confirmations.js';
import { confirmRequest, readConfirmationPreview } from '../../core/confirmation/confirmations.js';
import { refuseRequest } from '../../core/confirmation/refusing.js';
import { resendConfirmation } from '../../core/confirmation/resending.js';
import type { Context } from '../../core/context.js';
import { linkNotFound } from '../../core/links/random-tokens.js';
import { confirmEmailChange, undoEmailChange } from '../../core/my-data/email-changes.js';
import { readList, unsubscribeByAddress, unsubscribeByLink } from '../../core/subscriptions/unsubscribing.js';
import { ApiError } from '../../errors.js';
import type { Locales } from '../../mail/locales.js';
import { say } from '../../mail/words.js';
import { withFloor } from '../answer-floor.js';
import { button, field, form, html, type Html } from '../html.js';
import { checked, visitOf, type Fields, type Visit } from './setup.js';

/*
 * The pages behind links in mails. Mail scanners and previews open every link, so GET only shows a button, and POST
 * acts.
 */

const HIDDEN = { schema: { hide: true } };
const ACTS = { config: { limit: 'confirm' as const }, schema: { hide: true } };
const MAILS = { config: { limit: 'mail' as const }, schema: { hide: true } };

const invalid = () => new ApiError('invalid_body');

/** A required value of a form or a query. Throws `invalid_body` where it is missing or empty. */
export const need = (value: string | undefined): string => {
  if (value === undefined || value === '') throw invalid();
  return value;
};

export const emailField = ({ words }: Visit): Html =>
  field({
    name: 'email',
    label: words.common.email_label,
    type: 'email',
    autocomplete: 'email',
    maxLength: 254,
    required: true,
  });

const told = (title: string, text: string, more: Html | string = ''): Html =>
  html`<h1>${title}</h1>
    <p role="status">${text}</p>
    ${more}`;

export function confirmPages(app: FastifyInstance, ctx: Context, locales: Locales): void {
  app.get<{ Querystring: Fields }>('/confirm', HIDDEN, async (request, reply) => {
    const visit = visitOf(locales, request);
    const { token, petition } = request.query;
    if (token === undefined) {
      return visit.send(reply, 200, visit.words.confirm.code_heading, codePage(visit, petition));
    }
    const asked = await readConfirmationPreview(ctx, token);
    if (!asked) throw linkNotFound();
    const { confirm: words } = visit.words;
    const signing = asked.kind === 'signature' && asked.petitionTitle !== null;
    const heading = signing ? words.heading_signature : words.heading_subscription;
    const organizations = asked.organizations.map((name) => html`<li>${name}</li>`);
    const body = html`<h1>${heading}</h1>
      <p>
        ${signing ? say(words.explanation_signature, { petition: asked.petitionTitle }) : words.explanation_subscription}
      </p>
      ${signing && organizations.length > 0 ? html`<p>${words.opt_ins}</p>` : ''}
      ${
        organizations.length > 0
          ? html`<ul>
              ${organizations}
            </ul>`
          : ''
      }
      <p>${words.nothing_yet}</p>
      ${form('/confirm', { token }, button(signing ? words.button_signature : words.button_subscription))}
      <h2>${words.refuse_heading}</h2>
      <p>${words.refuse_explanation}</p>
      ${form('/confirm/refuse', { token }, button(words.refuse_button, { quiet: true }))}`;
    return visit.send(reply, 200, heading, body);
  });

  app.post<{ Body: Fields }>('/confirm', ACTS, async (request, reply) => {
    const visit = visitOf(locales, request);
    const { confirm: words, common } = visit.words;
    const { token, email, code } = request.body;
    const asked = token === undefined ? undefined : await readConfirmationPreview(ctx, token);
    const typed = () => checked(request, ConfirmationInput, { email: need(email), code: need(code) });
    const proof = token === undefined ? typed() : { token };
    const done = await withFloor(ctx, () => confirmRequest(ctx, proof)).catch((error: unknown) => {
      if (token === undefined && error instanceof ApiError && error.code === 'link_not_found') {
        return undefined;
      }
      throw error;
    });
    if (!done) {
      const again = html`<p class="notice" role="alert">${words.code_failed}</p>
        ${codePage(visit)}`;
      return visit.send(reply, 404, words.code_heading, again);
    }
    const petition = asked?.petitionTitle;
    const text =
      done.kind === 'signature' && petition
        ? say(words.done_signature, { petition })
        : words.done_subscription;
    const onwards = asked?.petitionUrl
      ? html`<p><a href="${asked.petitionUrl}">${common.to_petition}</a></p>`
      : html`<p>${common.close_hint}</p>`;
    return visit.send(reply, 200, words.done_title, told(words.done_title, text, onwards));
  });

  app.post<{ Body: Fields }>('/confirm/refuse', ACTS, async (request, reply) => {
    const visit = visitOf(locales, request);
    const token = need(request.body.token);
    await withFloor(ctx, () => refuseRequest(ctx, token));
    const { refused_title: title, refused } = visit.words.confirm;
    return visit.send(reply, 200, title, told(title, refused));
  });

  app.post<{ Body: Fields }>('/confirm/resend', MAILS, async (request, reply) => {
    const visit = visitOf(locales, request);
    const { email, petition } = request.body;
    const asked = { email: need(email), petition_id: need(petition) };
    const { email: address, petition_id: petitionId } = checked(request, ConfirmationResend, asked);
    await withFloor(ctx, () => resendConfirmation(ctx, address, { petitionId }));
    const { resend_heading: title, resend_done: done } = visit.words.confirm;
    return visit.send(reply, 202, title, told(title, done));
  });
}

function codePage(visit: Visit, petition?: string): Html {
  const { confirm: words } = visit.words;
  const code = field({
    name: 'code',
    label: words.code_label,
    hint: words.code_hint,
    autocomplete: 'one-time-code',
    maxLength: 6,
    required: true,
  });
  const again =
    petition !== undefined
      ? html`<h2>${words.resend_heading}</h2>
          <p>${words.resend_explanation}</p>
          ${form('/confirm/resend', { petition }, [emailField(visit), button(words.resend_button, { quiet: true })])}`
      : '';
  return html`<h1>${words.code_heading}</h1>
    <p>${words.code_explanation}</p>
    ${form('/confirm', {}, [emailField(visit), code, button(words.code_button)])}${again}`;
}

export function unsubscribePages(app: FastifyInstance, ctx: Context, locales: Locales): void {
  app.get<{ Querystring: Fields }>('/unsubscribe', HIDDEN, async (request, reply) => {
    const visit = visitOf(locales, request);
    const { unsubscribe: words } = visit.words;
    const { token } = request.query;
    if (token === undefined) {
      const body = html`<h1>${words.typed_heading}</h1>
        <p>${words.typed_explanation}</p>
        ${form('/unsubscribe/request', {}, [emailField(visit), button(words.typed_button)])}`;
      return visit.send(reply, 200, words.typed_heading, body);
    }
    const list = await readList(ctx, token);
    if (!list) throw linkNotFound();
    const body = html`<h1>${words.heading}</h1>
      <p>${say(words.explanation, list)}</p>
      <p>${words.signatures_hint}</p>
      ${form('/unsubscribe', { token }, button(words.button))}`;
    return visit.send(reply, 200, words.title, body);
  });

  app.post<{ Body: Fields }>('/unsubscribe', ACTS, async (request, reply) => {
    const visit = visitOf(locales, request);
    await unsubscribeByLink(ctx, need(request.body.token));
    const { done_title: title, done } = visit.words.unsubscribe;
    return visit.send(reply, 200, title, told(title, done));
  });

  app.post<{ Body: Fields }>('/unsubscribe/request', MAILS, async (request, reply) => {
    const visit = visitOf(locales, request);
    const email = need(request.body.email);
    await withFloor(ctx, () => unsubscribeByAddress(ctx, email, { locale: visit.locale }));
    const { typed_heading: title, typed_done: done } = visit.words.unsubscribe;
    return visit.send(reply, 202, title, told(title, done));
  });
}

/** The pages that confirm a change of address, and undo it. */
export function emailPages(app: FastifyInstance, ctx: Context, locales: Locales): void {
  const pages = [
    { path: '/email-change', section: 'email_change', act: confirmEmailChange },
    { path: '/email-undo', section: 'email_undo', act: undoEmailChange },
  ] as const;
  for (const { path, section, act } of pages) {
    app.get<{ Querystring: Fields }>(path, HIDDEN, async (request, reply) => {
      const visit = visitOf(locales, request);
      const words = visit.words[section];
      const token = need(request.query.token);
      const body = html`<h1>${words.heading}</h1>
        <p>${words.explanation}</p>
        ${form(path, { token }, button(words.button))}`;
      return visit.send(reply, 200, words.title, body);
    });
    app.post<{ Body: Fields }>(path, ACTS, async (request, reply) => {
      const visit = visitOf(locales, request);
      const token = need(request.body.token);
      await withFloor(ctx, () => act(ctx, token));
      const { done_title: title, done } = visit.words[section];
      return visit.send(reply, 200, title, told(title, done));
    });
  }
}
