import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import {
  AnyFile,
  Delivery,
  DeliveryFilePath,
  DeliveryPage,
  DeliveryQuery,
  DeliveryJson,
} from '../../../schema/api/deliveries/deliveries.js';
import { DeliveryInput, DeliveryPath } from '../../../schema/api/deliveries/delivery-input.js';
import { DeliveryReceiptInput, DeliverySend } from '../../../schema/api/deliveries/handing-over.js';
import { ref } from '../../../schema/api/typebox.js';
import type { Context } from '../../core/context.js';
import {
  createDelivery,
  getDelivery,
  listDeliveries,
  type DeliveryView,
} from '../../core/deliveries/deliveries.js';
import { usesOf } from '../../core/deliveries/delivery-links.js';
import { findFile } from '../../core/deliveries/files.js';
import { sendDelivery, type SendInput } from '../../core/deliveries/mailing-it.js';
import { cancelDelivery, prepareDelivery } from '../../core/deliveries/moves.js';
import { recordReceipt } from '../../core/deliveries/receipts.js';
import { invalidBody, type ErrorCode } from '../../errors.js';
import { NOT_MODIFIED, PRIVATE_CACHE, toPage } from '../answers.js';
import { keyed } from '../auth.js';
import { camelKeys } from '../case.js';
import { sendWithEtag } from '../conditional.js';
import { retryFrom } from '../idempotency.js';
import type { Locales } from '../../mail/locales.js';
import { operation } from '../openapi/operation.js';
import { takesNoBody } from '../validation.js';
import { toDelivery, toSummary } from './delivery-view.js';
import { MEDIA_TYPES, sendStored } from './stored-file.js';

const about = { tag: 'Deliveries', access: 'secret' } as const;
const config = { scope: 'deliveries:write' } as const;
const reads = { scope: 'deliveries:read' } as const;

/** Whatever is in the folder; what is encrypted is an octet stream. */
const FILE = Object.fromEntries(
  MEDIA_TYPES.map((type) => [type, { schema: type === 'application/json' ? ref(DeliveryJson) : AnyFile }]),
);

const MOVE_ERRORS: ErrorCode[] = [
  'delivery_not_found',
  'delivery_transition_not_allowed',
  'idempotency_key_reused',
  'invalid_header',
];

type Parts = { ctx: Context; locales: Locales };

/** A delivery with what was done through its link. */
const whole = async ({ ctx, locales }: Parts, view: DeliveryView) =>
  toDelivery(locales, { view, preview: null, uses: await usesOf(ctx.store.read, view.key) });

/** Signatures that are handed over: cutting, making, sending, and what became of them. `folder`: where the files are. */
export const secretDeliveryRoutes =
  (parts: Parts, folder: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const { ctx, locales } = parts;
    app.post(
      '/v1/deliveries',
      {
        config,
        schema: operation({
          operationId: 'createDelivery',
          ...about,
          summary: 'Cut a list of signatures to be handed over',
          description:
            'All signatures that count at this moment, as their signers chose to be shown; with `after` those that are new since an earlier delivery. It is a draft: look at `preview`, take signatures out with `moderateSignature`, then call `prepareDelivery`. For a million signatures it takes some seconds.',
          body: DeliveryInput,
          answers: { 201: Delivery },
          errors: [
            'petition_not_found',
            'petition_taken_down',
            'delivery_not_found',
            'delivery_not_sent',
            'idempotency_key_reused',
            'invalid_header',
          ],
        }),
      },
      async (request, reply) => {
        const input = camelKeys(request.body);
        const { publicId } = await createDelivery(ctx, keyed(request), input, retryFrom(ctx, request));
        const { preview, ...view } = await getDelivery(ctx.store.read, keyed(request), publicId);
        return reply
          .code(201)
          .header('cache-control', PRIVATE_CACHE)
          .send(toDelivery(locales, { view, preview, uses: [] }));
      },
    );

    app.get(
      '/v1/deliveries',
      {
        config: reads,
        schema: operation({
          operationId: 'listDeliveries',
          ...about,
          summary: 'List your deliveries',
          description: 'Latest first, of all of your petitions or of one.',
          querystring: DeliveryQuery,
          answers: { 200: DeliveryPage, 304: NOT_MODIFIED },
          errors: ['invalid_cursor', 'petition_not_found'],
        }),
      },
      async (request, reply) => {
        const { limit = 20, cursor, petition } = request.query;
        const page = await listDeliveries(ctx.store.read, keyed(request), petition, { limit, cursor });
        return sendWithEtag(request, reply, PRIVATE_CACHE, toPage(request, reply, page, toSummary));
      },
    );

    app.get(
      '/v1/deliveries/:delivery',
      {
        config: reads,
        schema: operation({
          operationId: 'getDelivery',
          ...about,
          summary: 'Get a delivery',
          description: 'With the preview of a draft, and the files and the proof of one that is ready.',
          params: DeliveryPath,
          answers: { 200: Delivery, 304: NOT_MODIFIED },
          errors: ['delivery_not_found'],
        }),
      },
      async (request, reply) => {
        const on = ctx.store.read;
        const { preview, ...view } = await getDelivery(on, keyed(request), request.params.delivery);
        const uses = await usesOf(on, view.key);
        return sendWithEtag(request, reply, PRIVATE_CACHE, toDelivery(locales, { view, preview, uses }));
      },
    );

    app.get(
      '/v1/deliveries/:delivery/files/:file',
      {
        config: reads,
        schema: operation({
          operationId: 'getDeliveryFile',
          ...about,
          summary: 'Fetch a file of a delivery',
          description:
            'As it lies in the folder of the server. Files inside an archive are fetched with the archive. They are kept for `DELIVERY_KEEP_DAYS`.',
          params: DeliveryFilePath,
          answers: { 200: { description: 'The file.', content: FILE } },
          sends: ['Content-Disposition'],
          errors: ['delivery_not_found', 'delivery_file_not_found', 'delivery_files_gone'],
        }),
      },
      async (request, reply) => {
        const { delivery, file } = request.params;
        const found = await findFile(ctx.store.read, keyed(request), delivery, file);
        return sendStored(request, reply, folder, found);
      },
    );

    app.post(
      '/v1/deliveries/:delivery/send',
      {
        config,
        schema: operation({
          operationId: 'sendDelivery',
          ...about,
          summary: 'Hand a delivery over',
          description:
            'By a mail to the recipient, with the letter and a link to the files; or, in person, as a record that you have done it. If somebody in the list has withdrawn, was erased, or chose another display since the files were made, they are made anew before the mail goes out: the state is then `preparing`. Those who withdraw while that happens are named by the next delivery. The letter, the place and the note are public or seen by the recipient: mind what they say of people.',
          params: DeliveryPath,
          body: DeliverySend,
          answers: { 200: Delivery },
          errors: [...MOVE_ERRORS, 'petition_taken_down', 'delivery_files_gone', 'too_many_deliveries'],
        }),
      },
      async (request, reply) => {
        const { delivery } = request.params;
        const input = sendInput(camelKeys(request.body));
        const view = await sendDelivery(ctx, keyed(request), delivery, input, retryFrom(ctx, request));
        return reply.header('cache-control', PRIVATE_CACHE).send(await whole(parts, view));
      },
    );

    app.post(
      '/v1/deliveries/:delivery/receipt',
      {
        config,
        schema: operation({
          operationId: 'recordReceipt',
          ...about,
          summary: 'Record that a delivery was received',
          description:
            'What those say who got it. Where it was mailed they can do that themselves, through the link. A later receipt replaces the one before. It is public.',
          params: DeliveryPath,
          body: DeliveryReceiptInput,
          answers: { 200: Delivery },
          errors: MOVE_ERRORS,
        }),
      },
      async (request, reply) => {
        const { count = null, text = null, on = null } = request.body;
        const { delivery } = request.params;
        const receipt = { count, text, on };
        const view = await recordReceipt(ctx, keyed(request), delivery, receipt, retryFrom(ctx, request));
        return reply.header('cache-control', PRIVATE_CACHE).send(await whole(parts, view));
      },
    );

    void app.register(moveRoutes(parts));
    done();
  };

