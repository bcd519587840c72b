import type { Config } from './config.js';
import { isAnythingOpen } from './core/sending/open-mailings.js';
import { describeError } from './errors.js';
import { dkimKey } from './mail/campaign/dkim.js';
import type { Locales } from './mail/locales.js';
import type { Reader } from './store/store.js';
import { threadProgram } from './thread-program.js';
import { startThread, type ThreadOptions } from './worker-thread.js';

/** How often it is looked whether there is a mailing. Other processes write them, too. */
const LOOK_MS = 1000;
const AFTER_FAILURE_MS = 10_000;

export type MailingsOptions = Pick<ThreadOptions, 'logger' | 'onFailure'> & {
  config: Config;
  read: Reader;
  locales: Pick<Locales, 'catalogues'>;
  rootKey: Uint8Array;
  turn: SharedArrayBuffer;
};

/**
 * The worker that sends mailings has a thread of its own, with its own connections to the database and the mail server: a
 * mailing never delays the mails of the outbox. It is started with the first mailing that it may have to send, since it takes
 * some 60 MB and most processes never have one. Throws if the DKIM key cannot be used.
 */
export function startMailings(options: MailingsOptions): { stop: () => Promise<void> } {
  const { config, read, rootKey, turn, locales, logger } = options;
  dkimKey(config);
  const program = threadProgram(import.meta.url, 'mailing-thread');
  const data = { config, rootKey, turn, catalogues: locales.catalogues };
  let thread: { stop: () => Promise<void> } | undefined;
  let looking = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  async function look(): Promise<void> {
    let again = LOOK_MS;
    try {
      const isNeeded = await isAnythingOpen(read);
      if (isNeeded) thread = await startThread(program, { ...options, name: 'mailings', data });
    } catch (error) {
      logger.error({ error: describeError(error) }, 'mailings cannot be sent');
      again = AFTER_FAILURE_MS;
    }
    if (!thread) lookIn(again);
  }
  const lookIn = (ms: number) => {
    timer = setTimeout(() => void (looking = look()), ms).unref();
  };
  lookIn(0);
  return {
    async stop() {
      clearTimeout(timer);
      await looking;
      clearTimeout(timer);
      await thread?.stop();
    },
  };
}
