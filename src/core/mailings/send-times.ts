import { Temporal } from 'temporal-polyfill';
import { invalidBody, type ApiError } from '../../errors.js';
import { TIME_ZONE_RULE } from '../date-formats.js';

/*
 * When a mailing is to be sent: an instant, or what a clock shows in a time zone. Where clocks are changed, a local time
 * may not be there, or be there twice: that is said, rather than guessed.
 */

const LOCAL = /^(\d{4}-\d{2}-\d{2})[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?$/i;
const WITH_OFFSET = /^(\d{4}-\d{2}-\d{2})[T ](\d{1,2}:\d{2}.*?) ?(Z|[+-]\d{2}:?\d{2})$/i;

const RULE =
  'Write it like 2026-12-01T09:00 with a time zone, or with an offset like 2026-12-01T09:00+01:00.';

/** Reads a moment. Throws `invalid_body`, which says what to write instead. `zone`: of times without an offset. */
export function readSendTime(pointer: string, written: string, zone: string | null): Date {
  const text = written.trim();
  const withOffset = WITH_OFFSET.exec(text);
  if (withOffset) {
    const [, day, time = '', offset] = withOffset;
    const instant = orUndefined(() => Temporal.Instant.from(`${day}T${padded(time)}${offset}`));
    if (!instant) throw wrong(pointer, 'format', `There is no such day or time. ${RULE}`);
    return new Date(instant.epochMilliseconds);
  }
  const local = LOCAL.exec(text);
  if (!local) throw wrong(pointer, 'format', RULE);
  if (zone === null) {
    throw wrong('/time_zone', 'required', `${TIME_ZONE_RULE} Or write the time with an offset.`);
  }
  const [, day, hour = '', minute, second = '00'] = local;
  const plain = orUndefined(() =>
    Temporal.PlainDateTime.from(`${day}T${hour.padStart(2, '0')}:${minute}:${second}`),
  );
  if (!plain) throw wrong(pointer, 'format', `There is no such day or time. ${RULE}`);
  try {
    return new Date(plain.toZonedDateTime(zone, { disambiguation: 'reject' }).epochMilliseconds);
  } catch {
    throw wrong(pointer, ...changeOfClocks(plain, zone));
  }
}

/** Why a local time is no single instant, with the instants that may be meant. */
function changeOfClocks(plain: Temporal.PlainDateTime, zone: string): [code: string, detail: string] {
  const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' });
  const later = plain.toZonedDateTime(zone, { disambiguation: 'later' });
  if (earlier.toPlainDateTime().equals(plain)) {
    const times = `${shown(earlier)} for the first, ${shown(later)} for the second`;
    return ['ambiguous', `Clocks in ${zone} go back then, so this time comes twice. Write ${times}.`];
  }
  const change = earlier.getTimeZoneTransition('next') ?? later;
  const nearest = `${shown(change.subtract({ minutes: 1 }))} and ${shown(change)}`;
  return ['skipped', `Clocks in ${zone} go forward then and skip this time. The nearest are ${nearest}.`];
}

/** As it can be written in the request: with its offset. */
const shown = (time: Temporal.ZonedDateTime) =>
  time.toString({ timeZoneName: 'never', smallestUnit: 'minute' });

/** What clocks in a zone show at an instant. */
export const shownIn = (at: Date, zone: string): string =>
  shown(Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(zone));

const padded = (time: string) => (/^\d:/.test(time) ? `0${time}` : time);

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const wrong = (pointer: string, code: string, detail: string): ApiError =>
  invalidBody({ pointer, code, detail });
