import { Type, type Static } from '@sinclair/typebox';
import { PAPER_BATCH_KINDS, PAPER_STATUSES } from '../../db/tables/paper.js';
import { LEAD_SEES } from '../../db/tables/partners.js';
import { DISPLAYS } from '../../db/tables/signatures.js';
import {
  countryCode,
  exampleId,
  externalId,
  id,
  OrganizationSummary,
  ownPetition,
  paging,
  typedCountry,
} from '../common.js';
import { EXPORT_FORMATS } from '../signatures/signature-export.js';
import { comment, displayChoice, phone, PostalAddress, postalCode } from '../signatures/signing.js';
import { name, NAME_EXAMPLE, nameOrParts, partsOfName } from '../supporters/names.js';
import { problemMembers } from '../signatures/signature-import.js';
import {
  closed,
  component,
  day,
  described,
  enumOf,
  instant,
  int,
  line,
  list,
  nullable,
  nullableRef,
  open,
  optional,
  pageOf,
  ref,
  typedLine,
} from '../typebox.js';

/* Signatures on paper: entered, listed, taken out. Files: paper-import.ts. */

const MAX = 2_147_483_647;
export const MOST_ENTRIES = 100;

export const paperSource = () =>
  typedLine(100, {
    description: 'Where they were collected.',
    examples: ['Market square, 21 November'],
  });
const sheet = () => typedLine(100, { description: 'Your name for its sheet.', examples: ['Sheet 12'] });
const signedOn = () => day({ description: 'The day on which it was signed.' });

/** What is known of a paper signature. In a file, too, all but the name can be left out. */
export const paperMembers = {
  ...nameOrParts,
  country: optional(nullable(typedCountry())),
  postal_code: optional(nullable(postalCode())),
  postal_address: optional(nullableRef(PostalAddress)),
  phone: optional(nullable(phone())),
  comment: optional(nullable(comment())),
  display: optional(
    nullable(
      enumOf(DISPLAYS, {
        description: 'How the signer may be shown where you publish names; `anonymous` if absent.',
      }),
    ),
  ),
  hidden: optional(nullable(Type.Boolean({ description: 'Whether the signer wants to appear in no list.' }))),
  sheet: optional(nullable(sheet())),
  signed_on: optional(nullable(signedOn())),
  external_id: optional(nullable(externalId('paper signature'))),
};

export const PAPER_EXAMPLE = {
  ...NAME_EXAMPLE,
  country: 'NL',
  postal_code: '1012 AB',
  sheet: 'Sheet 12',
  signed_on: '2026-11-21',
  external_id: 'sheet-12-row-7',
};

export const PaperEntry = component(
  'PaperEntry',
  closed(paperMembers, {
    named: true,
    description:
      'A signature on paper. There is no place for an e-mail address: send those with `importSignatures`.',
    examples: [PAPER_EXAMPLE],
  }),
);

export const PaperEntryInput = component(
  'PaperEntryInput',
  closed(
    {
      source: optional(nullable(paperSource())),
      signatures: list(ref(PaperEntry), MOST_ENTRIES, {
        minItems: 1,
        description: `At most ${MOST_ENTRIES}; for more use \`importPaperSignatures\`.`,
      }),
    },
    {
      description: 'Signatures from paper.',
      examples: [{ source: 'Market square, 21 November', signatures: [PAPER_EXAMPLE] }],
    },
  ),
);

export const PaperEntryWarning = component(
  'PaperEntryWarning',
  open(
    {
      index: int(0, MOST_ENTRIES - 1, { description: 'Which of your signatures, from 0.' }),
      ...problemMembers,
    },
    {
      description: 'Something to look at. The signature is entered nevertheless.',
      examples: [
        {
          index: 3,
          field: 'name',
          code: 'possible_duplicate',
          detail:
            'The same name and postal code as signature 1 of this request. It is counted: remove one of them if they are the same person.',
        },
      ],
    },
  ),
);

export const PaperEntryResult = component(
  'PaperEntryResult',
  open(
    {
      batch_id: nullable(id('pba', 'The batch that they make; null: nothing was new.')),
      created: list(id('pap', 'A new paper signature.'), MOST_ENTRIES, {
        description: 'The ids of the new ones, in your order.',
      }),
      known: int(0, MOST_ENTRIES, {
        description: 'How many have an `external_id` that was entered before: nothing was added.',
      }),
      warnings: list(ref(PaperEntryWarning), 10 * MOST_ENTRIES, { description: 'What to look at.' }),
    },
    {
      description: 'What has become of the signatures.',
      examples: [{ batch_id: exampleId('pba'), created: [exampleId('pap')], known: 0, warnings: [] }],
    },
  ),
);

const SIGNATURE_EXAMPLE = {
  id: exampleId('pap'),
  petition_id: exampleId('pet'),
  organization_id: exampleId('org'),
  batch_id: exampleId('pba'),
  status: 'confirmed',
  reason: null,
  postal_address: null,
  phone: null,
  comment: null,
  display: 'anonymous',
  hidden: false,
  ...PAPER_EXAMPLE,
  shown: 'full',
  created_at: '2026-11-23T19:04:05.678Z',
};

