import { Type } from '@sinclair/typebox';
import { LEAD_SEES } from '../../db/tables/partners.js';
import { SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { Suspicion } from '../brakes/suspicions.js';
import { countryCode, exampleId, externalId, id, localeTag, ownPetition, paging } from '../common.js';
import {
  closed,
  component,
  enumOf,
  instant,
  line,
  list,
  nullable,
  nullableRef,
  open,
  pageOf,
  text,
  optional,
} from '../typebox.js';
import { Answers } from './answers.js';
import {
  comment,
  displayChoice,
  email,
  phone,
  phoneE164,
  PostalAddress,
  postalCode,
  source,
  Utm,
} from './signing.js';
import { name, NAME_EXAMPLE, partsOfName } from '../supporters/names.js';

export const SIGNATURE_EXAMPLE = {
  id: exampleId('sig'),
  petition_id: exampleId('pet'),
  supporter_id: exampleId('sup'),
  status: 'confirmed',
  email: 'ada@example.org',
  ...NAME_EXAMPLE,
  country: 'NL',
  postal_code: null,
  postal_address: null,
  phone: null,
  phone_e164: null,
  comment: null,
  answers: null,
  display: 'initials',
  source: 'mail-top-button',
  utm: null,
  collector_id: null,
  shown: 'full',
  mailing_id: null,
  hidden: false,
  external_id: null,
  created_at: '2026-11-23T19:04:05.678Z',
  confirmed_at: '2026-11-23T19:06:11.002Z',
  withdrawn_at: null,
  signed_locale: 'en',
  suspicion: null,
};

export const Signature = component(
  'Signature',
  open(
    {
      id: id('sig', 'The signature.'),
      petition_id: id('pet', 'The petition.'),
      supporter_id: nullable(
        id(
          'sup',
          'The supporter: the same id for every petition that this mailbox signs, but a different one for each organization that reads it. Null once the signer is anonymised, and where `shown` hides it.',
        ),
      ),
      status: enumOf(SIGNATURE_STATUSES, { description: 'The status of the signature.' }),
      email: nullable(email()),
      name: nullable(name()),
      ...partsOfName,
      country: nullable(countryCode()),
      postal_code: nullable(postalCode()),
      postal_address: nullableRef(PostalAddress),
      phone: nullable(phone()),
      phone_e164: phoneE164(),
      comment: nullable(comment()),
      answers: nullableRef(Answers),
      display: displayChoice(),
      source: nullable(source()),
      utm: nullableRef(Utm),
      collector_id: nullable(id('org', 'The organization that it is attributed to; null: none.')),
      shown: enumOf(LEAD_SEES, {
        description:
          'How much you see of it. A key without `signatures:read` sees `names` at most. Of signatures that a partner has collected, the lead organization sees what was agreed: `full`; `names`, without address, phone, answers and ids; `counts`, nothing that identifies the signer (then `display` is `anonymous`).',
      }),
      mailing_id: nullable(id('mlg', 'The mailing whose personal link brought the signer.')),
      hidden: Type.Boolean({
        description: 'Whether the signer does not want to be in the public list at all.',
      }),
      external_id: nullable(line(200, { description: "The collector's own id for it." })),
      created_at: instant({ description: 'When it was signed.' }),
      confirmed_at: nullable(instant({ description: 'When it began to count.' })),
      withdrawn_at: nullable(instant({ description: 'When its signer withdrew it.' })),
      signed_locale: localeTag({
        description:
          'The language of the text that was signed: that of the petition, or of one of its translations.',
      }),
      suspicion: nullableRef(Suspicion, { description: 'Why it was quarantined; null: no suspicion.' }),
    },
    { description: 'A signature as its organiser sees it.', examples: [SIGNATURE_EXAMPLE] },
  ),
);

export const SignaturePage = component(
  'SignaturePage',
  pageOf(Signature, {
    description: 'A page of signatures.',
    examples: [{ data: [SIGNATURE_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const SignatureQuery = closed({
  petition: ownPetition(),
  ...paging,
  status: optional(
    list(enumOf(SIGNATURE_STATUSES), 5, { description: 'Any of these; repeat it for several.' }),
  ),
  email: optional(email()),
  external_id: optional(externalId('signature')),
  source: optional(source()),
  collector: optional(id('org', 'The organization that it is attributed to.')),
  created_from: optional(instant({ description: 'Signed at or after.' })),
  created_before: optional(instant({ description: 'Signed before.' })),
  sort: optional(
    enumOf(['-created_at', 'created_at'], { description: 'Latest first (`-created_at`) if absent.' }),
  ),
});

export const SignaturePath = closed({ signature: id('sig', 'The signature.') });

export const ModerationReason = component(
  'ModerationReason',
  closed(
    {
      reason: text(500, {
        description: 'Why. Kept along with your key and the time.',
        examples: ['Duplicate of another mailbox'],
      }),
    },
    {
      description: 'Why the status of a signature is changed.',
      examples: [{ reason: 'Signed with a name that is not theirs' }],
    },
  ),
);
