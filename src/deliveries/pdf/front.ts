import { unlistedIn, volumesOf, type Delivery } from '../delivery.js';
import type { Place } from '../tables.js';
import { fill } from '../words.js';
import { blocksOf, type Block } from './blocks.js';
import type { Pages } from './pages.js';

/* The first pages: the letter, the petition, how many signed it. */

const BODY = 10;
const LEADING = 1.45;
const SIZES = [18, 14, 12, 11] as const;

/** Draws what comes before the list. Later volumes only say which they are. */
export async function drawFront(pages: Pages, delivery: Delivery, place: Place): Promise<void> {
  const { title, organization, recipient, coverLetter, statement, words, cutAt, locale } = delivery;
  const cut = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  const asOf = fill(words.cut, { date: `${cut.format(new Date(cutAt))} UTC` });
  const texts = [title, organization, recipient, coverLetter, statement, asOf, ...Object.values(words)];
  const tables = [...sumsOf(delivery), ...weededOf(delivery)];
  const rows = [...tables.flatMap((table) => table.rows), ...totalsOf(delivery)];
  for (const text of [...texts, ...rows.map(([label]) => label)]) {
    await pages.load(text, 400);
    await pages.load(text, 700);
  }
  pages.turn();
  heading(pages, 1, title);
  if (place.volumes > 1) paragraph(pages, volumeLine(pages, delivery, place));
  paragraph(pages, organization);
  paragraph(pages, fill(words.to, { recipient }));
  if (place.volume > 1) return;
  pages.y += BODY;
  drawMarkdown(pages, coverLetter);
  heading(pages, 2, words.statement);
  drawMarkdown(pages, statement);
  heading(pages, 2, words.counts);
  paragraph(pages, fill(words.delivery, { delivery: delivery.id }));
  paragraph(pages, asOf);
  drawEarlier(pages, delivery);
  for (const [label, count, weight] of totalsOf(delivery)) row(pages, label, count, weight);
  for (const { title: by, rows } of tables) {
    heading(pages, 3, by);
    for (const [label, count] of rows) row(pages, label, count, 400);
  }
  drawStruck(pages, delivery);
}

type Row = readonly [label: string, count: number, weight: 400 | 700];

/** What is on the list, what counts beside it, and both together. */
function totalsOf(delivery: Delivery): Row[] {
  const { words, lines, after } = delivery;
  const { hidden, partners, paper, elsewhere } = delivery.unlisted;
  const total: Row = [after ? words.total_since : words.total, lines + unlistedIn(delivery), 700];
  const beside: Row[] = [
    [words.unlisted_hidden, hidden, 400],
    ...partners.map(({ name, count }): Row => [
      fill(words.unlisted_partner, { organization: name }),
      count,
      400,
    ]),
    [words.unlisted_paper, paper, 400],
    [words.unlisted_elsewhere, elsewhere, 400],
  ];
  const shown = beside.filter(([, count]) => count > 0);
  return shown.length === 0
    ? [total]
    : [[after ? words.listed_since : words.listed, lines, 400], ...shown, total];
}

function weededOf({ weeded, words }: Delivery): { title: string; rows: Row[] }[] {
  if (weeded.length === 0) return [];
  const rows = weeded.map(({ reason, count }): Row => [reason || words.weeded_unsaid, count, 400]);
  return [{ title: words.weeded, rows }];
}

/** Which delivery this one continues. */
function drawEarlier(pages: Pages, { after, words }: Delivery): void {
  if (!after) return;
  paragraph(pages, fill(words.continues, { delivery: after.id }));
  if (after.root !== null) paragraph(pages, fill(words.continues_root, { root: after.root }));
}

function drawStruck(pages: Pages, { struck, words }: Delivery): void {
  if (struck.length === 0) return;
  heading(pages, 3, words.struck);
  for (const { delivery, lines } of struck) {
    paragraph(pages, fill(words.struck_lines, { delivery, lines: rangesOf(lines) }));
  }
}

