import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Delivery, DeliveryLine } from '../../src/deliveries/delivery.js';
import { writeDelivery } from '../../src/deliveries/write-delivery.js';
import { deliveryOf, folderFor, lineOf, linesOf, pagesOf, pdfInfo } from '../support/deliveries.js';

async function drawn(t: Test, lines: DeliveryLine[], more: Partial<Delivery> = {}) {
  const folder = folderFor(t);
  const delivered = await writeDelivery(deliveryOf(lines, { formats: ['pdf'], ...more }), lines, { folder });
  const path = join(folder, 'signatures.pdf');
  const pages = pagesOf(path);
  return { path, pages, text: pages.join('\n'), notDrawn: delivered.notDrawn };
}

/** Names of each script. Those from right to left have no ligatures, whose letters pdftotext would exchange. */
const NAMES = [
  'Ada Lovelace',
  'Łódź Ångström-Çelik',
  'Nguyễn Thị Hồng Ánh',
  'Γεώργιος Παπαδόπουλος',
  'Євгенія Шевченко',
  'محمد عبد القادر',
  'דוד בן־גוריון',
  'श्रीकृष्ण त्रिपाठी',
  'मोहम्मद द्विवेदी',
  'শ্রীকৃষ্ণ চট্টোপাধ্যায়',
  'தமிழ்ச்செல்வன் ஸ்ரீனிவாசன்',
  'สมชาย น้ำผึ้ง',
  'გიორგი მაისურაძე',
  'Արամ Խաչատրյան',
  'አበበ ቢቂላ',
  '王小明',
  '山田たろう',
  '김민준',
  '𠮷野家',
  'Ada 王 Шевченко',
];

t.test('names of every script are drawn, and can be copied', async (t) => {
  const { text, notDrawn } = await drawn(t, linesOf(...NAMES));
  t.same(notDrawn, []);
  const said = text.normalize('NFC').replace(/ +/g, ' ');
  for (const name of NAMES) t.ok(said.includes(name.normalize('NFC')), name);
  t.notMatch(text, /name in the CSV/);
});

t.test('a name that cannot be drawn says where it is', async (t) => {
  const names = ['Ada 😀', 'ok', '\ue000', 'ᚠᚢᚦ', '\u200b', null, 'Ada 👩‍👩‍👧 B', 'Zoë'];
  const { text, notDrawn } = await drawn(t, linesOf(...names));
  t.same(notDrawn, [1, 3, 4, 5, 7]);
  for (const number of notDrawn) {
    t.match(text, new RegExp(`^ *${number} +name in the CSV, line ${number} `, 'm'));
  }
  t.match(text, /^ *6 +not by name /m);
  t.match(text, /^ *8 +Zoë /m);
  t.notMatch(text, /Ada/, 'not even part of it');
  const german = await drawn(t, linesOf('😀'), { locale: 'de' });
  t.match(german.text, /Name in der CSV-Datei,\s+Deutschland|Name in der CSV-Datei, Zeile 1/);
});

t.test('a text with gaps says so, and directions cannot be forged', async (t) => {
  const lines = [lineOf(1, { name: 'Ada\u202eevil', comment: 'Good 😀😀 luck' })];
  const { text } = await drawn(t, lines, { columns: ['comment'] });
  t.match(text, /Good \[…\] luck/);
  t.match(text, /Adaevil/);
});

t.test('long texts take a few lines, never pages', async (t) => {
  const lines = [
    lineOf(1, { name: 'W'.repeat(500), comment: 'word '.repeat(5_000) }),
    lineOf(2, { name: 'भारत '.repeat(200), comment: '漢字'.repeat(3_000) }),
    lineOf(3, { name: 'محمد '.repeat(200), comment: 'ن'.repeat(3_000) }),
    lineOf(4, { name: 'Last' }),
  ];
  const { pages, text } = await drawn(t, lines, { columns: ['comment'], title: 'Long '.repeat(40) });
  t.ok(pages.length <= 2, `${pages.length} pages`);
  t.match(text, /…/);
  t.match(text, /^ *4 +Last/m);
});

