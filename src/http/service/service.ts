import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Registry } from 'prom-client';
import { Liveness, OpenApiDocument, Readiness } from '../../../schema/api/service/service.js';
import { readQueue, type QueueState } from '../../core/mail/outbox.js';
import { RECOGNITION_HEADER, type Recognition, type Seen } from '../../core/recognition.js';
import { ApiError } from '../../errors.js';
import type { ReplicaState, Store } from '../../store/store.js';
import { namesOfPaused, type PauseWatch } from '../../core/brakes/pauses.js';
import { PAGE_CSP } from '../html.js';
import type { LimitStore, SharedState } from '../limits/limit-store.js';
import { toYaml } from '../openapi/openapi-yaml.js';
import { operation } from '../openapi/operation.js';
import { PROBLEMS_PAGE } from './problems-page.js';

/** Makes a text at the first call, and keeps it. */
function once(make: () => string): () => Buffer {
  let made: Buffer | undefined;
  return () => (made ??= Buffer.from(make()));
}

const textAnswer = (type: string, description: string) => ({
  description,
  content: {
    [type]: { schema: Type.String({ maxLength: 5_000_000, pattern: '^[^\\u0000]*$', description }) },
  },
});

const toMailQueue = ({ queued, oldestAt }: QueueState, now: Date) => ({
  queued,
  oldest_seconds: oldestAt && Math.max(0, Math.floor((now.getTime() - oldestAt.getTime()) / 1000)),
});

/** Of X-Forwarded-For, which may be of any length. */
const MOST_FORWARDED = 100;

const limitsOf = (state: SharedState | undefined) =>
  state === undefined ? 'process' : state.shared ? 'shared' : 'alone';

const readsOf = (replica: ReplicaState | undefined) =>
  replica === undefined ? 'primary' : replica.state === 'used' ? 'replica' : 'alone';

export type ServiceOptions = {
  store: Store;
  now: () => Date;
  limits: Pick<LimitStore, 'state'>;
  metrics: Registry;
  pauses: Pick<PauseWatch, 'current'>;
  /** Whether the process is shutting down. */
  draining: () => boolean;
  document: (app: FastifyInstance) => object;
  recognition: Recognition;
};

const seenOf = ({ ip, socket, headers }: FastifyRequest): Seen => ({
  client: ip,
  peer: socket.remoteAddress ?? '',
  forwarded: String(headers['x-forwarded-for'] ?? '').slice(0, MOST_FORWARDED) || null,
});

/**
 * Health, metrics and the API document, for machines and operators. They need no key, and have their own rate limit.
 */
export const serviceRoutes =
  ({
    store,
    now,
    limits,
    metrics,
    pauses,
    draining,
    document,
    recognition,
  }: ServiceOptions): FastifyPluginCallbackTypebox =>
  (app, _options, done) => {
    // One shared buffer: clients that request it repeatedly and do not read the answers take no memory.
    const json = once(() => JSON.stringify(document(app)));
    const yaml = once(() => toYaml(document(app)));

    app.get(
      '/livez',
      {
        schema: operation({
          operationId: 'getLiveness',
          tag: 'Service',
          access: 'service',
          summary: 'Is the process alive?',
          description: 'Answers without touching disk or network.',
          answers: { 200: Liveness },
        }),
      },
      (request, reply) => {
        const question = request.headers[RECOGNITION_HEADER];
        if (typeof question === 'string') {
          const answer = recognition.answer(question, seenOf(request));
          if (answer !== undefined) reply.header(RECOGNITION_HEADER, answer);
        }
        return reply.header('cache-control', 'no-store').send({ status: 'ok' });
      },
    );

    app.get(
      '/readyz',
      {
        schema: operation({
          operationId: 'getReadiness',
          tag: 'Service',
          access: 'service',
          summary: 'Can the process serve requests?',
          description:
            'Asks the database. 503 while it cannot be reached or takes no writes, and while the process is shutting down. What the operator has paused is told, and the process stays ready: reading goes on.',
          answers: { 200: Readiness },
          errors: ['storage_unavailable', 'shutting_down'],
        }),
      },
      async (_request, reply) => {
        if (draining()) throw new ApiError('shutting_down');
        await store.ping().catch(() => {
          throw new ApiError('storage_unavailable');
        });
        const { waiting } = store.stats();
        const mail = toMailQueue(await readQueue(store.read), now());
        return reply.header('cache-control', 'no-store').send({
          status: 'ok',
          engine: store.engine,
          waiting,
          limits: limitsOf(limits.state()),
          reads: readsOf(store.replica()),
          mail,
          paused: namesOfPaused(pauses),
        });
      },
    );

    app.get(
      '/metrics',
      {
        schema: operation({
          operationId: 'getMetrics',
          tag: 'Service',
          access: 'service',
          summary: 'Read metrics',
          description: 'In the text format of Prometheus. It names operations and statuses, never callers.',
          answers: { 200: textAnswer('text/plain', 'The metrics.') },
        }),
      },
      async (_request, reply) =>
        reply
          .header('cache-control', 'no-store')
          .type(metrics.contentType)
          .send(await metrics.metrics()),
    );

    app.get(
      '/openapi.json',
      {
        schema: operation({
          operationId: 'getOpenApiJson',
          anyQuery: true,
          tag: 'Service',
          access: 'service',
          summary: 'Read this document as JSON',
          description: 'The OpenAPI 3.1 document of this server.',
          answers: { 200: OpenApiDocument },
        }),
      },
      (_request, reply) =>
        reply
          .header('cache-control', 'public, max-age=300')
          .type('application/json; charset=utf-8')
          .send(json()),
    );

    app.get(
      '/openapi.yaml',
      {
        schema: operation({
          operationId: 'getOpenApiYaml',
          anyQuery: true,
          tag: 'Service',
          access: 'service',
          summary: 'Read this document as YAML',
          description: 'The OpenAPI 3.1 document of this server.',
          answers: { 200: textAnswer('application/yaml', 'The document.') },
        }),
      },
      (_request, reply) =>
        reply
          .header('cache-control', 'public, max-age=300')
          .type('application/yaml; charset=utf-8')
          .send(yaml()),
    );

    app.get(
      '/problems',
      {
        schema: operation({
          operationId: 'getProblems',
          anyQuery: true,
          tag: 'Service',
          access: 'service',
          summary: 'Read about the problems',
          description: 'The page that the `type` of every problem points into.',
          answers: { 200: textAnswer('text/html', 'A page with all codes.') },
        }),
        onSend: (_request, reply, payload, next) => {
          reply.header('content-security-policy', PAGE_CSP);
          next(null, payload);
        },
      },
      (_request, reply) =>
        reply
          .header('cache-control', 'public, max-age=300')
          .type('text/html; charset=utf-8')
          .send(PROBLEMS_PAGE),
    );
    done();
  };
