import type { FastifyPluginCallback } from 'fastify';
import { SigningKeys } from '../../../schema/api/service/signing-keys.js';
import { ref } from '../../../schema/api/typebox.js';
import { ManifestSigner } from '../../deliveries/seal/manifest-signer.js';
import { operation } from '../openapi/operation.js';

const TYPE = 'application/jwk-set+json';

/** The key that signs deliveries, for those who were handed one. */
export const signingKeyRoutes =
  (rootKey: Uint8Array): FastifyPluginCallback =>
  (app, _options, done) => {
    const { publicJwk } = new ManifestSigner(rootKey);
    const body = Buffer.from(JSON.stringify({ keys: [publicJwk] }));
    app.get(
      '/.well-known/undersigned-keys.json',
      {
        schema: operation({
          operationId: 'getSigningKeys',
          anyQuery: true,
          tag: 'Service',
          access: 'service',
          summary: 'Read the keys that sign deliveries',
          description:
            'As JSON Web Key Set (RFC 7517). Whoever was handed a delivery checks with them that its manifest comes from this installation. They follow from the root key, and change with it alone.',
          answers: { 200: { description: 'The keys.', content: { [TYPE]: { schema: ref(SigningKeys) } } } },
        }),
      },
      (_request, reply) => reply.header('cache-control', 'public, max-age=300').type(TYPE).send(body),
    );
    done();
  };
