import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../src/config.js';
import { startMailings } from '../src/start-mailings.js';
import { migrateStore } from '../src/store/open.js';
import { ROOT_KEY } from './support/helper.js';

t.test('the thread of mailings reads no words before a scheduled mailing needs them', async (t) => {
  const folder = t.testdir({ locales: { 'en.yaml': 'mail: [' } });
  const DATABASE_URL = `file:${join(folder, 'undersigned.db')}`;
  await migrateStore(DATABASE_URL);
  const lines: string[] = [];
  const log = (values: object, message: string) => void lines.push(`${message} ${JSON.stringify(values)}`);
  const thread = await startMailings({
    config: loadConfig(
      {
        DATABASE_URL,
        // To read it would fail.
        LOCALES_FOLDER: join(folder, 'locales'),
        MAIL_FOLDER: join(folder, 'mail'),
        MAILING_JOURNAL: join(folder, 'mailings.log'),
      },
      false,
    ),
    rootKey: ROOT_KEY,
    logger: { debug: log, info: log, warn: log, error: log, isLevelEnabled: () => true },
    turn: new SharedArrayBuffer(4),
    onFailure: (error) => t.fail(String(error)),
  });
  await thread.stop();
  t.same(lines, []);
});
