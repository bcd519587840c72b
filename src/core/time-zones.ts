import { invalidBody } from '../errors.js';
import { TIME_ZONE_RULE } from './date-formats.js';

/**
 * The name of a time zone as IANA writes it, of what was typed: `europe/berlin`, `America/New York`. Throws
 * `invalid_body`; of a city alone it says the whole name.
 */
export function readTimeZone(written: string): string {
  const wanted = written.trim().replaceAll(' ', '_').toLowerCase();
  if (['utc', 'gmt', 'z', 'etc/utc'].includes(wanted)) return 'UTC';
  const zones = Intl.supportedValuesOf('timeZone');
  const found = zones.find((zone) => zone.toLowerCase() === wanted);
  if (found !== undefined) return found;
  // Older names, such as Asia/Kolkata in a runtime that calls it Asia/Calcutta. Those without a slash are no places: EST
  // is an hour off in summer.
  if (/^[a-z_]+(?:\/[a-z0-9_+-]+)+$/.test(wanted) && isKnown(written.trim().replaceAll(' ', '_'))) {
    return written.trim().replaceAll(' ', '_');
  }
  const meant = zones.find((zone) => zone.toLowerCase().endsWith(`/${wanted}`));
  throw invalidBody({
    pointer: '/time_zone',
    code: 'time_zone',
    detail: meant === undefined ? TIME_ZONE_RULE : `Write it as ${meant}.`,
  });
}

const CLOCK = /^(\d{1,2})(?:[:.h](\d{2}))?(?:h| *uhr)?(?: *([ap])\.?m\.?)?$/i;

/** What clocks show, as `HH:MM`, of what was typed: `9:30`, `18.30`, `6:30 pm`, `18h30`. Throws `invalid_body`. */
export function readClock(written: string): string {
  const [, hours = '', minutes, half] = CLOCK.exec(written.trim()) ?? [];
  const isAlone = minutes === undefined && half === undefined && !/[hu]/i.test(written);
  const hour = half ? (Number(hours) % 12) + (half.toLowerCase() === 'p' ? 12 : 0) : Number(hours);
  const isPossible = half ? Number(hours) >= 1 && Number(hours) <= 12 : hour <= 23;
  if (hours === '' || isAlone || !isPossible || Number(minutes ?? 0) > 59) {
    throw invalidBody({ pointer: '/time', code: 'format', detail: 'Write hours and minutes, like 18:30.' });
  }
  return `${String(hour).padStart(2, '0')}:${minutes ?? '00'}`;
}

function isKnown(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
