/**
 * The server that is timed: the production one in a process of its own, as it is started by `serve`. Mails go into its
 * folder. Told `quiet` it sends none, so that nothing disturbs it.
 */
import { loadConfig } from '../../src/config.js';
import { startServer } from '../../src/server.js';

const [database = '', folder = '', rootKey = '', mail] = process.argv.slice(2);
process.chdir(folder);
const config = loadConfig(
  {
    PORT: '0',
    DATABASE_URL: database,
    ROOT_KEY: Buffer.from(rootKey, 'hex').toString('base64'),
    LOG_LEVEL: 'silent',
    MAIL_WORKER: String(mail !== 'quiet'),
    POSTGRES_ALLOW_UNSAFE: 'true',
    RATE_LIMIT_CLIENT: '999999999/60',
    RATE_LIMIT_CONFIRM: '999999999/60',
    RATE_LIMIT_MAIL: '999999999/60',
    RATE_LIMIT_MAIL_SUSTAINED: '999999999/60',
    RATE_LIMIT_SIGN_BURST: '999999999/60',
    RATE_LIMIT_SIGN_SUSTAINED: '999999999/60',
    RATE_LIMIT_SIGN_MOST: '999999999/60',
    CHALLENGE_ABOVE: '999999999/60',
    PUBLIC_URL: 'http://undersigned.test',
  },
  false,
);
const { app, stop } = await startServer(config);
process.send?.((app.server.address() as { port: number }).port);
process.once('disconnect', () => void stop().then(() => process.exit()));
