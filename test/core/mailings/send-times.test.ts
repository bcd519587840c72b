import fc from 'fast-check';
import t from 'tap';
import { readSendTime } from '../../../src/core/mailings/send-times.js';
import { readTimeZone } from '../../../src/core/time-zones.js';
import { ApiError } from '../../../src/errors.js';

const read = (written: string, zone: string | null = null) => readSendTime('/send_at', written, zone);

/** The field error of what cannot be read. */
function refusal(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (error instanceof ApiError) return { code: error.code, ...error.details.errors?.[0] };
  }
  throw new Error('it was taken');
}

t.test('an instant, or what a clock shows in a zone', (t) => {
  const cases: [written: string, zone: string | null, instant: string][] = [
    ['2026-12-01T09:00', 'Europe/Berlin', '2026-12-01T08:00:00.000Z'],
    ['2026-07-01T09:00', 'Europe/Berlin', '2026-07-01T07:00:00.000Z'],
    ['2026-07-01 9:00', 'America/New_York', '2026-07-01T13:00:00.000Z'],
    ['2026-07-01T09:00:30', 'Australia/Lord_Howe', '2026-06-30T22:30:30.000Z'],
    ['2027-01-01T09:00', 'Australia/Lord_Howe', '2026-12-31T22:00:00.000Z'],
    [' 2026-12-01T09:00Z ', null, '2026-12-01T09:00:00.000Z'],
    ['2026-12-01t09:00:00.5+0100', 'America/New_York', '2026-12-01T08:00:00.500Z'],
    ['2026-12-01 9:00 -05:30', null, '2026-12-01T14:30:00.000Z'],
  ];
  for (const [written, zone, instant] of cases) {
    t.equal(read(written, zone).toISOString(), instant, `${written} ${zone ?? ''}`);
  }
  t.end();
});

t.test('what is no time is refused in words, and never guessed', (t) => {
  for (const written of [
    '',
    'tomorrow',
    '2026-12-01',
    '2026-02-30T09:00',
    '2026-12-01T25:00',
    '01.12.2026 09:00',
    '2026-12-01T09:60Z',
  ]) {
    t.match(
      refusal(() => read(written, 'Europe/Berlin')),
      { code: 'format', pointer: '/send_at', detail: /2026-12-01T09:00/ },
    );
  }
  t.match(
    refusal(() => read('2026-12-01T09:00')),
    { code: 'required', pointer: '/time_zone', detail: /Europe\/Berlin/ },
  );
  t.end();
});

t.test('time zones are found as people type them', (t) => {
  t.equal(readTimeZone('europe/berlin'), 'Europe/Berlin');
  t.equal(readTimeZone(' America/New York '), 'America/New_York');
  t.equal(readTimeZone('utc'), 'UTC');
  t.match(readTimeZone('Asia/Kolkata'), /^Asia\/(?:Kolkata|Calcutta)$/);
  t.match(
    refusal(() => readTimeZone('Berlin')),
    { pointer: '/time_zone', detail: 'Write it as Europe/Berlin.' },
  );
  t.match(
    refusal(() => readTimeZone('new york')),
    { detail: 'Write it as America/New_York.' },
  );
  for (const zone of ['EST', 'CET', 'Mars/Base', '+01:00', '']) {
    t.match(
      refusal(() => readTimeZone(zone)),
      { code: 'time_zone', detail: /Write a time zone/ },
      zone,
    );
  }
  t.end();
});

t.test('where clocks are changed, the error names the instants to choose from', (t) => {
  const skipped: [zone: string, written: string, nearest: string[]][] = [
    ['Europe/Berlin', '2027-03-28T02:30', ['2027-03-28T01:59+01:00', '2027-03-28T03:00+02:00']],
    ['America/New_York', '2027-03-14T02:00', ['2027-03-14T01:59-05:00', '2027-03-14T03:00-04:00']],
    ['Australia/Lord_Howe', '2026-10-04T02:15', ['2026-10-04T01:59+10:30', '2026-10-04T02:30+11:00']],
  ];
  const twice: [zone: string, written: string, both: string[]][] = [
    ['Europe/Berlin', '2026-10-25T02:30', ['2026-10-25T02:30+02:00', '2026-10-25T02:30+01:00']],
    ['America/New_York', '2026-11-01T01:59', ['2026-11-01T01:59-04:00', '2026-11-01T01:59-05:00']],
    ['Australia/Lord_Howe', '2027-04-04T01:45', ['2027-04-04T01:45+11:00', '2027-04-04T01:45+10:30']],
  ];
  for (const [code, cases] of [
    ['skipped', skipped],
    ['ambiguous', twice],
  ] as const) {
    for (const [zone, written, instants] of cases) {
      const { detail = '', ...rest } = refusal(() => read(written, zone));
      t.match(rest, { pointer: '/send_at', code }, `${zone} ${written}`);
      for (const instant of instants) {
        t.ok(detail.includes(instant), `${detail} names ${instant}`);
        t.ok(read(instant, zone) instanceof Date, 'which can be sent as it stands');
      }
    }
  }
  // Just beside the change all is clear.
  t.equal(read('2027-03-28T03:00', 'Europe/Berlin').toISOString(), '2027-03-28T01:00:00.000Z');
  t.equal(read('2026-10-25T03:00', 'Europe/Berlin').toISOString(), '2026-10-25T02:00:00.000Z');
  t.end();
});

t.test(
  'every minute around a change is an instant that shows that time, or is refused with two that do not differ in day',
  (t) => {
    const changes: [zone: string, day: string][] = [
      ['Europe/Berlin', '2027-03-28'],
      ['Europe/Berlin', '2026-10-25'],
      ['America/New_York', '2027-03-14'],
      ['America/New_York', '2026-11-01'],
      ['Australia/Lord_Howe', '2026-10-04'],
      ['Australia/Lord_Howe', '2027-04-04'],
    ];
    const format = (at: Date, zone: string) =>
      new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(at);
    fc.assert(
      fc.property(fc.constantFrom(...changes), fc.nat(6 * 60), ([zone, day], minute) => {
        const clock = `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`;
        try {
          const at = read(`${day}T${clock}`, zone);
          return format(at, zone) === `${day} ${clock}`;
        } catch {
          const { detail = '' } = refusal(() => read(`${day}T${clock}`, zone));
          const named = detail.match(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}[+-]\d{2}:\d{2}/g) ?? [];
          return named.length === 2 && named.every((one) => one.startsWith(day));
        }
      }),
      { numRuns: 2000 },
    );
    t.end();
  },
);
