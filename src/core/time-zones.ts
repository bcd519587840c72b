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

function isKnown(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}
