/*
 * Dates in a format that the sender of a file names, such as `DD.MM.YYYY HH:mm`, and local times in a time zone.
 */

/** The parts of a local time. */
export type LocalTime = {
  year: number;
  month: number;
  day: number;
  hour?: number;
  minute?: number;
  second?: number;
  milliseconds?: number;
};

type Part = keyof LocalTime | 'shortYear' | 'half' | 'offset' | 'monthName';

const TOKENS: Record<string, [pattern: string, part: Part]> = {
  YYYY: ['(\\d{4})', 'year'],
  YY: ['(\\d{2})', 'shortYear'],
  MMM: ['(\\p{L}{3,9})\\.?', 'monthName'],
  MM: ['(\\d{2})', 'month'],
  M: ['(\\d{1,2})', 'month'],
  DD: ['(\\d{2})', 'day'],
  D: ['(\\d{1,2})', 'day'],
  HH: ['(\\d{2})', 'hour'],
  H: ['(\\d{1,2})', 'hour'],
  hh: ['(\\d{2})', 'hour'],
  h: ['(\\d{1,2})', 'hour'],
  mm: ['(\\d{2})', 'minute'],
  ss: ['(\\d{2})', 'second'],
  SSS: ['(\\d{3})', 'milliseconds'],
  A: ['([AaPp])\\.?[Mm]\\.?', 'half'],
  Z: ['(Z|[+-]\\d{2}:?\\d{2})', 'offset'],
};

/** How to write a format, and a zone. */
export const DATE_FORMAT_RULE =
  'Write it like DD.MM.YYYY HH:mm or M/D/YYYY h:mm A: year, month and day, each part once.';
export const TIME_ZONE_RULE = 'Write a time zone of IANA, like Europe/Berlin.';

const TOKEN = /YYYY|YY|MMM|MM|M|DD|D|HH|H|hh|h|mm|ss|SSS|A|Z|[A-Za-z]|[^A-Za-z]+/g;

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Where German names begin differently. */
const GERMAN: Record<string, number> = { mär: 3, mrz: 3, mai: 5, okt: 10, dez: 12 };

/** The number of a month by the beginning of its English or German name; 0: there is no such month. */
export function monthOf(name: string): number {
  const begin = name.slice(0, 3).toLowerCase();
  return GERMAN[begin] ?? MONTHS.indexOf(begin) + 1;
}

export type DateFormat = (text: string, zone: string) => Date | undefined;

/** Compiles a format; undefined: it is none, since it has unknown letters, or lacks year, month or day. */
export function dateFormat(format: string): DateFormat | undefined {
  const parts: Part[] = [];
  let pattern = '';
  for (const piece of format.match(TOKEN) ?? []) {
    const token = TOKENS[piece];
    if (token) {
      pattern += token[0];
      parts.push(token[1]);
    } else if (piece === 'T' || !/[A-Za-z]/.test(piece)) {
      pattern += piece.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
    } else return undefined;
  }
  const has = (...some: Part[]) => some.some((part) => parts.includes(part));
  const isWhole = has('year', 'shortYear') && has('month', 'monthName') && has('day');
  const isTwice = new Set(parts).size < parts.length || (has('month') && has('monthName'));
  if (!isWhole || isTwice) return undefined;
  const whole = new RegExp(`^${pattern}$`, 'u');
  return (text, zone) => {
    const found = whole.exec(text);
    return found
      ? instantOf(Object.fromEntries(parts.map((part, i) => [part, found[i + 1] ?? ''])), zone)
      : undefined;
  };
}

function instantOf(found: Partial<Record<Part, string>>, zone: string): Date | undefined {
  const { shortYear, monthName, half, offset } = found;
  const number = (part: Part) => Number(found[part] ?? 0);
  const hour = half === undefined ? number('hour') : hourOf(number('hour'), half);
  if (hour === undefined) return undefined;
  const time: LocalTime = {
    year: shortYear === undefined ? number('year') : 2000 + Number(shortYear),
    month: monthName === undefined ? number('month') : monthOf(monthName),
    day: number('day'),
    hour,
    minute: number('minute'),
    second: number('second'),
    milliseconds: number('milliseconds'),
  };
  return offset === undefined ? localInstant(time, zone) : instantAt(time, offsetOf(offset));
}

/** The hour of 24 for one with a.m. or p.m. */
export function hourOf(hour: number, half: string): number | undefined {
  if (hour < 1 || hour > 12) return undefined;
  return (hour % 12) + (/^p/i.test(half) ? 12 : 0);
}

/** The minutes of an offset such as `+01:00`, `-0500` or `+2`. */
export function offsetOf(offset: string): number {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(offset) ?? [];
  return hours === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
}

/** The instant of a time at an offset in minutes; undefined: there is no such day or time. */
export function instantAt(time: LocalTime, offset: number): Date | undefined {
  const { year, month, day, hour = 0, minute = 0, second = 0, milliseconds = 0 } = time;
  if (hour > 23 || minute > 59 || second > 59 || year < 1) return undefined;
  const at = new Date(Date.UTC(year, month - 1, day, hour, minute, second, milliseconds));
  if (at.getUTCMonth() !== month - 1 || at.getUTCDate() !== day || year < 100) return undefined;
  return new Date(at.getTime() - offset * 60_000);
}

/**
 * The instant of a local time in a zone of IANA. Of a time that occurs twice in autumn, the first; one that is skipped in
 * spring is taken as if clocks were not changed yet. Undefined: there is no such day or time.
 */
export function localInstant(time: LocalTime, zone: string): Date | undefined {
  const asUtc = instantAt(time, 0);
  if (!asUtc || zone === 'UTC') return asUtc;
  const DAY = 86_400_000;
  const [before, after] = [offsetAt(zone, asUtc.getTime() - DAY), offsetAt(zone, asUtc.getTime() + DAY)];
  const first = asUtc.getTime() - before * 60_000;
  if (before === after || offsetAt(zone, first) === before) return new Date(first);
  const second = asUtc.getTime() - after * 60_000;
  return new Date(offsetAt(zone, second) === after ? second : first);
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** By zone and hour: Intl is slow, and the rows of a file are near each other. */
const offsets = new Map<string, number>();
const MOST_OFFSETS = 10_000;

/** The offset in minutes of a zone at an instant. Every offset since 1970 changes at a quarter of an hour. */
function offsetAt(zone: string, at: number): number {
  const quarter = Math.floor(at / 900_000);
  const key = `${zone} ${quarter}`;
  let offset = offsets.get(key);
  if (offset !== undefined) return offset;
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' });
    formats.set(zone, format);
  }
  const name =
    format.formatToParts(quarter * 900_000).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  offset = offsetOf(name.replace('GMT', '').replace('\u2212', '-'));
  if (offsets.size >= MOST_OFFSETS) offsets.clear();
  offsets.set(key, offset);
  return offset;
}

/** Whether there is such a zone. */
export function isTimeZone(zone: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: zone }));
  } catch {
    return false;
  }
}