export const PaperSignature = component(
  'PaperSignature',
  open(
    {
      id: id('pap', 'The paper signature.'),
      petition_id: id('pet', 'The petition.'),
      organization_id: id('org', 'The organization that entered it.'),
      batch_id: id('pba', 'What it was entered with.'),
      status: enumOf(PAPER_STATUSES, { description: '`confirmed` counts; `invalidated` does not.' }),
      reason: nullable(
        line(500, {
          description: 'Why its status was last changed; null: it never was, or `shown` is `counts`.',
        }),
      ),
      name: nullable(name()),
      ...partsOfName,
      country: nullable(countryCode()),
      postal_code: nullable(postalCode()),
      postal_address: nullableRef(PostalAddress),
      phone: nullable(phone()),
      comment: nullable(comment()),
      display: displayChoice(),
      hidden: Type.Boolean({ description: 'Whether the signer wants to appear in no list.' }),
      sheet: nullable(sheet()),
      signed_on: nullable(signedOn()),
      external_id: nullable(line(200, { description: "The organization's own id for it." })),
      shown: enumOf(LEAD_SEES, {
        description:
          'How much you see of it, as with a `Signature`: of what a partner has entered, the lead sees what was agreed.',
      }),
      created_at: instant({ description: 'When it was entered.' }),
    },
    {
      description:
        'A signature on paper. Its signer has no mailbox here: no supporter, no confirmation, no consent.',
      examples: [SIGNATURE_EXAMPLE],
    },
  ),
);
export type PaperSignature = Static<typeof PaperSignature>;

export const PaperSignaturePage = component(
  'PaperSignaturePage',
  pageOf(PaperSignature, {
    description: 'A page of paper signatures, latest first.',
    examples: [{ data: [SIGNATURE_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

const filter = {
  petition: ownPetition('Id or slug of a petition that you lead, or are a partner of.'),
  status: optional(enumOf(PAPER_STATUSES, { description: 'Only these.' })),
  batch: optional(id('pba', 'Only what was entered with this.')),
  organization: optional(id('org', 'Only what this organization has entered.')),
};

export const PaperSignatureQuery = closed({ ...filter, ...paging });

export const PaperExportQuery = closed({
  ...filter,
  format: optional(
    enumOf(EXPORT_FORMATS, { description: 'CSV (the default), or one `PaperSignature` per line as JSON.' }),
  ),
  bom: optional(
    Type.Boolean({ description: 'Begins the CSV with a byte order mark, by which Excel recognises UTF-8.' }),
  ),
  formulas: optional(
    enumOf(['escaped', 'raw'], {
      description:
        'Texts of a CSV that a spreadsheet would run as a formula: with an apostrophe before them (`escaped`, the default), or unchanged (`raw`).',
    }),
  ),
});

export const PaperSignaturePath = closed({ paper_signature: id('pap', 'The paper signature.') });
export const PaperBatchPath = closed({ batch: id('pba', 'The batch.') });

const BATCH_EXAMPLE = {
  id: exampleId('pba'),
  petition_id: exampleId('pet'),
  organization: {
    id: 'org_01kb1vq6gzf8w2p5r9t3x7z1b4',
    slug: 'ewe-anglers',
    name: 'Anglers of the Ewe',
    url: 'https://ewe-anglers.example',
  },
  key_id: exampleId('key'),
  kind: 'file',
  source: 'Market square, 21 November',
  created: 240,
  begun_at: '2026-11-23T19:04:00.000Z',
  completed_at: '2026-11-23T19:04:02.000Z',
};

export const PaperBatch = component(
  'PaperBatch',
  open(
    {
      id: id('pba', 'The batch.'),
      petition_id: id('pet', 'The petition.'),
      organization: described(OrganizationSummary, 'The organization that entered it.'),
      key_id: nullable(id('key', 'The key that was used; null: on the command line.')),
      kind: enumOf(PAPER_BATCH_KINDS, {
        description: '`file`: by `importPaperSignatures`; `entries`: by `createPaperSignatures`.',
      }),
      source: nullable(paperSource()),
      created: int(0, MAX, {
        description: 'How many signatures it brought. Later changes do not change the number.',
      }),
      begun_at: instant({ description: 'When its first signature was stored.' }),
      completed_at: nullable(
        instant({
          description:
            'When its last signature was stored; null: it is being entered, or the server stopped in the middle of it. Then remove it and send the file again.',
        }),
      ),
    },
    { description: 'Paper signatures that were entered together.', examples: [BATCH_EXAMPLE] },
  ),
);

export const PaperBatchPage = component(
  'PaperBatchPage',
  pageOf(PaperBatch, {
    description: 'A page of batches, latest first.',
    examples: [{ data: [BATCH_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const PaperBatchQuery = closed(paging);
