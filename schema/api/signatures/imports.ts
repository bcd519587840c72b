import { IMPORT_KINDS } from '../../db/tables/signatures.js';
import { exampleId, id, OrganizationSummary, paging } from '../common.js';
import { closed, component, described, enumOf, instant, int, nullable, open, pageOf } from '../typebox.js';
import { source } from './signing.js';

const EXAMPLE = {
  id: exampleId('imp'),
  petition_id: exampleId('pet'),
  organization: {
    id: 'org_01kb1vq6gzf8w2p5r9t3x7z1b4',
    slug: 'ewe-anglers',
    name: 'Anglers of the Ewe',
    url: 'https://ewe-anglers.example',
  },
  key_id: exampleId('key'),
  kind: 'file',
  source: 'street-stall-ewehaven',
  lines: 240,
  created: 188,
  confirmed: 12,
  quarantined: 31,
  begun_at: '2026-11-23T19:04:00.000Z',
  last_at: '2026-11-23T19:04:02.000Z',
};

const count = (description: string) => int(0, 2_147_483_647, { description });

export const SignatureImport = component(
  'SignatureImport',
  open(
    {
      id: id('imp', 'The import.'),
      petition_id: id('pet', 'The petition.'),
      organization: described(OrganizationSummary, 'Who vouched.'),
      key_id: nullable(id('key', 'The key that it came through; null: the command line.')),
      kind: enumOf(IMPORT_KINDS, {
        description:
          '`file`: one sent to `importSignatures`. `requests`: what one key of a partner vouched for with `signPetition`, on one day (UTC).',
      }),
      source: nullable(source()),
      lines: count('Lines that could be read as signatures; of `requests`, those that changed something.'),
      created: count('New signatures, which counted.'),
      confirmed: count(
        'Signatures that were there, had waited for a confirmation, and counted from then on.',
      ),
      quarantined: count(
        'New signatures beyond what the partner may vouch for in a day, which did not count.',
      ),
      begun_at: instant({ description: 'When the first of it was stored.' }),
      last_at: instant({ description: 'When the last of it was stored.' }),
    },
    {
      description:
        'What somebody has vouched for. The numbers tell what it did, whatever has become of the signatures since.',
      examples: [EXAMPLE],
    },
  ),
);

export const SignatureImportPage = component(
  'SignatureImportPage',
  pageOf(SignatureImport, {
    description: 'A page of imports, latest first.',
    examples: [{ data: [EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const SignatureImportListQuery = closed(paging);
