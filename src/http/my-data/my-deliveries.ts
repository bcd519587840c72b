import { join } from 'node:path';
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { MyDeliveryList } from '../../../schema/api/deliveries/handing-over.js';
import { MySignaturePath } from '../../../schema/api/my-data/my-signatures.js';
import type { Context } from '../../core/context.js';
import { deliveriesOf, type MyDelivery } from '../../core/deliveries/my-deliveries.js';
import { getMySignature } from '../../core/my-data/my-signatures.js';
import { TREE } from '../../deliveries/delivery.js';
import { readBranch } from '../../deliveries/proof/tree-file.js';
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
            'Each with the number of the line, and the branch that proves it against the public root of the delivery: `undersigned deliveries verify --branch`.',
          params: MySignaturePath,
          answers: { 200: MyDeliveryList },
          errors: ['signature_not_found'],
        }),
      },
      async (request, reply) => {
        const on = ctx.store.read;
        const { signature } = await getMySignature(on, sessionOf(request), request.params.signature);
        const mine = await deliveriesOf(on, [signature.key]);
        const data = await Promise.all(mine.map((one) => toMine(one, folder)));
        return reply.header('cache-control', PRIVATE_CACHE).send({ data });
      },
    );
    done();
  };

const toMine = async (one: MyDelivery, folder: string) => ({
  delivery_id: one.publicId,
  recipient: one.recipient,
  sent_at: iso(one.sentAt),
  line: one.line,
  receipt_by: one.acknowledgedBy,
  proof: await proofOf(one, folder),
});

async function proofOf({ publicId, line, salt, root }: MyDelivery, folder: string) {
  if (!salt || root === null) return null;
  const index = line - 1;
  const branch = await readBranch(join(folder, publicId, TREE), index).catch(() => null);
  return (
    branch && { salt: salt.toString('base64url'), index, size: branch.size, branch: branch.branch, root }
  );
}
