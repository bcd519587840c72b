import { RECIPIENT_RESULTS, RECIPIENT_STATES } from '../../db/tables/sending.js';
import { exampleId, id } from '../common.js';
import { component, enumOf, instant, line, nullable, open } from '../typebox.js';

export const MAILING_EXAMPLE = {
  organization_id: exampleId('org'),
  mailing_id: exampleId('mlg'),
  name: 'Meadows, first mail',
  state: 'sent',
  settled_at: '2026-11-24T09:00:12.345Z',
  result: null,
  result_at: null,
};

export const ExportedMailing = component(
  'ExportedMailing',
  open(
    {
      organization_id: id('org', 'The organization that mailed me.'),
      mailing_id: id('mlg', 'The mailing.'),
      name: line(200, { description: 'The name that the organization gave it.' }),
      state: enumOf(RECIPIENT_STATES, { description: 'What became of the mail to me.' }),
      settled_at: nullable(instant({ description: 'When it was sent, skipped or given up.' })),
      result: nullable(enumOf(RECIPIENT_RESULTS, { description: 'What came back of it.' })),
      result_at: nullable(instant({ description: 'When that came back.' })),
    },
    { description: 'A mailing of an organization that I was among.', examples: [MAILING_EXAMPLE] },
  ),
);
