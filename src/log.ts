import pino, { type Logger } from 'pino';
import { describeError } from './errors.js';
import { createLogStream, stdoutSink } from './log-stream.js';
import { redact } from './redact.js';

export type Log = {
  logger: Logger;
  /** Prints plain text for the person who starts the server, between the lines of the logger. */
  say: (text: string) => void;
  /** Resolves once all is written, or after `ms`. */
  flushed: (ms: number) => Promise<void>;
  dropped: () => number;
};

/** Opens the log of a process. A line must never hold a query string, a body, an address or a key. */
export function openLog(level: string): Log {
  const stream = createLogStream(stdoutSink(), (lines) =>
    logger.error({ lines }, 'lines of the log were dropped: they could not be written'),
  );
  const logger = pino(
    {
      level,
      hooks: { streamWrite: redact },
      redact: {
        paths: ['req.headers.authorization', '*.email', '*.token', 'req.remoteAddress'],
        censor: '[redacted]',
      },
      serializers: {
        req: ({
          method,
          routeOptions,
          id,
        }: {
          method: string;
          routeOptions?: { url?: string };
          id: string;
        }) => ({
          id,
          method,
          route: routeOptions?.url,
        }),
        err: describeError,
      },
    },
    stream,
  );
  const { flushed, dropped } = stream;
  return { logger, say: (text) => stream.write(`${text}\n`), flushed, dropped };
}
