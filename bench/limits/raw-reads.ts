/** Raw better-sqlite3 without HTTP: the same rows are read and written as JSON, one after another. */
import { performance } from 'node:perf_hooks';
import { startMeter } from '../meter.js';
import type { RawReadOrder, RawReport } from '../types.js';
import { openReads } from './reads.js';

const [file = ''] = process.argv.slice(2);
const reads = openReads(file);

process.on('message', ({ seconds, kind, slug }: RawReadOrder) => {
  const read = {
    read: () => reads.petition(slug),
    counts: () => reads.counts(slug),
    list: () => reads.signatures(slug, 20),
  }[kind];
  if (JSON.stringify(read() ?? null).length < 20) throw new Error(`there is nothing to read for ${kind}`);
  const meter = startMeter(process.pid);
  const started = performance.now();
  let done = 0;
  while (performance.now() - started < seconds * 1000) {
    for (let i = 0; i < 100; i += 1) JSON.stringify(read());
    done += 100;
  }
  const elapsed = (performance.now() - started) / 1000;
  process.send?.({ done, elapsed, ...meter.stop() } satisfies RawReport);
});
process.send?.('ready');
