import type { FastifyInstance } from 'fastify';
import type { Context } from '../../core/context.js';
import { linkNotFound } from '../../core/links/random-tokens.js';
import { confirmEmailChange, readEmailChange, undoEmailChange } from '../../core/my-data/email-changes.js';
import { readList, unsubscribeByAddress, unsubscribeByLink } from '../../core/subscriptions/unsubscribing.js';
import { say } from '../../mail/words.js';
import { withFloor } from '../answer-floor.js';
import { button, form, html } from '../html.js';
import { need, needToken, type Fields } from './setup.js';
import { ACTS, HIDDEN, MAILS, testNote, told } from './told.js';
import { visitOf, type Site } from './visit.js';
import { unsubscribeForm } from './ways-on.js';

/*
 * The pages behind further links in mails. Mail scanners and previews open every link, so GET only shows a button, and
 * POST acts.
 */

export function unsubscribePages(app: FastifyInstance, ctx: Context, site: Site): void {
  app.get<{ Querystring: Fields }>('/unsubscribe', HIDDEN, async (request, reply) => {
    const { token } = request.query;
    const list = token === undefined ? undefined : await readList(ctx, token);
    const visit = visitOf(site, request, list?.lead);
    const { unsubscribe: words } = visit.words;
    if (token === undefined) {
      const body = html`<h1>${words.typed_heading}</h1>
        ${unsubscribeForm(visit)}`;
      return visit.send(reply, 200, words.typed_heading, body);
    }
    if (!list) throw linkNotFound();
    if (list.left) {
      const more = html`<p>${words.signatures_hint}</p>`;
      return visit.send(reply, 200, words.done_title, told(words.done_title, words.left, more));
    }
    const body = html`${testNote(visit, { test: list.lead.testOf !== null })}
      <h1>${words.heading}</h1>
      <p>${say(words.explanation, { organization: list.lead.name })}</p>
      <p>${words.signatures_hint}</p>
      ${form(visit.at('/unsubscribe'), { token }, button(words.button))}`;
    return visit.send(reply, 200, words.title, body);
  });

  app.post<{ Body: Fields }>('/unsubscribe', ACTS, async (request, reply) => {
    const token = needToken(request.body.token);
    await unsubscribeByLink(ctx, token);
    const visit = visitOf(site, request, (await readList(ctx, token))?.lead);
    const { done_title: title, done } = visit.words.unsubscribe;
    return visit.send(reply, 200, title, told(title, done));
  });

  app.post<{ Body: Fields }>('/unsubscribe/request', MAILS, async (request, reply) => {
    const visit = visitOf(site, request);
    const email = need(request.body.email);
    await withFloor(ctx, () => unsubscribeByAddress(ctx, email, { locale: visit.locale }));
    const { typed_heading: title, typed_done: done } = visit.words.unsubscribe;
    return visit.send(reply, 202, title, told(title, done));
  });
}

/** The pages that confirm a change of address, and undo it. */
export function emailPages(app: FastifyInstance, ctx: Context, site: Site): void {
  const pages = [
    { path: '/email-change', section: 'email_change', purpose: 'email_apply', act: confirmEmailChange },
    { path: '/email-undo', section: 'email_undo', purpose: 'email_undo', act: undoEmailChange },
  ] as const;
  for (const { path, section, purpose, act } of pages) {
    app.get<{ Querystring: Fields }>(path, HIDDEN, async (request, reply) => {
      const visit = visitOf(site, request);
      const words = visit.words[section];
      const token = needToken(request.query.token);
      const state = await readEmailChange(ctx, purpose, token);
      if (!state) throw linkNotFound();
      if (state === 'done') {
        return visit.send(reply, 200, words.done_title, told(words.done_title, words.done));
      }
      const body = html`<h1>${words.heading}</h1>
        <p>${words.explanation}</p>
        ${form(visit.at(path), { token }, button(words.button))}`;
      return visit.send(reply, 200, words.title, body);
    });
    app.post<{ Body: Fields }>(path, ACTS, async (request, reply) => {
      const visit = visitOf(site, request);
      const token = needToken(request.body.token);
      await withFloor(ctx, () => act(ctx, token));
      const { done_title: title, done } = visit.words[section];
      return visit.send(reply, 200, title, told(title, done));
    });
  }
}
