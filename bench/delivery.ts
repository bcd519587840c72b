import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Delivery, Format, Sum } from '../src/deliveries/delivery.js';
import type { writeDelivery as WriteDelivery } from '../src/deliveries/write-delivery.js';
import { loadLocales } from '../src/mail/load-locales.js';
import { build } from './stage.js';
import { deliveryLines } from '../test/support/delivery-names.js';

/* How long a delivery takes, and in how much memory: `npm run bench:delivery -- --names 100000`. */

const { values } = parseArgs({
  options: {
    names: { type: 'string', default: '100000' },
    volume: { type: 'string', default: '50000' },
    formats: { type: 'string', default: 'pdf,csv,json' },
    keep: { type: 'string' },
  },
});

build();
// What a server runs. The sources would be drawn by a thread that compiles them first, and with larger objects.
const { writeDelivery } = (await import(
  new URL('../dist/src/deliveries/write-delivery.js', import.meta.url).href
)) as { writeDelivery: typeof WriteDelivery };

const count = Number(values.names);
const sums = new Map<string | null, number>();
for (const { country } of deliveryLines(count)) sums.set(country, (sums.get(country) ?? 0) + 1);

const delivery: Delivery = {
  id: 'dlv_bench',
  petition: 'pet_bench',
  after: null,
  unlisted: { hidden: 0, partners: [], paper: 0, elsewhere: 0 },
  weeded: [],
  struck: [],
  encryptTo: [],
  organization: 'Night Train Alliance',
  title: 'Bring back the night trains',
  statement: 'We ask for **direct night trains** between the capitals.\n\n- Rome\n- Paris',
  coverLetter: 'Dear Commissioner,\n\nplease find below the names of those who signed.',
  recipient: 'The Commissioner for Transport',
  cutAt: '2026-11-28T12:00:00Z',
  locale: 'en',
  words: loadLocales().pick('en').delivery,
  pageSize: 'A4',
  columns: ['country', 'city', 'date'],
  groupBy: 'none',
  sums: { country: [...sums].map(([key, number]): Sum => ({ key, count: number })), partner: null },
  lines: count,
  linesPerVolume: Number(values.volume),
  formats: values.formats.split(',') as Format[],
};

const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'undersigned-delivery-'));
// The kernel's own peak, of the whole process with its thread.
const peak = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024;
const before = peak();
const start = performance.now();
const cpuBefore = process.cpuUsage();
const { files, notDrawn } = await writeDelivery(delivery, deliveryLines(count), { folder });
const seconds = (performance.now() - start) / 1000;
for (const { name, bytes, archive } of files) {
  const isShown = files.length < 20 || archive === null;
  if (isShown) console.log(`${name.padEnd(20)} ${bytes.toLocaleString('en').padStart(14)} bytes`);
}
const { user, system } = process.cpuUsage(cpuBefore);
console.log(`${count.toLocaleString('en')} names, ${notDrawn.length} of them in the CSV alone`);
console.log(
  `${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} names a second, ${((user + system) / 1e6).toFixed(1)} s of processors`,
);
console.log(`${peak().toFixed(0)} MB of memory at most, ${before.toFixed(0)} MB before`);
if (values.keep === undefined) rmSync(folder, { recursive: true });
