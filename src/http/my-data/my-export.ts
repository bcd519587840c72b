import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MyExport } from '../../../schema/api/my-data/my-export.js';
import type { RequestData } from '../../../schema/db/tables/mail.js';
import type { Context } from '../../core/context.js';
import type { Links } from '../../core/links/link-urls.js';
import { exportMe, type MyData } from '../../core/my-data/my-export.js';
import { e164Of } from '../../core/phones.js';
import { PRIVATE_CACHE } from '../answers.js';
import { iso } from '../case.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';
import { toContact } from '../supporters/contacts.js';
import { toMe } from './me.js';
import { toMySignature } from './my-signatures.js';
import { toMySubscription } from './my-subscriptions.js';

/** Answers that a supporter gave in a form. */
type FormAnswers = Pick<
  RequestData,
  'country' | 'postalCode' | 'postalAddress' | 'phone' | 'comment' | 'answers'
>;

const toFormAnswers = (
  { country, postalCode, postalAddress, phone, comment, answers }: FormAnswers,
  locale: string,
) => ({
  country,
  postal_code: postalCode,
  postal_address: postalAddress,
  phone,
  phone_e164: e164Of(phone, country, locale),
  comment,
  answers: answers ?? null,
});

const toExportedSignature = (links: Links) => (mine: MyData['signatures'][number]) => ({
  ...toMySignature(links)(mine),
  statement: mine.petition.statement,
  ...toFormAnswers(mine.signature, mine.petition.locale),
  source: mine.signature.source,
  utm: mine.signature.utm,
  external_id: mine.signature.externalId,
});

const toConsent = ({ consent, organizationId, petitionId, text }: MyData['consents'][number]) => ({
  id: consent.publicId,
  organization_id: organizationId,
  petition_id: petitionId,
  action: consent.action,
  origin: consent.origin,
  text,
  source: consent.source,
  evidence: consent.evidence,
  created_at: iso(consent.createdAt),
  proof: consent.proof.toString('base64url'),
});

const toRequest = ({ request, petitionId }: MyData['requests'][number]) => ({
  kind: request.kind,
  petition_id: petitionId,
  locale: request.locale,
  origin: request.origin,
  source: request.source,
  said: request.data && {
    name: request.data.name,
    given_name: request.data.givenName ?? null,
    family_name: request.data.familyName ?? null,
    ...toFormAnswers(request.data, request.locale),
  },
  reminders: request.reminders,
  created_at: iso(request.createdAt),
  confirmed_at: iso(request.confirmedAt),
  refused_at: iso(request.refusedAt),
});

/** Everything that is kept about a supporter, as one document. */
export const toMyExport = (links: Links, data: MyData) => ({
  profile: toMe(data.me),
  signatures: data.signatures.map(toExportedSignature(links)),
  share_links: data.shareLinks.map(({ petitionId, createdAt, ...link }) => ({
    ...link,
    petition_id: petitionId,
    created_at: iso(createdAt),
  })),
  subscriptions: data.subscriptions.map(toMySubscription),
  consents: data.consents.map(toConsent),
  confirmation_requests: data.requests.map(toRequest),
  mailings: data.mailings.map((one) => ({
    organization_id: one.organizationId,
    mailing_id: one.mailingId,
    name: one.name,
    state: one.state,
    settled_at: iso(one.settledAt),
    result: one.result,
    result_at: iso(one.resultAt),
  })),
  mails: data.mails.map(({ kind, state, createdAt, settledAt }) => ({
    kind,
    state,
    created_at: iso(createdAt),
    settled_at: iso(settledAt),
  })),
  email_changes: data.emailChanges.map((change) => ({
    status: change.status,
    old_email: change.oldDelivery,
    new_email: change.newDelivery,
    created_at: iso(change.createdAt),
    applied_at: iso(change.appliedAt),
    undone_at: iso(change.undoneAt),
  })),
  contacts: data.contacts.map(({ contact, organizationId }) => ({
    organization_id: organizationId,
    ...toContact(contact),
  })),
});

export const myExportRoutes =
  (ctx: Context): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/me/export',
      {
        schema: operation({
          operationId: 'exportMe',
          tag: 'My data',
          access: 'session',
          summary: 'Take my data with me',
          description: 'Everything that is kept about me, as one document to save.',
          answers: { 200: MyExport },
          sends: ['Content-Disposition'],
        }),
      },
      async (request, reply) => {
        const data = await exportMe(ctx.store.read, sessionOf(request));
        return reply
          .header('cache-control', PRIVATE_CACHE)
          .header('content-disposition', 'attachment; filename="my-data.json"')
          .send(toMyExport(ctx.links, data));
      },
    );
    done();
  };
