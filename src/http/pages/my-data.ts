import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { EmailChangeInput } from '../../../schema/api/my-data/email-changes.js';
import { MePatch } from '../../../schema/api/my-data/me.js';
import { MySignaturePatch } from '../../../schema/api/my-data/my-signatures.js';
import { MySubscriptionPatch } from '../../../schema/api/my-data/my-subscriptions.js';
import { deliveriesOf } from '../../core/deliveries/my-deliveries.js';
import type { Context } from '../../core/context.js';
import { linkNotFound } from '../../core/links/random-tokens.js';
import { requestEmailChange } from '../../core/my-data/email-changes.js';
import { eraseSupporter } from '../../core/my-data/erasure.js';
import { patchMe, readMe } from '../../core/my-data/me.js';
import { exportMe } from '../../core/my-data/my-export.js';
import {
  confirmMySignature,
  getMySignature,
  listMySignatures,
  patchMySignature,
  withdrawMySignature,
} from '../../core/my-data/my-signatures.js';
import { listMySubscriptions, patchMySubscription } from '../../core/my-data/my-subscriptions.js';
import {
  createSession,
  endSession,
  findSession,
  isManageLinkOpen,
  requestManageLink,
} from '../../core/my-data/sessions.js';
import { soleOrganization } from '../../core/my-data/sole-organization.js';
import type { Session } from '../../core/session.js';
import { ApiError } from '../../errors.js';
import { say } from '../../mail/words.js';
import { withFloor } from '../answer-floor.js';
import { PRIVATE_CACHE } from '../answers.js';
import { camelKeys } from '../case.js';
import { button, form, html } from '../html.js';
import { toMyExport } from '../my-data/my-export.js';
import { answerChanges } from './answers.js';
import { SESSION_MINUTES } from './minutes.js';
import { askAgain, myDataPage } from './my-data-view.js';
import { checked, need, needToken, type Fields } from './setup.js';
import { told } from './told.js';
import { visitOf, type Site, type Visit } from './visit.js';
import { manageForm } from './ways-on.js';

/** One submitted form of "my data". `token` is the token of the session, `fields` the other inputs. */
type Submission = {
  ctx: Context;
  request: FastifyRequest;
  reply: FastifyReply;
  visit: Visit;
  token: string;
  session: Session;
  fields: Fields;
};

/** Handles one kind of form. Returns a notice to show on the page, or a reply that it has sent. */
type Act = (submission: Submission) => Promise<string | undefined | FastifyReply>;

/** An empty field as null. */
const orNull = (value: string | undefined): string | null => (value ? value : null);

const ACTS: Record<string, Act> = {
  look: async () => undefined,

  async signature({ ctx, request, session, visit, fields }) {
    const { display, name, hidden } = fields;
    const mine = await getMySignature(ctx.store.read, session, need(fields['id']));
    const answers = answerChanges(mine, fields);
    const body = { display, name, hidden: hidden === '1', ...(answers ? { answers } : {}) };
    const patch = checked(request, MySignaturePatch, body);
    const id = mine.signature.publicId;
    await patchMySignature(ctx, session, id, camelKeys(patch) as Parameters<typeof patchMySignature>[3]);
    return visit.words.manage.signatures.saved;
  },

  async confirm({ ctx, session, visit, fields }) {
    const { signature } = await confirmMySignature(ctx, session, need(fields['id']));
    return visit.words.manage.signatures[`status_${signature.status}`];
  },

  async withdraw({ ctx, session, visit, token, reply, fields }) {
    const { signatures: words } = visit.words.manage;
    const id = need(fields['id']);
    if (fields['asked'] === '1') {
      await withdrawMySignature(ctx, session, id);
      return words.withdrawn;
    }
    const { petition } = await getMySignature(ctx.store.read, session, id);
    const ask = {
      heading: words.withdraw_heading,
      explanation: say(words.withdraw_explanation, { petition: petition.title }),
      button: words.withdraw_confirm_button,
      values: { id },
    };
    return visit.send(reply, 200, words.withdraw_heading, askAgain(visit, token, 'withdraw', ask));
  },

  async subscription({ ctx, request, session, visit, fields }) {
    const { frequency, locale } = fields;
    const patch = checked(request, MySubscriptionPatch, { frequency, locale: orNull(locale) });
    const changes = patch as Parameters<typeof patchMySubscription>[3];
    await patchMySubscription(ctx, session, need(fields['id']), changes);
    return visit.words.manage.subscriptions.saved;
  },

  async unsubscribe({ ctx, session, visit, fields }) {
    const patch = { status: 'unsubscribed' } as const;
    const { organization } = await patchMySubscription(ctx, session, need(fields['id']), patch);
    return say(visit.words.manage.subscriptions.unsubscribed, { organization: organization.name });
  },

  async subscribe({ ctx, session, visit, fields }) {
    const patch = { status: 'active', consentTextId: need(fields['text']) } as const;
    const { organization } = await patchMySubscription(ctx, session, need(fields['id']), patch);
    return say(visit.words.manage.subscriptions.subscribed, { organization: organization.name });
  },

  async unsubscribe_all({ ctx, session, visit, token, reply, fields }) {
    const { subscriptions: words } = visit.words.manage;
    if (fields['asked'] !== '1') {
      const ask = {
        heading: words.leave_all_heading,
        explanation: words.leave_all_explanation,
        button: words.leave_all_button,
        values: {},
      };
      return visit.send(reply, 200, ask.heading, askAgain(visit, token, 'unsubscribe_all', ask));
    }
    const { items } = await listMySubscriptions(ctx.store.read, session, { limit: 100 });
    for (const { subscription } of items) {
      if (subscription.status !== 'active' && subscription.status !== 'pending') continue;
      await patchMySubscription(ctx, session, subscription.publicId, { status: 'unsubscribed' });
    }
    return words.left_all;
  },

  async contact({ ctx, request, session, visit, fields }) {
    const { name, country, postal_code, phone, line, city, region } = fields;
    const patch = checked(request, MePatch, {
      name: orNull(name),
      country: orNull(country),
      postal_code: orNull(postal_code),
      phone: orNull(phone),
      postal_address: line ? { lines: [line], city: orNull(city), region: orNull(region) } : null,
    });
    await patchMe(ctx, session, camelKeys(patch));
    return visit.words.manage.contact.saved;
  },

  async email({ ctx, request, session, visit, fields }) {
    const { email } = checked(request, EmailChangeInput, { email: need(fields['email']) });
    await withFloor(ctx, () => requestEmailChange(ctx, session, email));
    return visit.words.manage.email.done;
  },

  async export({ ctx, session, reply }) {
    const everything = toMyExport(ctx.links, await exportMe(ctx.store.read, session));
    return reply
      .headers({
        'cache-control': PRIVATE_CACHE,
        'content-disposition': 'attachment; filename="my-data.json"',
      })
      .type('application/json; charset=utf-8')
      .send(JSON.stringify(everything, null, 2));
  },

  async erase({ ctx, session, visit, token, reply, fields }) {
    const { erase: words } = visit.words.manage;
    if (fields['sure'] === '1') {
      await eraseSupporter(ctx, session.supporterKey);
      return visit.send(reply, 200, words.done_title, told(words.done_title, words.done));
    }
    const ask = {
      heading: words.confirm_heading,
      explanation: words.confirm_explanation,
      button: words.confirm_button,
      values: {},
      box: words.confirm_label,
      missing: fields['asked'] === '1' ? words.confirm_missing : undefined,
    };
    return visit.send(reply, 200, words.confirm_heading, askAgain(visit, token, 'erase', ask));
  },

  async leave({ ctx, visit, token, reply }) {
    await endSession(ctx, token);
    const { left_title: title, left } = visit.words.manage;
    return visit.send(reply, 200, title, told(title, left));
  },
};

