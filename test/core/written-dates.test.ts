import t from 'tap';
import { dateFormat, isTimeZone } from '../../src/core/date-formats.js';
import { formOf, readWrittenDate } from '../../src/core/written-dates.js';

const read = (text: string, zone = 'UTC') => {
  const at = readWrittenDate(text, zone);
  return at instanceof Date ? at.toISOString().replace('.000Z', 'Z') : at;
};

t.test('dates that can be read in one way only', async (t) => {
  for (const [text, wanted] of [
    ['2018-02-12 17:59:31', '2018-02-12T17:59:31Z'],
    ['2018-02-12T17:59:31.250+01:00', '2018-02-12T16:59:31.250Z'],
    ['2018-02-12 17:59:31 UTC', '2018-02-12T17:59:31Z'],
    ['2018-02-12 17:59:31 -0500', '2018-02-12T22:59:31Z'],
    ['2018-02-12', '2018-02-12T00:00:00Z'],
    ['2018/02/12 5:59:31 PM GMT+1', '2018-02-12T16:59:31Z'],
    ['20180212', '2018-02-12T00:00:00Z'],
    ['12.02.2018 17:59', '2018-02-12T17:59:00Z'],
    ['12.2.2018, 17:59 Uhr', '2018-02-12T17:59:00Z'],
    ['2/13/2018 5:59 PM', '2018-02-13T17:59:00Z'],
    ['2/13/2018 12:05:00\u202fAM', '2018-02-13T00:05:00Z'],
    ['13/02/2018', '2018-02-13T00:00:00Z'],
    ['03/03/2018', '2018-03-03T00:00:00Z'],
    ['Feb 12, 2018 5:59 PM', '2018-02-12T17:59:00Z'],
    ['12-Feb-2018', '2018-02-12T00:00:00Z'],
    ['12. M\u00e4rz 2018', '2018-03-12T00:00:00Z'],
    ['Mon, 12 Feb 2018 17:59:31 +0000', '2018-02-12T17:59:31Z'],
    ['Mon Feb 12 2018 17:59:31 GMT+0100 (CET)', '2018-02-12T16:59:31Z'],
    ['43143.75', '2018-02-12T18:00:00Z'],
    ['43143,75', '2018-02-12T18:00:00Z'],
    ['1518458371', '2018-02-12T17:59:31Z'],
    ['1518458371000', '2018-02-12T17:59:31Z'],
  ] as const) {
    t.equal(read(text), wanted, text);
  }
  for (const text of ['02/03/2018', '2-3-2018 5:59 PM']) t.equal(read(text), 'ambiguous', text);
  for (const text of [
    '',
    'yesterday',
    '31.02.2018',
    '2018-13-01',
    '12.02.18',
    '12',
    '2018-02-12 25:00',
    '2018-02-12 17:59 XYZ',
    '13/13/2018',
    '2018-02-12 17:59:31 and more',
  ]) {
    t.equal(read(text), undefined, text);
  }
  t.equal(formOf('02/03/2018 5:59 PM'), '99/99/9999 9:99 AA');
  t.equal(formOf('ada@example.org'), 'AAA?AAAAAAA.AAA');
});

t.test('local times in a zone, summer and winter, also where clocks are changed', async (t) => {
  t.equal(read('2018-02-12 17:59', 'Europe/Berlin'), '2018-02-12T16:59:00Z');
  t.equal(read('2018-07-12 17:59', 'Europe/Berlin'), '2018-07-12T15:59:00Z');
  t.equal(read('2018-07-12 17:59 UTC', 'Europe/Berlin'), '2018-07-12T17:59:00Z');
  t.equal(read('2018-10-28 02:30', 'Europe/Berlin'), '2018-10-28T00:30:00Z', 'the first of two');
  t.equal(read('2018-03-25 02:30', 'Europe/Berlin'), '2018-03-25T01:30:00Z', 'one that was skipped');
  t.equal(read('2018-03-25 03:30', 'Europe/Berlin'), '2018-03-25T01:30:00Z');
  t.equal(read('43143.75', 'America/New_York'), '2018-02-12T23:00:00Z');
  t.equal(read('2018-02-12', 'Asia/Kathmandu'), '2018-02-11T18:15:00Z');
  t.ok(isTimeZone('Europe/Berlin'));
  t.notOk(isTimeZone('Mars/Base'));
});

t.test('a format is read strictly', async (t) => {
  const as = (format: string, text: string, zone = 'UTC') => dateFormat(format)?.(text, zone)?.toISOString();
  t.equal(as('DD/MM/YYYY', '02/03/2018'), '2018-03-02T00:00:00.000Z');
  t.equal(as('MM/DD/YYYY', '02/03/2018'), '2018-02-03T00:00:00.000Z');
  t.equal(as('DD.MM.YY HH:mm:ss', '02.03.18 17:59:31'), '2018-03-02T17:59:31.000Z');
  t.equal(as('M/D/YYYY h:mm A', '2/3/2018 12:05 am'), '2018-02-03T00:05:00.000Z');
  t.equal(as('D MMM YYYY', '2 Okt. 2018'), '2018-10-02T00:00:00.000Z');
  t.equal(as('YYYY-MM-DDTHH:mm:ss.SSSZ', '2018-03-02T17:59:31.250+0200'), '2018-03-02T15:59:31.250Z');
  t.equal(as('DD/MM/YYYY HH:mm', '02/03/2018 01:00', 'Europe/Berlin'), '2018-03-02T00:00:00.000Z');
  for (const text of ['2/3/2018', '02/13/2018', '02/03/2018 ', '02-03-2018', '30/02/2018']) {
    t.equal(as('DD/MM/YYYY', text), undefined, text);
  }
  t.equal(as('M/D/YYYY h:mm A', '2/3/2018 13:05 PM'), undefined);
  for (const format of ['', 'DD.MM', 'DD.MM.YYYY DD', 'YYYY-MM-DD HH:mm xx', 'DD/MM/YYYY YY Q']) {
    t.equal(dateFormat(format), undefined, format);
  }
});
