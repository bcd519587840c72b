/** Our own server on PostgreSQL without gathering: each request has its own transaction. */
import type { AddressInfo } from 'node:net';
import { build } from '../../src/app.js';
import { erasureJournalFile } from '../../src/erasure-journal-file.js';
import { openStore } from '../../src/store/open.js';
import { announce } from './http.js';

const [url = ''] = process.argv.slice(2);
const store = await openStore(url, {
  now: () => new Date(),
  maxWaiting: 5000,
  poolSize: 10,
  statementTimeoutMs: 10_000,
  onFatal: () => undefined,
  groups: 0,
});
const app = await build({
  config: { publicUrl: 'http://127.0.0.1', trustProxy: [], limits: null },
  store,
  rootKey: Buffer.alloc(32, 1),
  erasures: erasureJournalFile('erasures.log'),
});
await app.listen({ host: '127.0.0.1', port: 0 });
announce((app.server.address() as AddressInfo).port);
