import type { Config } from './config.js';
import { dkimKey } from './mail/campaign/dkim.js';
import { threadProgram } from './thread-program.js';
import { startThread, type ThreadOptions } from './worker-thread.js';

export type MailingsOptions = Pick<ThreadOptions, 'logger' | 'onFailure'> & {
  config: Config;
  rootKey: Uint8Array;
  turn: SharedArrayBuffer;
};

/**
 * Starts the worker that sends mailings, in a thread of its own with its own connections to the database and the mail
 * server: a mailing never delays the mails of the outbox. Throws if the DKIM key cannot be used.
 */
export function startMailings(options: MailingsOptions): Promise<{ stop: () => Promise<void> }> {
  const { config, rootKey, turn } = options;
  dkimKey(config);
  const program = threadProgram(import.meta.url, 'mailing-thread');
  return startThread(program, { ...options, name: 'mailings', data: { config, rootKey, turn } });
}
