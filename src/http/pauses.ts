import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Pause, PauseWatch, Pauses } from '../core/brakes/pauses.js';
import { ApiError } from '../errors.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** New signatures arrive through this route, so a pause of signing closes it. */
    takesSignatures?: true;
  }
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
const WORDS = {
  signing: 'Signing is paused at the moment. Everything else goes on.',
  writing: 'Changes are paused at the moment. Reading goes on, and nothing was changed.',
} as const;

/** Refuses what the operator has paused with 503 `paused`, before anything is read for it. */
export const pauseGate =
  (pauses: PauseWatch): onRequestHookHandler =>
  (request, _reply, done) => {
    const pause = pauses.current && pauseOf(request, pauses.current);
    if (!pause) return done();
    done(
      new ApiError('paused', {
        detail: pause.message ?? WORDS[pause.what],
        headers: { 'retry-after': String(pause.retryAfter) },
        ...(pause.message === null ? {} : { extra: { message: pause.message } }),
      }),
    );
  };

function pauseOf(
  { method, routeOptions }: FastifyRequest,
  { writing, signing }: NonNullable<Pauses>,
): Pause | undefined {
  if (READING.has(method)) return undefined;
  return writing ?? (routeOptions.config.takesSignatures ? signing : undefined);
}
