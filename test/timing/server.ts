/** The server that is timed: the production app in a process of its own, without a mail worker to disturb it. */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { build } from '../../src/app.js';
import { erasureJournalFile } from '../../src/erasure-journal-file.js';
import { openStore } from '../../src/store/open.js';
import { limits } from '../high-limits.js';

const [database = '', folder = '', rootKey = ''] = process.argv.slice(2);
const app = await build({
  config: { publicUrl: 'http://undersigned.test', trustProxy: [], limits },
  store: await openStore(database, {
    now: () => new Date(),
    maxWaiting: 5000,
    poolSize: 10,
    statementTimeoutMs: 10_000,
    allowUnsafeDurability: true,
    onFatal: (error) => {
      throw error;
    },
  }),
  rootKey: Buffer.from(rootKey, 'hex'),
  erasures: erasureJournalFile(join(folder, 'erasures.log')),
});
await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.((app.server.address() as AddressInfo).port);
process.once('disconnect', () => process.exit());
