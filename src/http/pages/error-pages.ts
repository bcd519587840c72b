import type { FastifyReply, FastifyRequest } from 'fastify';
import { html } from '../html.js';
import { visitOf, type Pages, type Site } from './visit.js';
import { waysOn } from './ways-on.js';

/** Statuses and codes after which a new link or an address helps. */
const DEAD_LINK = new Set(['link_not_found', 'invalid_session']);

/** Shows an error in words, and what to do next. `said`: the operator's sentence, before what to do. */
export function sendErrorPage(
  site: Site,
  request: FastifyRequest,
  reply: FastifyReply,
  code: string,
  status: number,
  said?: string,
): FastifyReply {
  const visit = visitOf(site, request);
  const [title, text] = wordsFor(visit.words, code, status);
  const more = DEAD_LINK.has(code)
    ? waysOn(visit, request.url)
    : html`<p><a href="${visit.at('/')}">${visit.words.common.to_start}</a></p>`;
  return visit.send(
    reply,
    status,
    title,
    html`<h1>${title}</h1>
      ${said === undefined ? '' : html`<p dir="auto">${said}</p>`}
      <p>${text}</p>
      ${more}`,
  );
}

function wordsFor({ common, manage }: Pages, code: string, status: number): [title: string, text: string] {
  if (code === 'link_not_found') return [common.link_not_found_title, common.link_not_found];
  if (code === 'share_link_not_found' || code === 'mailing_link_not_found') {
    return [common.share_not_found_title, common.share_not_found];
  }
  if (code === 'petition_taken_down') return [common.taken_down_title, common.taken_down];
  if (code === 'petition_not_found') return [common.petition_not_found_title, common.petition_not_found];
  if (code === 'not_found') return [common.not_found_title, common.not_found];
  if (code === 'rate_limited') return [common.too_many_title, common.too_many];
  if (code === 'paused') return [common.paused_title, common.paused];
  if (code === 'invalid_session') return [manage.session_over_title, manage.session_over];
  return status < 500 ? [common.invalid_title, common.invalid] : [common.failed_title, common.failed];
}
