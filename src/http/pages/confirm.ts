import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ConfirmationInput, ConfirmationResend } from '../../../schema/api/confirmation/confirmations.js';
import {
  readConfirmationPreview,
  readRequestPreview,
  type ConfirmationPreview,
} from '../../core/confirmation/confirmation-previews.js';
import type { MailboxProof } from '../../core/confirmation/confirmations.js';
import { refuseRequest } from '../../core/confirmation/refusing.js';
import { resendConfirmation } from '../../core/confirmation/resending.js';
import type { Context } from '../../core/context.js';
import { linkNotFound } from '../../core/links/random-tokens.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { findPublicLead } from '../../core/petitions/public-lead.js';
import { ApiError } from '../../errors.js';
import { disclosedSentence } from '../../mail/disclosed.js';
import { say } from '../../mail/words.js';
import { withFloor } from '../answer-floor.js';
import { button, form, html, type Html } from '../html.js';
import { checked, need, needToken, type Fields } from './setup.js';
import { sendThanks, thanks } from './thanks.js';
import { ACTS, HIDDEN, MAILS, testNote, told } from './told.js';
import { visitOf, type Site, type Visit } from './visit.js';
import { codeForms } from './ways-on.js';

/** The pages behind the link and the code of a confirmation mail. */
export function confirmPages(app: FastifyInstance, ctx: Context, verbs: Verbs, site: Site): void {
  /** A visit that is about a petition, where its id is known. */
  const visitOfPetition = async (request: FastifyRequest, petition: string | undefined) =>
    visitOf(site, request, await findPublicLead(ctx.store.read, petition));

  app.get<{ Querystring: Fields }>('/confirm', HIDDEN, async (request, reply) => {
    const { token, petition } = request.query;
    if (token === undefined) {
      const visit = await visitOfPetition(request, petition);
      return visit.send(reply, 200, visit.words.confirm.code_heading, codePage(visit, petition));
    }
    const asked = await readConfirmationPreview(ctx, token);
    if (!asked) throw linkNotFound();
    const visit = visitOf(site, request, asked.lead);
    const { confirm: words } = visit.words;
    if (asked.state === 'refused') {
      return visit.send(reply, 200, words.refused_title, told(words.refused_title, words.refused));
    }
    if (asked.state === 'confirmed') {
      return visit.send(reply, 200, words.already_title, thanks(visit, asked, { already: true }));
    }
    const disclosed = disclosedSentence(site.locales.pick(visit.locale), asked.disclosed, asked.targets);
    const heading = isSigning(asked) ? words.heading_signature : words.heading_subscription;
    return visit.send(reply, 200, heading, questionPage(visit, heading, token, asked, disclosed));
  });

  app.post<{ Body: Fields }>('/confirm', ACTS, async (request, reply) => {
    const { token, email, code, petition } = request.body;
    const proof: MailboxProof =
      token === undefined
        ? typedCode(request, petition, { email: need(email), code: need(code) })
        : { token };
    const done = await withFloor(ctx, () => verbs.confirm(proof)).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 'link_not_found') return undefined;
      throw error;
    });
    if (done) {
      const asked = await readRequestPreview(ctx, done.request);
      return sendThanks(visitOf(site, request, asked.lead), reply, asked, { already: false });
    }
    if (token !== undefined) {
      const asked = await readConfirmationPreview(ctx, token);
      if (asked?.state !== 'confirmed') throw linkNotFound();
      return sendThanks(visitOf(site, request, asked.lead), reply, asked, { already: true });
    }
    const visit = await visitOfPetition(request, petition);
    const { confirm: words } = visit.words;
    return visit.send(reply, 404, words.code_heading, codePage(visit, petition, words.code_failed));
  });

  app.post<{ Body: Fields }>('/confirm/refuse', ACTS, async (request, reply) => {
    const token = needToken(request.body.token);
    await withFloor(ctx, () => refuseRequest(ctx, token));
    const asked = await readConfirmationPreview(ctx, token);
    const visit = visitOf(site, request, asked?.lead);
    const { refused_title: title, refused } = visit.words.confirm;
    return visit.send(reply, 200, title, told(title, refused));
  });

  app.post<{ Body: Fields }>('/confirm/resend', MAILS, async (request, reply) => {
    const { email, petition } = request.body;
    const visit = await visitOfPetition(request, petition);
    const asked = petition ? { email: need(email), petition_id: petition } : { email: need(email) };
    const { email: address, petition_id: petitionId } = checked(request, ConfirmationResend, asked);
    await withFloor(ctx, () => resendConfirmation(ctx, address, { petitionId }));
    const { resend_heading: title, resend_done: done } = visit.words.confirm;
    return visit.send(reply, 202, title, told(title, done));
  });
}

function typedCode(
  request: FastifyRequest,
  petition: string | undefined,
  typed: { email: string; code: string },
): MailboxProof {
  const asked = petition ? { ...typed, petition_id: petition } : typed;
  return { ...checked(request, ConfirmationInput, asked), petitionId: petition };
}

const isSigning = ({ kind, petitionTitle }: ConfirmationPreview): boolean =>
  kind === 'signature' && petitionTitle !== null;

function questionPage(
  visit: Visit,
  heading: string,
  token: string,
  asked: ConfirmationPreview,
  disclosed: string | null,
): Html {
  const { confirm: words } = visit.words;
  const signing = isSigning(asked);
  const lists = asked.organizations.map((name) => html`<li dir="auto">${name}</li>`);
  return html`${testNote(visit, asked)}
    <h1>${heading}</h1>
    <p>
      ${signing ? say(words.explanation_signature, { petition: asked.petitionTitle }) : words.explanation_subscription}
    </p>
    ${signing && lists.length > 0 ? html`<p>${words.opt_ins}</p>` : ''}
    ${
      lists.length > 0
        ? html`<ul>
            ${lists}
          </ul>`
        : ''
    }
    ${disclosed === null ? '' : html`<p>${disclosed}</p>`}
    <p>${words.nothing_yet}</p>
    ${form(visit.at('/confirm'), { token }, button(signing ? words.button_signature : words.button_subscription))}
    <h2>${words.refuse_heading}</h2>
    <p>${words.refuse_explanation}</p>
    ${form(visit.at('/confirm/refuse'), { token }, button(words.refuse_button, { quiet: true }))}`;
}

const codePage = (visit: Visit, petition?: string, failed?: string): Html =>
  html`<h1>${visit.words.confirm.code_heading}</h1>
    ${failed === undefined ? '' : html`<p class="notice" role="alert">${failed}</p>`}
    ${codeForms(visit, petition)}`;