t.test('the first pages say who, what, to whom and how many', async (t) => {
  const lines = [
    lineOf(1, { partner: 'River Watch' }),
    lineOf(2),
    lineOf(3, { country: null }),
    ...Array.from({ length: 97 }, (_, i) => lineOf(i + 4)),
  ];
  const sums = {
    country: [
      { key: null, count: 1 },
      { key: 'DE', count: 99 },
    ],
    partner: [
      { key: null, count: 99 },
      { key: 'River Watch', count: 1 },
    ],
  };
  const coverLetter = '# Dear Mayor\n\nread *this* [page](https://river.example).\\\nYours\n\n1. one\n2. two';
  const { pages, text, path } = await drawn(t, lines, { sums, coverLetter });
  const [first = ''] = pages;
  for (const words of [
    'Keep the meadow',
    'To: The Mayor',
    'Dear Mayor',
    'read this page (https://river.example).',
    'Yours',
    '2. two',
    'We ask the council to keep the meadow.',
    'As of November 28, 2026',
  ]) {
    t.ok(first.replace(/ +/g, ' ').includes(words), words);
  }
  t.notMatch(text, /[*#]/, 'no Markdown is left');
  t.match(first, /Signatures in all +100/);
  t.match(first, /Germany +99\n/);
  t.match(first, /not stated +1\n/);
  t.match(first, /River Watch +1\n/);
  t.match(first, /River Meadows e\.V\. itself +99\n/);
  t.ok(pages.length > 1);
  pages.forEach((page, i) => {
    t.match(page, /^ *River Meadows e\.V\./, 'every page says of whom it is');
    t.match(page, new RegExp(`Page ${i + 1} of ${pages.length}\\b`));
  });
  t.match(pdfInfo(path), /Title: +Keep the meadow/);
});

t.test(
  'the first pages say what counts without a line, what was taken out, and what no longer holds',
  async (t) => {
    const more = {
      unlisted: { hidden: 4, partners: [{ name: 'River Watch', count: 7 }], paper: 11, elsewhere: 13 },
      weeded: [
        { reason: 'Spam wave of 王小明', count: 2 },
        { reason: '', count: 1 },
      ],
    };
    const { text } = await drawn(t, linesOf('Ada', 'Bob'), more);
    t.match(text, /Delivery dlv_01j00000000000000000000001/);
    t.match(text, /On this list, line by line +2\n/);
    t.match(text, /Counted, whose signers do not want to be on a list +4\n/);
    t.match(text, /Collected by River Watch, which keeps the names +7\n/);
    t.match(text, /On paper +11\n/);
    t.match(text, /Counted elsewhere +13\n/);
    t.match(text, /Signatures in all +37\n/);
    t.match(text, /Taken out of this list\n+[^]*Spam wave of 王小明 +2\n[^]*No reason given +1\n/);
    t.notMatch(text, /continues|no longer hold/);
    const plain = await drawn(t, linesOf('Ada', 'Bob'));
    t.match(plain.text, /Signatures in all +2\n/);
    t.notMatch(plain.text, /On paper|On this list|Taken out/, 'nothing is said of nothing');
  },
);

t.test('a delivery that continues another says so, and which lines no longer hold', async (t) => {
  const lines = [1, 2, 3, 7, 9, 10];
  const more = {
    after: { id: 'dlv_before', root: 'ab'.repeat(32) },
    struck: [
      { delivery: 'dlv_first', lines: [12] },
      { delivery: 'dlv_before', lines: [...lines].reverse() },
    ],
  };
  const { text } = await drawn(t, linesOf('Ada'), more);
  t.match(text, /This list continues the delivery dlv_before: it has what came since then\./);
  t.match(text.replace(/\s+/g, ''), new RegExp(`Therootofitslines:${'ab'.repeat(32)}`));
  t.match(text, /New signatures in all +1\n/);
  t.match(text, /Lines of earlier deliveries that no longer hold/);
  t.match(text, /Delivery dlv_first: lines 12\n/);
  t.match(text, /Delivery dlv_before: lines 1–3, 7, 9–10\n/);
  for (const locale of ['de', 'ar']) {
    const other = await drawn(t, linesOf('Ada'), { ...more, locale });
    t.notMatch(other.text, /\{\{|continues|no longer/, locale);
    t.match(other.text, /dlv_before/, locale);
  }
  // Numbers of many lines break into lines, and go on on the next page.
  const many = Array.from({ length: 4_000 }, (_, i) => 2 * i + 1);
  const long = await drawn(t, linesOf('Ada'), { struck: [{ delivery: 'dlv_1', lines: many }] });
  for (const number of ['1, 3, 5', '7999']) t.ok(long.text.includes(number));
  t.ok(long.pages.length > 2);
});

t.test('lines are grouped under headings, in the language and on the paper asked for', async (t) => {
  const lines = [
    lineOf(1, { country: 'AT', postal_code: '1010', date: '2026-03-05' }),
    lineOf(2, { country: 'AT', postal_code: '1020' }),
    lineOf(3, { country: 'DE', postal_code: '10115' }),
    lineOf(4, { country: 'DE' }),
  ];
  const more = { locale: 'de', pageSize: 'LETTER', columns: ['postal_code', 'date'] } as const;
  const byArea = await drawn(t, lines, { ...more, groupBy: 'postal_area' });
  t.same(
    byArea.text.match(/^ *(?:Österreich|Deutschland), .*$/gm)?.map((line) => line.trim()),
    ['Österreich, 10…', 'Deutschland, 10…', 'Deutschland, keine Angabe'],
  );
  t.match(byArea.text, /05\.03\.2026/);
  t.match(byArea.text, /Seite 1 von 1/);
  t.match(pdfInfo(byArea.path), /612 x 792 pts \(letter\)/);
  const byCountry = await drawn(t, lines, { ...more, groupBy: 'country' });
  t.equal(byCountry.text.match(/^ *(?:Österreich|Deutschland)$/gm)?.length, 2);
});

t.test('the document is tagged: language, title, headings, lists and tables', async (t) => {
  const { path } = await drawn(t, linesOf('Ada', 'محمد'), {
    coverLetter: 'Dear *Mayor*\n\n- one',
    title: 'Meadow & <river>',
  });
  t.match(pdfInfo(path), /Tagged: +yes/);
  t.match(pdfInfo(path), /Title: +Meadow & <river>/);
  t.match(pdfInfo(path, '-meta'), /Meadow &amp; &lt;river&gt;/, 'the metadata is XML');
  const structure = pdfInfo(path, '-struct');
  for (const type of ['Document', 'H1', 'H2', 'L ', 'LI', 'Table', 'TR', 'TH', 'TD']) {
    t.match(structure, new RegExp(`^ *${type}`, 'm'), type);
  }
  t.match(pdfInfo(path, '-struct-text'), /TD[^]*Ada/);
  // A long list: an element for each page of it.
  const many = Array.from({ length: 5_001 }, (_, i) => lineOf(i + 1));
  const long = pdfInfo((await drawn(t, many)).path, '-struct');
  t.notMatch(long, /Table|TR/);
  t.match(long, /H1/);
});
