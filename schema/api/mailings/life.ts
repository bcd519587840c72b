import { closed, component, matching, nullable, optional } from '../typebox.js';

const timeZone = () =>
  matching('^[A-Za-z][A-Za-z0-9_+-]*(?:[/ ][A-Za-z0-9_+-]+)*$', 60, {
    rule: 'Write a time zone of IANA, like Europe/Berlin.',
    description: 'A time zone of IANA.',
    examples: ['Europe/Berlin'],
  });

const moment = (description: string, example: string) =>
  matching(
    '^\\s*\\d{4}-\\d{2}-\\d{2}[Tt ]\\d{1,2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,9})?)? ?(?:[Zz]|[+-]\\d{2}:?\\d{2})?\\s*$',
    48,
    {
      rule: 'Write it like 2026-12-01T09:00 with a time zone, or with an offset like 2026-12-01T09:00+01:00.',
      description,
      examples: [example],
    },
  );

export const MailingSchedule = component(
  'MailingSchedule',
  closed(
    {
      send_at: moment(
        'When it is to begin: what a clock shows in `time_zone`, or an instant with an offset. Where clocks are changed, a local time may be missing or come twice: then the error names the instants to choose from.',
        '2026-12-01T09:00',
      ),
      time_zone: optional(nullable(timeZone())),
      expires_at: optional(
        nullable(
          moment(
            'From then on nothing of it is sent, written like `send_at`. As before if absent; null: it does not expire.',
            '2026-12-03T20:00',
          ),
        ),
      ),
    },
    {
      description: 'When a mailing is sent.',
      examples: [{ send_at: '2026-12-01T09:00', time_zone: 'Europe/Berlin', expires_at: '2026-12-03T20:00' }],
    },
  ),
);
