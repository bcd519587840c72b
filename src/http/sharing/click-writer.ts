import type { FastifyInstance } from 'fastify';
import type { ClickRecorder } from '../../core/sharing/click-recorder.js';
import { describeError } from '../../errors.js';

const FLUSH_MS = 1000;

/** Writes what a recorder has counted, every second and when the server closes. */
export function writeClicks(app: FastifyInstance, recorder: ClickRecorder): void {
  const timer = setInterval(() => {
    recorder.flush().catch((error: unknown) => {
      app.log.warn({ error: describeError(error) }, 'could not write clicks: they are kept');
    });
  }, FLUSH_MS);
  timer.unref();
  // onClose runs after the last answer and before the store closes.
  app.addHook('onClose', async () => {
    clearInterval(timer);
    await recorder.close().catch((error: unknown) => {
      app.log.error({ error: describeError(error) }, 'the clicks of the last seconds are lost');
    });
  });
}
