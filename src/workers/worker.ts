import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { closeGently } from '../close-gently.js';
import { describeError } from '../errors.js';
import { ARRIVAL, CONNECTION_MS, KEEP_ALIVE_MS } from '../http/bounds.js';
import { clientErrorHandler } from '../http/client-errors.js';
import { endThoseInLine } from '../http/in-line.js';
import { watchVersion } from '../store/data-version.js';
import { WorkerFront } from './front-of-worker.js';
import type { FromWorker, ListenFailure, ToWorker, WorkerSettings } from './messages.js';
import { AnswerTally } from './tally.js';

/*
 * The program of a worker: a process that speaks HTTP in front of the server (`start-workers.ts`), for reading on more
 * cores than one. It knows nothing of petitions, and loads neither Fastify nor Drizzle.
 */

const say = (said: FromWorker, then: () => void = () => undefined): void => void process.send?.(said, then);

const tally = new AnswerTally((told) => say({ tally: told }));
let drain: () => void = () => process.exit();

process.on('message', (said: ToWorker) => {
  if (said === 'drain') drain();
  else if ('near' in said) tally.hear(said.near);
  else begin(said.begin);
});
// The server says when to end: a signal to all processes of a service must not break requests.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('uncaughtException', (error) => say({ failed: describeError(error) }, () => process.exit(1)));
say('ready');

function begin(settings: WorkerSettings): void {
  let isDraining = false;
  const version = watchVersion(settings.file);
  const front = new WorkerFront({
    settings,
    tally,
    version: () => version.read(),
    draining: () => isDraining,
  });
  const server = listen(settings, front);
  drain = () => {
    drain = () => undefined;
    const closed = once(server, 'close');
    const closing = { server, drain: () => (isDraining = true), close: () => closed };
    void closeGently(closing).then(() => {
      tally.flush();
      process.disconnect();
      process.exit();
    });
  };
}

function listen({ host, port, publicUrl, constant }: WorkerSettings, front: WorkerFront): Server {
  const server = createServer({
    requestTimeout: ARRIVAL.mostMs,
    headersTimeout: ARRIVAL.mostMs,
    connectionsCheckingInterval: ARRIVAL.lookMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
  });
  server.setTimeout(CONNECTION_MS);
  front.standOn(server);
  endThoseInLine(server);
  const refuse = clientErrorHandler(publicUrl, constant);
  server.on('clientError', (error: Error & { code?: string }, stream) => {
    // The server has the head of the request, and the time of its body is the server's matter.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && front.hasPassed(stream)) return;
    refuse(error, stream as Socket);
  });
  server.on('error', ({ code, syscall, address, port: taken }: ListenFailure & Error) => {
    const failure = { code, syscall, address, port: taken } as ListenFailure;
    say({ cannotListen: failure }, () => process.exit(1));
  });
  server.listen(port, host);
  return server;
}
