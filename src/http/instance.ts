import { randomUUID } from 'node:crypto';
import { maxHeaderSize, type IncomingMessage } from 'node:http';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import { components } from '../../schema/api/typebox.js';
import type { Config } from '../config.js';
import { ApiError } from '../errors.js';
import { CONNECTION_MS, KEEP_ALIVE_MS, MAX_BODY, MAX_URL, type Arrival } from './bounds.js';
import { clientErrorHandler } from './client-errors.js';
import { isData, isShared, OF_ONE_REQUEST, type ConstantHeaders } from './headers.js';
import { problems, type ProblemOptions } from './problems.js';
import type { Leaving } from './front/leaving.js';
import { enableSendNow } from './front/send-now.js';
import { validation } from './validation.js';

declare module 'fastify' {
  interface FastifyInstance {
    constant: ConstantHeaders;
  }
}

export type InstanceOptions = {
  publicUrl: string;
  trustProxy: Config['trustProxy'];
  logger: FastifyBaseLogger | undefined;
  arrival: Arrival;
  constant: ConstantHeaders;
  leaving: Leaving;
  /** Whether all requests come through workers. */
  behindWorkers: boolean;
  requestId: RequestId;
  /** Whether the process is shutting down: then each connection is closed after its next answer. */
  draining: () => boolean;
  /** Translates an error of a database driver into one of the catalogue, where the store knows it. */
  explain: (error: unknown) => unknown;
  notFoundPage: ProblemOptions['notFoundPage'];
};

const REQUEST_ID = /^[A-Za-z0-9_.-]{8,64}$/;

/**
 * The Fastify instance with all that applies to every route: time limits, request id, headers, validation and problems.
 */
export function createInstance(options: InstanceOptions): FastifyInstance {
  const { publicUrl, constant, draining, explain, notFoundPage } = options;
  const stamp = (request: FastifyRequest, reply: FastifyReply) => {
    // Pages have a policy of their own.
    const policy = reply.getHeader('content-security-policy');
    reply.headers(isData(reply.getHeader('content-type')) ? constant.data : constant.documents);
    if (policy !== undefined) reply.header('content-security-policy', policy);
    if (!isShared(reply.getHeader('cache-control'))) return reply.header('x-request-id', request.id);
    for (const name of OF_ONE_REQUEST) reply.removeHeader(name);
    return reply;
  };
  const app: FastifyInstance = Fastify({
    ...serverOptions(options),
    frameworkErrors: (error, request, reply) => void app.errorHandler(error, request, stamp(request, reply)),
    clientErrorHandler: clientErrorHandler(publicUrl, constant.data),
  });

  validation(app);
  problems(app, { publicUrl, explain, notFoundPage });
  // Answers are mapped by hand, and the tests check them against the document. A serializer made from the schemas would
  // silently drop or convert unexpected members, and so hide mistakes.
  app.setSerializerCompiler(() => JSON.stringify);
  for (const schema of components()) app.addSchema(schema);
  app.decorate('constant', constant);
  app.decorateRequest('actor', null as never);
  app.decorateRequest('session', null);
  app.decorateRequest('admin', null);
  app.decorateRequest('caller', null);
  app.addHook('onRequest', (request, reply, done) => {
    if (request.url.length > MAX_URL) return done(new ApiError('uri_too_long'));
    if (repeatsHost(request.raw)) {
      return done(new ApiError('invalid_request', { detail: 'There is more than one Host.' }));
    }
    if (draining()) reply.header('connection', 'close');
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    stamp(request, reply);
    done(null, payload);
  });
  enableSendNow(app, options);
  return app;
}

const serverOptions = ({ logger, trustProxy, arrival, requestId, behindWorkers }: InstanceOptions) => ({
  ...(logger ? { loggerInstance: logger } : { logger: false }),
  // A log line for every request costs as much as the request. Errors are logged in problems.ts.
  logController: new LogController({ disableRequestLogging: true }),
  genReqId: requestId,
  // One shared logger: a child logger for each request would cost more than the lines that few of them write.
  childLoggerFactory: (parent: FastifyBaseLogger) => parent,
  trustProxy: trustProxy.length > 0 ? trustProxy : false,
  bodyLimit: MAX_BODY,
  requestTimeout: arrival.mostMs,
  // Node applies the longer of the two limits to the whole request, and its default for the headers is a minute.
  http: {
    headersTimeout: arrival.mostMs,
    connectionsCheckingInterval: arrival.lookMs,
    // Workers have already refused what has no Host or too many headers, and add one of their own.
    ...(behindWorkers ? { requireHostHeader: false, maxHeaderSize: 2 * maxHeaderSize } : {}),
  },
  connectionTimeout: CONNECTION_MS,
  keepAliveTimeout: KEEP_ALIVE_MS,
  routerOptions: { maxParamLength: 500 },
  // Requests that still arrive during shutdown are served: the store closes last.
  return503OnClosing: false,
});

/** Names a request. */
export type RequestId = (request: IncomingMessage) => string;

/**
 * Takes the caller's X-Request-Id where it is valid. Generated ids are a UUID of the process and a counter: cheaper.
 */
export function requestIds(): RequestId {
  const processId = randomUUID();
  let requests = 0;
  return ({ headers }) => {
    const given = headers['x-request-id'];
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${processId}-${(requests += 1)}`;
  };
}

/** With two Host headers, a proxy could route by one of them and this server by the other. */
function repeatsHost({ rawHeaders }: IncomingMessage): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
}
