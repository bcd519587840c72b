import { Type } from '@sinclair/typebox';
import { component, enumOf, nullable, open } from '../typebox.js';

export const RawMail = Type.String({
  pattern: '^[\\s\\S]*$',
  maxLength: 1_048_576,
  description: 'A mail as it arrived, with its headers. A line `From …` before them is skipped.',
});

export const MAIL_OUTCOMES = [
  'bounced',
  'soft_bounced',
  'refused',
  'complained',
  'repeated',
  'ignored',
] as const;

export const REASONS_TO_IGNORE = [
  'not_ours',
  'too_late',
  'no_report',
  'auto_reply',
  'delivered',
  'delayed',
  'no_complaint',
  'unreadable',
] as const;

export const ReceivedMail = component(
  'ReceivedMail',
  open(
    {
      outcome: enumOf(MAIL_OUTCOMES, {
        description:
          '`bounced`: there is no such mailbox, and the address gets no more mail. `soft_bounced`: it may take mail later. `refused`: its server did not want this mail, which says nothing about the address. `complained`: reported as spam; the address gets no more mail. `repeated`: counted before.',
      }),
      reason: nullable(
        enumOf(REASONS_TO_IGNORE, {
          description:
            'Why it was ignored. `not_ours`: it names no mail that was sent from here. `too_late`: a bounce more than ten days after the mail. `no_report`, `auto_reply`: a person or a program has written it. `delivered`, `delayed`: nothing has failed, or not yet. `no_complaint`: feedback that is none.',
        }),
      ),
    },
    {
      description: 'What became of a mail that came back.',
      examples: [{ outcome: 'bounced', reason: null }],
    },
  ),
);
