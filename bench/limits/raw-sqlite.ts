/** Raw better-sqlite3 without HTTP: the same rows, in batches as large as there are connections. */
import { performance } from 'node:perf_hooks';
import { emailOf } from '../email.js';
import { startMeter } from '../meter.js';
import type { RawOrder, RawReport } from '../types.js';
import { openRows } from './rows.js';

const [file = ''] = process.argv.slice(2);
const rows = openRows(file);

process.on('message', ({ seconds, batch, first }: RawOrder) => {
  const meter = startMeter(process.pid);
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < seconds * 1000) {
    const signers = Array.from({ length: batch }, (_, i) => ({
      name: 'Ada Okonkwo',
      email: emailOf(first + done + i),
      country: 'NL',
      display: 'initials',
    }));
    rows.insert(signers);
    done += batch;
  }
  const elapsed = (performance.now() - started) / 1000;
  process.send?.({ done, elapsed, ...meter.stop() } satisfies RawReport);
});
process.send?.('ready');
