import { MAILING_STATES, PAUSE_REASONS } from '../../db/tables/mailings.js';
import { enumOf, instant, matching, nullable } from '../typebox.js';

export const timeZone = () =>
  matching('^[A-Za-z][A-Za-z0-9_+-]*(?:[/ ][A-Za-z0-9_+-]+)*$', 60, {
    rule: 'Write a time zone of IANA, like Europe/Berlin.',
    description: 'A time zone of IANA.',
    examples: ['Europe/Berlin'],
  });

/** Where a mailing is in its life: members of `Mailing`. */
export const mailingState = {
  state: enumOf(MAILING_STATES, {
    description:
      'Where it is in its life: a `draft` until it is started or `scheduled`; `building` while its audience is fixed; `running` while it is sent; `deciding` while it waits for the winner of its test; `missed` if it was not sent when it was due.',
  }),
  pause_reason: nullable(
    enumOf(PAUSE_REASONS, {
      description:
        'Why it is paused: the `organiser` did it; `bounces`, `complaints` or `unsubscribes` were too many; `backup_restored`: perhaps it was sent already. `content_unusable`: what it says cannot be made a mail, which is also why a scheduled one may be missed.',
    }),
  ),
  send_at: nullable(instant({ description: 'When it is to begin.' })),
  time_zone: nullable(timeZone()),
  expires_at: nullable(
    instant({ description: 'From then on nothing of it is sent: recipients who are left are skipped.' }),
  ),
  started_at: nullable(instant({ description: 'When it began.' })),
  finished_at: nullable(
    instant({ description: 'When its last recipient was done, and no state changed any more.' }),
  ),
};

export const STATE_EXAMPLE = {
  state: 'draft',
  pause_reason: null,
  send_at: null,
  time_zone: null,
  expires_at: null,
  started_at: null,
  finished_at: null,
};
