import { join } from 'node:path';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MyDeliveryList } from '../../../schema/api/deliveries/handing-over.js';
import { MySignaturePath } from '../../../schema/api/my-data/my-signatures.js';
import type { Context } from '../../core/context.js';
import { folderName } from '../../core/deliveries/files.js';
import { deliveriesOf, lineOf, type MyDelivery } from '../../core/deliveries/my-deliveries.js';
import { getMySignature } from '../../core/my-data/my-signatures.js';
import { columnsOf, TREE } from '../../deliveries/delivery.js';
import { leafOf } from '../../deliveries/proof/leaf.js';
import { readBranch, rootFrom } from '../../deliveries/proof/tree-file.js';
import { describeError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { PRIVATE_CACHE } from '../answers.js';
import { iso } from '../case.js';
import { operation } from '../openapi/operation.js';
import { sessionOf } from '../session.js';

/** In which deliveries a signature was, with what proves it. `folder`: where the trees are. */
export const myDeliveryRoutes =
  (ctx: Context, folder: string): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    app.get(
      '/v1/me/signatures/:signature/deliveries',
      {
        schema: operation({
          operationId: 'listMyDeliveries',
          tag: 'My data',
          access: 'session',
          summary: 'List to whom a signature of mine was handed',
          description:
            'Each with the number of the line and what proves it: write `proof` into a file, and check it with `undersigned deliveries verify --branch`, or with the program in docs/deliveries.md, against the manifest of the delivery.',
          params: MySignaturePath,
          answers: { 200: MyDeliveryList },
          errors: ['signature_not_found'],
        }),
      },
      async (request, reply) => {
        const on = ctx.store.read;
        const { signature } = await getMySignature(on, sessionOf(request), request.params.signature);
        const mine = await deliveriesOf(on, [signature.key]);
        const unread = (error: unknown) => {
          request.log.warn({ error: describeError(error) }, 'the tree of a delivery cannot be read');
          return null;
        };
        const data = await Promise.all(
          mine.map(async (one) => ({
            delivery_id: one.publicId,
            recipient: one.recipient,
            sent_at: iso(one.sentAt),
            line: one.number,
            receipt_by: one.acknowledgedBy,
            proof: await proofOf(on, one, folder).catch(unread),
          })),
        );
        return reply.header('cache-control', PRIVATE_CACHE).send({ data });
      },
    );
    done();
  };

/** Null: the salt is gone, or the line is another than the one that was handed over. */
async function proofOf(on: Reader, mine: MyDelivery, folder: string) {
  const { publicId: delivery, number, root } = mine;
  const salt = mine.salt?.toString('base64url');
  const line = await lineOf(on, mine);
  if (salt === undefined || root === null || mine.edition === null || !line) return null;
  const index = number - 1;
  const { size, branch } = await readBranch(join(folder, folderName(delivery, mine.edition), TREE), index);
  const leaf = leafOf(line, columnsOf(mine), salt);
  if (rootFrom(leaf, index, { size, branch })?.toString('hex') !== root) return null;
  return { delivery, line, salt, index, size, branch, root };
}
