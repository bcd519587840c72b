import { exampleId, localeTag } from '../common.js';
import { source } from '../signatures/signing.js';
import { closed, component, enumOf, int, list, matching, nullable, open, optional, ref } from '../typebox.js';
import { consentTextId, ConsentEvidence, EVIDENCE_EXAMPLE, externalId } from './subscriptions.js';

const MAX_ROWS = 1000;

const ROW_EXAMPLE = { email: 'ada@example.org', external_id: 'crm-20431' };

export const SubscriptionImportRow = component(
  'SubscriptionImportRow',
  closed(
    {
      // Deliberately without the format `email`: one bad row must not refuse the whole import.
      email: matching('^[^\\u0000-\\u001F\\u007F]*$', 320, {
        rule: 'Write it on one line, without control characters.',
        description: 'E-mail address. Rows with an invalid one are skipped.',
        examples: ['ada@example.org'],
      }),
      locale: optional(nullable(localeTag())),
      source: optional(nullable(source())),
      external_id: optional(nullable(externalId())),
    },
    { description: 'A person who has agreed to be mailed.', examples: [ROW_EXAMPLE] },
  ),
);

export const SubscriptionImport = component(
  'SubscriptionImport',
  closed(
    {
      consent_text_id: consentTextId(),
      evidence: ref(ConsentEvidence),
      rows: list(ref(SubscriptionImportRow), MAX_ROWS, { minItems: 1, description: 'The subscribers.' }),
    },
    {
      description: 'People who have agreed elsewhere, all to the same text and in the same way.',
      examples: [{ consent_text_id: exampleId('txt'), evidence: EVIDENCE_EXAMPLE, rows: [ROW_EXAMPLE] }],
    },
  ),
);

export const SkippedImportRow = component(
  'SkippedImportRow',
  open(
    {
      row: int(0, MAX_ROWS - 1, { description: 'Its index in `rows`, from 0.' }),
      code: enumOf(['do_not_contact', 'consent_required', 'duplicate', 'invalid_email'], {
        description:
          'Why. `do_not_contact`: must not be mailed by you (it says nothing about other organizations); `consent_required`: has left after the consent was collected; `duplicate`: the same address as an earlier row; `invalid_email`: not a valid address.',
      }),
    },
    { description: 'A row that changed nothing.', examples: [{ row: 17, code: 'invalid_email' }] },
  ),
);

const rowCount = (description: string) => int(0, MAX_ROWS, { description });

export const SubscriptionImportResult = component(
  'SubscriptionImportResult',
  open(
    {
      created: rowCount('New subscriptions, active at once.'),
      activated: rowCount('Existing subscriptions that became active.'),
      unchanged: rowCount('Subscriptions that were already active.'),
      skipped: list(ref(SkippedImportRow), MAX_ROWS, {
        description: 'The rows that changed nothing, in order.',
      }),
    },
    {
      description: 'The result of an import: each row is counted once.',
      examples: [
        { created: 981, activated: 12, unchanged: 6, skipped: [{ row: 17, code: 'invalid_email' }] },
      ],
    },
  ),
);