/**
 * The pages of "my data", for people without another front end. They call the same verbs as the operations of the tag.
 */
export function myDataPages(app: FastifyInstance, ctx: Context, site: Site): void {
  const quiet = { schema: { hide: true } };
  const acts = { ...quiet, config: { limit: 'confirm' as const } };

  app.get<{ Querystring: Fields }>('/manage', quiet, async (request, reply) => {
    const visit = visitOf(site, request);
    const { manage: words } = visit.words;
    const { token } = request.query;
    if (token !== undefined && !(await isManageLinkOpen(ctx, token))) throw linkNotFound();
    const body =
      token === undefined
        ? html`<h1>${words.request_heading}</h1>
            ${manageForm(visit)}`
        : html`<h1>${words.enter_heading}</h1>
            <p>${say(words.enter_explanation, { minutes: SESSION_MINUTES })}</p>
            ${form(visit.at('/manage'), { token }, button(words.enter_button))}`;
    return visit.send(reply, 200, words.title, body);
  });

  app.post<{ Body: Fields }>(
    '/manage/request',
    { ...quiet, config: { limit: 'mail' } },
    async (request, reply) => {
      const visit = visitOf(site, request);
      const email = need(request.body.email);
      await withFloor(ctx, () => requestManageLink(ctx, email, visit.locale));
      const { request_heading: title, request_done: done } = visit.words.manage;
      return visit.send(reply, 202, title, told(title, done));
    },
  );

  app.post<{ Body: Fields }>('/manage', acts, async (request, reply) => {
    const link = needToken(request.body.token);
    const { token } = await withFloor(ctx, () => createSession(ctx, link));
    return show(request, reply, token);
  });

  app.post<{ Body: Fields }>('/manage/act', acts, async (request, reply) => {
    const { session: token = '', act = '', ...fields } = request.body;
    const session = await findSession(ctx, token);
    if (!session) throw new ApiError('invalid_session');
    const does = Object.hasOwn(ACTS, act) ? ACTS[act] : undefined;
    if (!does) throw new ApiError('invalid_body');
    const visit = visitOf(site, request, await soleOrganization(ctx.store.read, session));
    const done = await does({ ctx, request, reply, visit, token, session, fields });
    return typeof done === 'object' ? done : show(request, reply, token, done);
  });

  async function show(request: FastifyRequest, reply: FastifyReply, token: string, notice?: string) {
    const session = await findSession(ctx, token);
    if (!session) throw new ApiError('invalid_session');
    const on = ctx.store.read;
    const [lead, me, signatures, subscriptions] = await Promise.all([
      soleOrganization(on, session),
      readMe(on, session),
      listMySignatures(on, session, { limit: 100 }),
      listMySubscriptions(on, session, { limit: 100 }),
    ]);
    const keys = signatures.items.map(({ signature }) => signature.key);
    const deliveries = await deliveriesOf(on, keys);
    const data = { me, signatures: signatures.items, deliveries, subscriptions: subscriptions.items };
    const visit = visitOf(site, request, lead);
    return visit.send(reply, 200, visit.words.manage.title, myDataPage(visit, token, data, notice));
  }
}
