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
      organization: described(OrganizationSummary, 'The organization that vouched.'),
      key_id: nullable(id('key', 'The key that was used; null: imported on the command line.')),
      kind: enumOf(IMPORT_KINDS, {
        description:
          '`file`: a file sent to `importSignatures`. `requests`: the signatures that one key of a partner vouched for with `signPetition` on one day (UTC).',
      }),
      source: nullable(source()),
      lines: count('Valid lines; for `requests`, the requests that changed something.'),
      created: count('New signatures, which counted.'),
      confirmed: count('Existing signatures that were waiting for confirmation, and counted from then on.'),
      quarantined: count('New signatures beyond the daily limit of the partner, which did not count.'),
      begun_at: instant({ description: 'When its first signature was stored.' }),
      last_at: instant({ description: 'When its last signature was stored.' }),
    },
    {
      description:
        'Signatures that an organization has vouched for. The numbers describe what the import did; later changes of the signatures do not change them.',
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
