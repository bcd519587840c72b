import fc from 'fast-check';
import t from 'tap';
import { csvCell, CsvReader, MAX_RECORD, unescapeFormula, type CsvRecord } from '../../src/core/csv.js';

/** All records of a text that comes in pieces of these lengths, over and over. */
function read(text: string, lengths: readonly number[] = [text.length || 1]): CsvRecord[] {
  const reader = new CsvReader();
  const records: CsvRecord[] = [];
  for (let at = 0, i = 0; at < text.length; i += 1) {
    const length = lengths[i % lengths.length] ?? 1;
    records.push(...reader.read(text.slice(at, at + length)));
    at += length;
  }
  return [...records, ...reader.end()];
}
const cellsOf = (text: string) => read(text).map(({ cells }) => cells);

/** Letters that mean something to CSV, to spreadsheets, or to neither. */
const cell = fc.string({
  unit: fc.constantFrom('a', 'ü', '李', ' ', ',', ';', '\t', '"', "'", '\n', '\r\n', '=', '+', '-', '@', '0'),
  maxLength: 8,
});
/** Rows of blanks are no rows. */
const hasInk = (row: readonly string[]) => row.some((one) => one.trim() !== '');
const rows = fc
  .array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 6 })
  .map((some) => [['name', 'email'], ...some.filter(hasInk)]);
const end = fc.constantFrom('\n', '\r\n');

t.test('what is written is read again, in whatever pieces it comes', async () => {
  fc.assert(
    fc.property(
      rows,
      end,
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (all, eol, last, lengths) => {
        const text = all.map((row) => row.map(csvCell).join(',')).join(eol) + (last ? eol : '');
        const found = read(text, lengths).map(({ cells }) => cells?.map(unescapeFormula));
        return JSON.stringify(found) === JSON.stringify(all);
      },
    ),
    { numRuns: 1000 },
  );
});

t.test('the pieces in which a file comes change nothing, however broken it is', async () => {
  fc.assert(
    fc.property(
      cell,
      fc.array(cell),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      (first, parts, lengths) => {
        const text = `a,b\n${first}${parts.join('')}`;
        return JSON.stringify(read(text, lengths)) === JSON.stringify(read(text));
      },
    ),
    { numRuns: 1000 },
  );
});

t.test('no cell begins as a spreadsheet’s formula, and each comes back as it was', async () => {
  fc.assert(
    fc.property(cell, (value) => {
      const written = csvCell(value);
      const shown = written.startsWith('"') ? written.slice(1) : written;
      return !/^[=+\-@\t\r]/.test(shown);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      cell,
      (value) => unescapeFormula(read(`a,b\nx,${csvCell(value)}`)[1]?.cells?.[1] ?? '') === value,
    ),
  );
});

t.test('a name with an apostrophe is not taken for an escaped formula', async (t) => {
  for (const name of ["'t Hooft", "O'Neill", "'", "''", "'=1'", "'-"]) {
    t.equal(unescapeFormula(csvCell(name)), name);
  }
  t.equal(csvCell("'t Hooft"), "'t Hooft", 'and stays as it is');
  t.equal(unescapeFormula('="0612345678"'), '0612345678', 'digits that a spreadsheet was kept from reading');
  t.equal(unescapeFormula(csvCell('="0"').slice(1, -1).replaceAll('""', '"')), '="0"');
  t.equal(csvCell('=1+1'), "'=1+1");
  t.equal(csvCell('＝1'), "'＝1", 'full-width signs, too');
});

t.test('each record is told by the line that it begins in', async (t) => {
  const text = 'a,b\n\n"x\ny","z"\n\r\n1,2\r\n"broken,"2\n3,4';
  t.same(read(text), [
    { line: 1, cells: ['a', 'b'] },
    { line: 3, cells: ['x\ny', 'z'] },
    { line: 6, cells: ['1', '2'] },
    { line: 7, cells: undefined },
    { line: 8, cells: ['3', '4'] },
  ]);
});

t.test('the first line says what separates cells', async (t) => {
  t.same(cellsOf('a;b\n1,5;2'), [
    ['a', 'b'],
    ['1,5', '2'],
  ]);
  t.same(cellsOf('a\tb\n1;2\t3'), [
    ['a', 'b'],
    ['1;2', '3'],
  ]);
  t.same(cellsOf('a,b;c\n1,2;3'), [
    ['a', 'b;c'],
    ['1', '2;3'],
  ]);
  t.same(cellsOf('a;b\n"x;y";"z"'), [
    ['a', 'b'],
    ['x;y', 'z'],
  ]);
});

t.test('blank rows are no rows, and a line may name the separator', async (t) => {
  t.same(cellsOf('\r\n  \r\na;b\r\n1;2\r\n;\r\n" ";\t\r\n   \r\n\u001a'), [
    ['a', 'b'],
    ['1', '2'],
  ]);
  t.same(cellsOf('sep=|\na,b|c\n1,2|3\n'), [
    ['a,b', 'c'],
    ['1,2', '3'],
  ]);
  t.same(cellsOf('"Name, first";mail\n"x";y'), [
    ['Name, first', 'mail'],
    ['x', 'y'],
  ]);
});

t.test('lines may end with CR alone, in whatever pieces they come', async (t) => {
  const text = 'a,"b\rc"\r1,2\r\r"x\ry",4\r';
  for (const lengths of [[1], [3], [100], [8, 1]]) {
    t.same(
      read(text, lengths),
      [
        { line: 1, cells: ['a', 'b\nc'] },
        { line: 3, cells: ['1', '2'] },
        { line: 5, cells: ['x\ny', '4'] },
      ],
      lengths.join(),
    );
  }
  t.same(read('a,b\r\n1,2\r\n', [4]), [
    { line: 1, cells: ['a', 'b'] },
    { line: 2, cells: ['1', '2'] },
  ]);
});

t.test('a quote that never ends costs its own line, and none of those after it', async (t) => {
  t.same(cellsOf('a,b\n"open,2\n3,4\n5,6'), [['a', 'b'], undefined, ['3', '4'], ['5', '6']]);
  t.same(cellsOf('a,b\nx"y,2'), [
    ['a', 'b'],
    ['x"y', '2'],
  ]);
  const long = `a,b\n"${'x,y\n'.repeat(MAX_RECORD / 4 + 10)}last,row\n`;
  const records = read(long, [4096]);
  t.equal(records[1]?.cells, undefined);
  t.same(records.at(-1)?.cells, ['last', 'row'], 'in a large file as in a small one');
  t.ok(new CsvReader().read(long).length > 1000, 'and it is not kept until the end');
});

t.test('a line too long for any row is given up, and the next is read', async (t) => {
  const fits = 'x'.repeat(MAX_RECORD - 2);
  t.same(cellsOf(`a,b\n${fits},y\n1,2`)[1], [fits, 'y']);
  for (const lengths of [[1_000_000], [1000], [MAX_RECORD]]) {
    const records = read(`a,b\n${'x'.repeat(3 * MAX_RECORD)}\n1,2\n`, lengths);
    t.same(records.at(-1), { line: 3, cells: ['1', '2'] }, lengths.join());
    t.ok(records.slice(1, -1).every(({ line, cells }) => line === 2 && cells === undefined));
    t.equal(records.length, 3, 'it is told once');
  }
});
