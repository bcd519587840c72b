import { hourOf, instantAt, localInstant, monthOf, offsetOf, type LocalTime } from './date-formats.js';
import { forMachines } from './typed-text.js';

/*
 * Reads dates as other systems and spreadsheets write them, without being told their format: only where there is one way
 * to read them.
 */

/** `ambiguous`: day and month could be exchanged; undefined: it is no date. */
export type WrittenDate = Date | 'ambiguous' | undefined;

/** The abbreviations of RFC 5322, and those of Europe, in hours. */
const ZONES: Record<string, number> = {
  UTC: 0, GMT: 0, Z: 0, WET: 0, WEST: 1, CET: 1, CEST: 2, MEZ: 1, MESZ: 2, EET: 2, EEST: 3, OEZ: 2, OESZ: 3,
  EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7,
}; // prettier-ignore

const TIME =
  /^(?:[T,]? ?(?:at |um )?(\d{1,2})[:h](\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)? ?(?:([ap])\.?m\.?)? ?(?:Uhr)?)? ?((?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|[A-Z]{1,4})?$/i;

const YEAR_FIRST = /^(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)/;
const NUMBERS = /^(\d{1,2})([-/.]) ?(\d{1,2})\2 ?(\d{4})(?!\d)/;
const DAY_FIRST = /^(\d{1,2})(?:st|nd|rd|th|\.)?[ -](\p{L}{3,9})\.?,?[ -](\d{4})(?!\d)/u;
const MONTH_FIRST = /^(\p{L}{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})(?!\d)/u;
/** A weekday before, and the name of a zone in brackets behind, say nothing new. */
const AROUND = /^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,? | \([^)]*\)$/gi;

/** Reads a date. `zone`: of times that name none. */
export function readWrittenDate(written: string, zone: string): WrittenDate {
  const text = forMachines(written).replace(AROUND, '');
  if (/^\d+(?:[.,]\d+)?$/.test(text)) return fromNumber(text.replace(',', '.'), zone);
  const found = dateIn(text);
  if (!found) return undefined;
  const { rest, ...date } = found;
  const timed = TIME.exec(rest);
  if (!timed) return undefined;
  const [, hour, minute, second, fraction, half, named] = timed;
  const hours = half === undefined ? Number(hour ?? 0) : hourOf(Number(hour), half);
  const offset = named === undefined ? undefined : namedOffset(named);
  if (hours === undefined || (named !== undefined && offset === undefined)) return undefined;
  const time: LocalTime = {
    ...date,
    hour: hours,
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
    milliseconds: Math.floor(Number(`0.${fraction ?? 0}`) * 1000),
  };
  const at = offset === undefined ? localInstant(time, zone) : instantAt(time, offset);
  return at && found.isAmbiguous ? 'ambiguous' : at;
}

function namedOffset(named: string): number | undefined {
  const number = named.replace(/^(?:UTC|GMT)(?=[+-])/i, '');
  if (/^[+-]/.test(number)) return offsetOf(number);
  const hours = ZONES[number.toUpperCase()];
  return hours === undefined ? undefined : hours * 60;
}

type FoundDate = { year: number; month: number; day: number; rest: string; isAmbiguous?: boolean };

function dateIn(text: string): FoundDate | undefined {
  let found = YEAR_FIRST.exec(text);
  const rest = (match: RegExpExecArray) => text.slice(match[0].length);
  if (found) {
    return { year: Number(found[1]), month: Number(found[3]), day: Number(found[4]), rest: rest(found) };
  }
  found = NUMBERS.exec(text);
  if (found) {
    const [first, second, year] = [Number(found[1]), Number(found[3]), Number(found[4])];
    // With dots the day comes first everywhere; otherwise only a number above 12 shows which one is the day.
    const dayFirst = found[2] === '.' || first > 12;
    const isAmbiguous = !dayFirst && second <= 12 && first !== second;
    const [day, month] = dayFirst ? [first, second] : [second, first];
    return { year, month, day, rest: rest(found), isAmbiguous };
  }
  found = DAY_FIRST.exec(text);
  if (found) {
    const [, day, name = '', year] = found;
    return { year: Number(year), month: monthOf(name), day: Number(day), rest: rest(found) };
  }
  found = MONTH_FIRST.exec(text);
  if (!found) return undefined;
  const [, name = '', day, year] = found;
  return { year: Number(year), month: monthOf(name), day: Number(day), rest: rest(found) };
}

/** Days from the day that Excel calls 0 to 1970, and days from 1954 to 2118, which have five digits. */
const EXCEL_1970 = 25_569;
const [EXCEL_MIN, EXCEL_MAX] = [20_000, 80_000];

function fromNumber(text: string, zone: string): Date | undefined {
  const number = Number(text);
  if (/^\d{13}$/.test(text)) return new Date(number);
  if (/^\d{10}(?:\.\d+)?$/.test(text)) return new Date(Math.floor(number * 1000));
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})$/.exec(text) ?? [];
  if (year !== undefined) {
    return localInstant({ year: Number(year), month: Number(month), day: Number(day) }, zone);
  }
  if (number < EXCEL_MIN || number > EXCEL_MAX) return undefined;
  const at = new Date(Math.round((number - EXCEL_1970) * 86_400) * 1000);
  return localInstant(
    {
      year: at.getUTCFullYear(),
      month: at.getUTCMonth() + 1,
      day: at.getUTCDate(),
      hour: at.getUTCHours(),
      minute: at.getUTCMinutes(),
      second: at.getUTCSeconds(),
    },
    zone,
  );
}

/** The form of what was written, without its content: digits become 9, letters A. */
export const formOf = (written: string): string =>
  written
    .slice(0, 30)
    .replace(/\p{Nd}/gu, '9')
    .replace(/\p{Letter}/gu, 'A')
    .replace(/[^9A :/.,+-]/g, '?');