/** Numbers as `3, 7–9`. */
export function rangesOf(numbers: readonly number[]): string {
  const ranges: [from: number, to: number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && number <= last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`)).join(', ');
}

export function volumeLine(pages: Pages, delivery: Delivery, { volume }: Place): string {
  const from = (volume - 1) * delivery.linesPerVolume + 1;
  const to = Math.min(delivery.lines, volume * delivery.linesPerVolume);
  const numbers = { volume, volumes: volumesOf(delivery), from, to };
  return fill(
    delivery.words.volume,
    Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, pages.number(value)])),
  );
}

/** The sums that are shown, the greatest first, as they are said. */
function sumsOf({ sums, words, locale, organization }: Delivery) {
  const countries = new Intl.DisplayNames(locale, { type: 'region', fallback: 'code' });
  const countryOf = (key: string | null) => (key === null ? words.not_stated : nameOf(countries, key));
  const partnerOf = (key: string | null) => key ?? fill(words.own, { organization });
  const tables = [
    [words.by_country, sums.country, countryOf],
    [words.by_partner, sums.partner, partnerOf],
  ] as const;
  return tables.flatMap(([title, list, label]) => {
    if (!list) return [];
    const sorted = [...list].sort((a, b) => b.count - a.count);
    return [{ title, rows: sorted.map(({ key, count }): Row => [label(key), count, 400]) }];
  });
}

/** The name of a country; what is no code is shown as it is. */
export function nameOf(countries: Intl.DisplayNames, code: string): string {
  try {
    return countries.of(code) ?? code;
  } catch {
    return code;
  }
}

/** A heading, which does not stay alone at the end of a page. */
export function heading(pages: Pages, level: number, text: string): void {
  const size = SIZES[level - 1] ?? BODY;
  const lines = pages.setter.lines(text, pages.face(text, 700), (pages.width / size) * 1000);
  pages.y += level === 1 ? 0 : size;
  pages.makeRoom(size * 1.3 * lines.length + 4 * BODY);
  const type = `H${level}`;
  const element = pages.doc.struct(type);
  pages.root.add(element);
  for (const line of lines) {
    pages.makeRoom(size * 1.3);
    pages.y += size * 1.3;
    pages.within(element, type, () => pages.draw(line, pages.left, pages.y, size));
  }
  pages.y += size * 0.3;
  element.end();
}

function paragraph(pages: Pages, text: string): void {
  drawBlock(pages, {
    type: 'P',
    level: 0,
    marker: '',
    lines: [[{ text, isBold: false, isSlanted: false }]],
  });
}

/** One count: what is counted, and at the end of the line how many. */
function row(pages: Pages, label: string, count: number, weight: 400 | 700): void {
  const number = pages.number(count);
  const [line] = pages.setter.lines(label, pages.face(label, weight), ((pages.width - 90) / BODY) * 1000, 1);
  const [value] = pages.setter.lines(number, pages.face(number, weight), 10_000, 1);
  pages.makeRoom(BODY * LEADING);
  pages.y += BODY * LEADING;
  const element = pages.doc.struct('P');
  pages.root.add(element);
  pages.within(element, 'P', () => {
    if (line) pages.draw(line, pages.left, pages.y, BODY);
    if (value) pages.draw(value, pages.left + pages.width - (value.width * BODY) / 1000, pages.y, BODY);
  });
  element.end();
}

function drawMarkdown(pages: Pages, source: string): void {
  for (const block of blocksOf(source)) {
    // Below the headings of the document.
    if (block.type === 'H') {
      const text = block.lines.flat().map((span) => span.text);
      heading(pages, Math.min(6, Math.max(3, block.level + 2)), text.join(''));
    } else drawBlock(pages, block);
  }
}

function drawBlock(pages: Pages, { type, level, marker, lines }: Block): void {
  const indent = level * 16;
  const width = ((pages.width - indent) / BODY) * 1000;
  const tag = type === 'LI' ? 'LBody' : 'P';
  const element = pages.doc.struct(tag);
  const item = type === 'LI' ? pages.doc.struct('LI') : null;
  const list = item && pages.doc.struct('L');
  if (list && item) {
    pages.root.add(list);
    list.add(item);
    item.add(element);
  } else pages.root.add(element);
  let mark = marker;
  for (const line of lines.flatMap((spans) =>
    pages.setter.prose(spans, (text, weight) => pages.face(text, weight), width),
  )) {
    pages.makeRoom(BODY * LEADING);
    pages.y += BODY * LEADING;
    pages.within(element, tag, () => {
      const [sign] = mark === '' ? [] : pages.setter.lines(mark, pages.face(mark), 10_000, 1);
      if (sign) pages.draw(sign, pages.left + indent - 12, pages.y, BODY);
      pages.draw(line, pages.left + indent, pages.y, BODY);
    });
    mark = '';
  }
  element.end();
  item?.end();
  list?.end();
  pages.y += BODY * 0.5;
}