type SendBody = {
  method: 'mail' | 'in_person';
  email?: string;
  linkDays?: number | null;
  handedOverOn?: string | null;
  place?: string | null;
  photoUrl?: string | null;
  note?: string | null;
};

const OF_MAIL = { email: 'email', linkDays: 'link_days' } as const;
const OF_PERSON = {
  handedOverOn: 'handed_over_on',
  place: 'place',
  photoUrl: 'photo_url',
  note: 'note',
} as const;

/** Members of the other method are refused by name. Throws `invalid_body`. */
function sendInput(body: SendBody): SendInput {
  const { method, email, linkDays, ...inPerson } = body;
  const other = method === 'mail' ? OF_PERSON : OF_MAIL;
  const misplaced = Object.entries(other).filter(([name]) => body[name as keyof SendBody] != null);
  if (misplaced.length > 0) {
    throw invalidBody(
      ...misplaced.map(([, name]) => ({
        pointer: `/${name}`,
        code: 'misplaced',
        detail: `It goes with the other method: leave it out.`,
      })),
    );
  }
  if (method === 'in_person') return { ...inPerson, method };
  if (email === undefined) {
    throw invalidBody({ pointer: '/email', code: 'required', detail: 'Write where the link is mailed.' });
  }
  return { method, email, linkDays: linkDays ?? null };
}

/** The moves without a body. A separate plugin, since `takesNoBody` applies to a whole plugin. */
const moveRoutes =
  (parts: Parts): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    const { ctx } = parts;
    takesNoBody(app);
    const moves = [
      {
        path: 'prepare',
        operationId: 'prepareDelivery',
        summary: 'Have the files of a delivery made',
        description:
          'The list is read as it is now: signatures that were taken out or withdrawn since the cut are not in it. Ask `getDelivery` until it is `ready`: a hundred thousand names take some seconds.',
        move: prepareDelivery,
      },
      {
        path: 'cancel',
        operationId: 'cancelDelivery',
        summary: 'Cancel a delivery',
        description: 'Before it was handed over. Its files are deleted.',
        move: cancelDelivery,
      },
    ];
    for (const { path, move, ...said } of moves) {
      app.post(
        `/v1/deliveries/:delivery/${path}`,
        {
          config,
          schema: operation({
            ...about,
            ...said,
            changes: true,
            params: DeliveryPath,
            answers: { 200: Delivery },
            errors: [...MOVE_ERRORS, 'petition_taken_down', 'unsupported_media_type'],
          }),
        },
        async (request, reply) => {
          const { delivery } = request.params;
          const view = await move(ctx, keyed(request), delivery, retryFrom(ctx, request));
          return reply.header('cache-control', PRIVATE_CACHE).send(await whole(parts, view));
        },
      );
    }
    done();
  };
