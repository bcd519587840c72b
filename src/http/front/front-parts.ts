import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { PauseWatch } from '../../core/brakes/pauses.js';
import type { Admission } from '../limits/admission.js';
import type { Limits } from '../limits/limits.js';
import type { RequestId } from '../instance.js';
import type { RequestTimes } from '../request-times.js';
import type { Leaving } from './leaving.js';

/** What the front shares with the routes. */
export type FrontParts = {
  limits: Pick<Limits, 'countKeyless' | 'countAnswered' | 'petitionOf'>;
  times: RequestTimes;
  leaving: Leaving;
  /** The address of the client, as Fastify finds it. */
  addressOf: (request: IncomingMessage) => string;
  requestId: RequestId;
  /** Whether the process is shutting down. */
  draining: () => boolean;
  /** Whether all requests come through workers. */
  behindWorkers: boolean;
  app: FastifyInstance;
  admission: Pick<Admission, 'isOpen' | 'enter'>;
  pauses: Pick<PauseWatch, 'current'>;
};
