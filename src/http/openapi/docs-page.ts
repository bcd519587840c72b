import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyPluginCallback } from 'fastify';
import { documentOf } from './openapi.js';

/** The document for people to read and try, below /docs. */
export const docsPage =
  (app: FastifyInstance): FastifyPluginCallback =>
  (pages, _options, done) => {
    void pages.register(swaggerUi, {
      routePrefix: '/docs',
      // All of it is served from here, and so must work without the internet and without TLS.
      staticCSP:
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
      transformSpecificationClone: false,
      transformSpecification: () => documentOf(app),
    });
    done();
  };
