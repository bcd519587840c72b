import type { FastifyInstance } from 'fastify';
import type { Context } from '../../core/context.js';
import {
  acknowledgeByLink,
  readDeliveryLink,
  recordDownload,
  type LinkedDelivery,
} from '../../core/deliveries/delivery-links.js';
import { fileOf, ownFiles } from '../../core/deliveries/files.js';
import { findLead } from '../../core/petitions/lead.js';
import { findPetition } from '../../core/petitions/petition-lookup.js';
import { readWholeNumber } from '../../core/typed-numbers.js';
import { ANONYMOUS } from '../../core/actor.js';
import { wordsHtml } from '../../core/words/words-markdown.js';
import { say } from '../../mail/words.js';
import { dayIn, numberIn } from '../../written.js';
import { sendStored } from '../deliveries/stored-file.js';
import { button, form, Html, html } from '../html.js';
import { needToken, type Fields } from './setup.js';
import { ACTS, HIDDEN, testNote, told } from './told.js';
import { visitOf, type Site, type Visit } from './visit.js';

/*
 * The page of a delivery, for those whom the petition addresses. GET shows it and changes nothing, since mail scanners open
 * every link; files come by POST, and so does the receipt.
 */

const PATH = '/delivery';
const MOST_TEXT = 2000;

export function deliveryPages(app: FastifyInstance, ctx: Context, site: Site, folder: string): void {
  app.get<{ Querystring: Fields }>(PATH, HIDDEN, async (request, reply) => {
    const token = needToken(request.query.token);
    const { visit, body } = await pageOf(ctx, site, request, token);
    return visit.send(reply, 200, visit.words.delivery.title, body);
  });

  app.post<{ Body: Fields }>(`${PATH}/file`, ACTS, async (request, reply) => {
    const token = needToken(request.body.token);
    const delivery = await readDeliveryLink(ctx, token);
    const file = fileOf(delivery, request.body.file ?? '');
    await recordDownload(ctx, token, file.name);
    return sendStored(request, reply, folder, file);
  });

  app.post<{ Body: Fields }>(`${PATH}/receipt`, ACTS, async (request, reply) => {
    const token = needToken(request.body.token);
    const { count: typed = '', text = '' } = request.body;
    const count = typed.trim() === '' ? null : readWholeNumber(typed);
    if (count === undefined) {
      const { visit, body } = await pageOf(ctx, site, request, token, { typed, text });
      return visit.send(reply, 422, visit.words.delivery.title, body);
    }
    const said = text.trim().slice(0, MOST_TEXT);
    const { visit } = await pageOf(ctx, site, request, token);
    await acknowledgeByLink(ctx, token, { count, text: said === '' ? null : said, on: null });
    const { receipt_heading: title, receipt_done: done } = visit.words.delivery;
    return visit.send(reply, 200, title, told(title, done));
  });
}

type Typed = { typed: string; text: string };

async function pageOf(
  ctx: Context,
  site: Site,
  request: Parameters<typeof visitOf>[1],
  token: string,
  wrong?: Typed,
): Promise<{ visit: Visit; body: Html }> {
  const delivery = await readDeliveryLink(ctx, token);
  const on = ctx.store.read;
  const petition = await findPetition(on, ANONYMOUS, delivery.petitionId);
  const lead = await findLead(on, petition);
  const visit = visitOf(site, request, lead);
  const { delivery: words } = visit.words;
  const values = {
    organization: lead.name,
    petition: { title: petition.title },
    recipient: delivery.recipient.name,
    number: delivery.counts.total,
    signatures: numberIn(visit.locale, delivery.counts.total),
  };
  const body = html`${testNote(visit, { test: lead.testOf !== null })}
    <h1>${say(words.heading, values)}</h1>
    <p>${say(words.explanation, values)}</p>
    <p>
      ${say(words.addressed, values)}<br />${say(words.as_of, { date: dayIn(visit.locale, delivery.cutAt) })}
    </p>
    ${letterOf(delivery, visit)} ${filesOf(delivery, visit, token, values)}
    ${receiptOf(delivery, visit, token, wrong)}
    <p>${say(words.expires, { date: dayIn(visit.locale, delivery.expiresAt) })}</p>`;
  return { visit, body };
}

const letterOf = ({ letter, locale }: LinkedDelivery, { words }: Visit): Html | string =>
  letter === ''
    ? ''
    : html`<h2>${words.delivery.letter_heading}</h2>
        <blockquote lang="${locale}" dir="auto">${new Html(wordsHtml(letter))}</blockquote>`;

function filesOf(delivery: LinkedDelivery, visit: Visit, token: string, values: object): Html {
  const { delivery: words } = visit.words;
  const heading = html`<h2>${words.files_heading}</h2>`;
  if (delivery.filesDeletedAt !== null) {
    return html`${heading}
      <p>${say(words.files_gone, values)}</p>`;
  }
  const buttons = ownFiles(delivery).map(({ name, bytes }, i) =>
    form(
      visit.at(`${PATH}/file`),
      { token, file: name },
      html`${button(say(words.download, { file: `\u2068${name}\u2069` }), { quiet: i > 0 })}
        <span dir="auto">${sizeIn(visit.locale, bytes)}</span>`,
    ),
  );
  return html`${heading}
    <p>${delivery.encryptTo.length > 0 ? words.encrypted : words.files_hint}</p>
    ${buttons}`;
}

function receiptOf(delivery: LinkedDelivery, visit: Visit, token: string, wrong?: Typed): Html {
  const { delivery: words } = visit.words;
  if (delivery.acknowledgedBy === 'link' && !wrong) {
    const { acknowledgedCount: count, acknowledgedText: text } = delivery;
    return html`<h2>${words.given_heading}</h2>
      ${count === null ? '' : html`<p>${numberIn(visit.locale, count)}</p>`}
      ${text === null ? '' : html`<blockquote dir="auto">${text}</blockquote>`}`;
  }
  const invalid = wrong
    ? html`<p class="notice" id="count-wrong" role="alert">${words.count_invalid}</p>`
    : '';
  return html`<h2>${words.receipt_heading}</h2>
    <p>${words.receipt_explanation}</p>
    ${form(
      visit.at(`${PATH}/receipt`),
      { token },
      html`${invalid}
        <label for="count">${words.count_label}</label>
        <input
          type="text"
          id="count"
          name="count"
          inputmode="numeric"
          maxlength="20"
          value="${wrong?.typed ?? ''}"
        />
        <label for="text">${words.text_label}</label>
        <textarea id="text" name="text" rows="4" maxlength="${MOST_TEXT}" dir="auto">
${wrong?.text ?? ''}</textarea>
        ${button(words.receipt_button)}`,
    )}`;
}

const UNITS = ['kilobyte', 'megabyte', 'gigabyte'] as const;

function sizeIn(locale: string, bytes: number): string {
  const kilobytes = Math.max(0.1, bytes / 1000);
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(kilobytes) / 3)));
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: UNITS[step] ?? 'kilobyte',
    maximumFractionDigits: 1,
  }).format(kilobytes / 1000 ** step);
}
