import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { deliveryLines } from '../support/delivery-names.js';
import type { DeliveryLine } from '../../src/deliveries/delivery.js';
import { writeDelivery } from '../../src/deliveries/write-delivery.js';
import {
  deliveryOf,
  filesIn,
  folderFor,
  lineOf,
  linesOf,
  pagesOf,
  recordsIn,
} from '../support/deliveries.js';

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

t.test('each file is whole, private and as it is said to be', async (t) => {
  const folder = folderFor(t);
  writeFileSync(join(folder, 'signatures.csv'), 'of an earlier delivery');
  const lines = [...deliveryLines(700)];
  const delivered = await writeDelivery(deliveryOf(lines), lines, { folder });
  t.same(readdirSync(folder).sort(), [
    'signatures.csv',
    'signatures.json',
    'signatures.pdf',
    'signatures.tree',
  ]);
  t.equal(delivered.lines, 700);
  for (const { name, bytes, sha256: said, archive, volume } of delivered.files) {
    const data = readFileSync(join(folder, name));
    t.same([data.length, sha256(data), archive, volume], [bytes, said, null, 1], name);
    t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  const csv = readFileSync(join(folder, 'signatures.csv'), 'utf8');
  t.ok(csv.startsWith('\ufeffnumber,name,country\r\n'));
  t.same(
    recordsIn(csv),
    lines.map(({ number, name, country }) => [String(number), name ?? '', country ?? '']),
  );
  const json = JSON.parse(readFileSync(join(folder, 'signatures.json'), 'utf8')) as { lines: DeliveryLine[] };
  t.match(json, { title: 'Keep the meadow', recipient: 'The Mayor', total: 700, volume: 1, volumes: 1 });
  t.same(
    json.lines,
    lines.map(({ number, name, country, salt }) => ({ number, name, country, salt })),
  );
  t.equal(statSync(join(folder, 'signatures.tree')).mode & 0o777, 0o600);
});

t.test('the same delivery has the same bytes', async (t) => {
  const lines = [...deliveryLines(60)];
  const [one, two] = await Promise.all(
    [1, 2].map(() => writeDelivery(deliveryOf(lines), lines, { folder: folderFor(t) })),
  );
  t.same(one?.files, two?.files);
});

t.test('every line is in the PDF once, in its order', async (t) => {
  const folder = folderFor(t);
  const lines = Array.from({ length: 5_100 }, (_, i) => lineOf(i + 1, { name: `Signer Number${i + 1}` }));
  await writeDelivery(deliveryOf(lines, { formats: ['pdf'] }), lines, { folder });
  const text = pagesOf(join(folder, 'signatures.pdf')).join('\n');
  const found = [...text.matchAll(/^ *(\d+) +Signer Number(\d+) /gm)].map(([, a, b]) => [
    Number(a),
    Number(b),
  ]);
  t.same(
    found,
    lines.map(({ number }) => [number, number]),
  );
});

t.test('volumes are in an archive, each with its own lines', async (t) => {
  const folder = folderFor(t);
  const lines = [...deliveryLines(25)];
  const { files } = await writeDelivery(deliveryOf(lines, { linesPerVolume: 10 }), lines, { folder });
  t.same(readdirSync(folder).sort(), ['signatures.tree', 'signatures.zip'], 'what is in it is not beside it');
  const inside = filesIn(join(folder, 'signatures.zip'));
  t.equal(inside.size, 9);
  for (const { name, archive, bytes, sha256: said } of files) {
    const data = archive === null ? readFileSync(join(folder, name)) : inside.get(name);
    t.same([data?.length, data && sha256(data)], [bytes, said], name);
  }
  const numbers = [1, 2, 3].map((volume) =>
    recordsIn(inside.get(`signatures-${volume}.csv`)?.toString() ?? '').map(([number]) => Number(number)),
  );
  t.same(
    numbers.map((list) => [list[0], list.at(-1)]),
    [
      [1, 10],
      [11, 20],
      [21, 25],
    ],
  );
  const path = join(folder, 'two.pdf');
  writeFileSync(path, inside.get('signatures-2.pdf') ?? '');
  const text = pagesOf(path).join('\n');
  t.match(text, /Volume 2 of 3: lines 11 to 20/);
  t.notMatch(text, /Dear Mayor/, 'the letter is in the first one');
});

t.test('an empty list is a delivery, too', async (t) => {
  const folder = folderFor(t);
  const { lines, files } = await writeDelivery(deliveryOf([]), [], { folder });
  t.same([lines, files.length], [0, 3]);
  t.same(JSON.parse(readFileSync(join(folder, 'signatures.json'), 'utf8')).lines, []);
});

t.test('what does not add up is refused, and leaves nothing', async (t) => {
  const folder = folderFor(t);
  const lines = linesOf('Ada', 'Bob');
  const wrong = [
    [deliveryOf(lines, { lines: 3 }), lines, /3 lines were said to come, 2 came/],
    [deliveryOf(lines, { lines: 1, linesPerVolume: 1 }), lines, /more than the 1 lines/],
    [deliveryOf(lines), [lineOf(1), lineOf(1)], /line 2 of the list came with the number 1/],
    [
      deliveryOf(lines, { sums: { country: [{ key: 'DE', count: 1 }], partner: null } }),
      lines,
      /sums by country are not those of the lines/,
    ],
  ] as const;
  for (const [delivery, list, message] of wrong) {
    await t.rejects(writeDelivery(delivery, list, { folder }), { name: 'DeliveryError', message });
    t.same(readdirSync(folder), []);
  }
  const right = { country: [{ key: 'DE', count: 2 }], partner: [{ key: null, count: 2 }] };
  await writeDelivery(deliveryOf(lines, { sums: right }), lines, { folder });
});

t.test('a source or a thread that fails leaves nothing', async (t) => {
  const folder = folderFor(t);
  async function* broken() {
    yield* deliveryLines(2_000);
    throw new Error('the database is gone');
  }
  const lines = [...deliveryLines(3_000)];
  await t.rejects(writeDelivery(deliveryOf(lines), broken(), { folder }), {
    message: 'the database is gone',
  });
  t.same(readdirSync(folder), []);
  const small = writeDelivery(deliveryOf(lines), lines, { folder, memory: 8 });
  await t.rejects(small, { name: 'DeliveryError', message: /ERR_WORKER_OUT_OF_MEMORY/ });
  t.same(readdirSync(folder), []);
  const nowhere = join(folder, 'not', 'there');
  await t.rejects(writeDelivery(deliveryOf(lines), lines, { folder: nowhere }), { code: 'ENOENT' });
});

t.test('a cancelled delivery ends at once, and leaves nothing', async (t) => {
  const folder = folderFor(t);
  const delivery = deliveryOf([], { lines: 1_000_000, linesPerVolume: 500 });
  for (const rest of ['more lines', 'silence']) {
    const controller = new AbortController();
    let closed = false;
    async function* source() {
      try {
        for (const line of deliveryLines(1_000_000)) {
          if (line.number === 3_000) {
            setImmediate(() => controller.abort());
            if (rest === 'silence') await new Promise(() => undefined);
          }
          yield line;
        }
      } finally {
        closed = true;
      }
    }
    await t.rejects(writeDelivery(delivery, source(), { folder, signal: controller.signal }), {
      name: 'AbortError',
    });
    t.same(readdirSync(folder), [], rest);
    if (rest === 'more lines') {
      // The source learns it with the next line that it has.
      for (let turns = 0; turns < 1_000 && !closed; turns += 1) {
        await new Promise((done) => setImmediate(done));
      }
      t.ok(closed, 'the source is closed');
    }
  }
  await t.rejects(writeDelivery(delivery, [], { folder, signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
});

t.test('fifty thousand names take no more memory than a few thousand', { timeout: 600_000 }, async (t) => {
  const folder = folderFor(t);
  let [given, most] = [0, 0];
  function* source() {
    for (const line of deliveryLines(50_000)) {
      given += 1;
      most = Math.max(most, process.memoryUsage.rss());
      yield line;
    }
  }
  const before = process.memoryUsage.rss();
  const delivery = deliveryOf([], { lines: 50_000, linesPerVolume: 20_000 });
  // A thread that keeps the names, or the pages, dies of this.
  const { lines } = await writeDelivery(delivery, source(), { folder, memory: 128 });
  t.same([lines, given], [50_000, 50_000]);
  t.ok((most - before) / 1e6 < 400, `${Math.round((most - before) / 1e6)} MB more`);
});

t.test('any names: the CSV has them, and the PDF is drawn', async (t) => {
  const name = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
    fc.constantFrom(
      '=1+1',
      "'",
      '"',
      '\r\n',
      ' ',
      '\u202eevil',
      '\u0301',
      '\u200d',
      '👩‍👩‍👧',
      '\ud83c',
      'ﷺ',
      'a\u0300\u0301\u0302',
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(name, { minLength: 30, maxLength: 60 }), async (names) => {
      const folder = folderFor(t);
      // Nothing in a database is half a character.
      const lines = names.map((one, i) =>
        lineOf(i + 1, { name: Buffer.from(one).toString(), comment: Buffer.from(one).toString() }),
      );
      const delivery = deliveryOf(lines, {
        columns: ['comment'],
        statement: names.join(' '),
        title: names[0] ?? '',
      });
      await writeDelivery(delivery, lines, { folder });
      const read = recordsIn(readFileSync(join(folder, 'signatures.csv'), 'utf8'));
      t.same(
        read,
        lines.map(({ number, name, comment }) => [String(number), name, comment]),
      );
      t.ok(pagesOf(join(folder, 'signatures.pdf')).length > 0);
    }),
    { numRuns: 6 },
  );
});
