import { Type, type Static } from '@sinclair/typebox';
import { LEAD_SEES } from '../../db/tables/partners.js';
import { CONFIRMATIONS } from '../../db/tables/petitions.js';
import { DISPLAYS, SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { Suspicion } from '../brakes/suspicions.js';
import { countryCode, exampleId, externalId, id, paging, shareCode } from '../common.js';
import { linkToken } from '../links.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  line,
  list,
  matching,
  nullable,
  nullableRef,
  open,
  pageOf,
  text,
  optional,
  ref,
} from '../typebox.js';

const MAX = 2_147_483_647;

export const PostalAddress = component(
  'PostalAddress',
  closed(
    {
      lines: list(line(200), 4, {
        minItems: 1,
        description: 'Street and number, and what else stands above the city.',
      }),
      city: optional(nullable(line(200, { description: 'City or place.' }))),
      region: optional(
        nullable(line(200, { description: 'State, province or county, where it belongs to the address.' })),
      ),
    },
    {
      description: 'A postal address; postal code and country have fields of their own.',
      examples: [{ lines: ['Millgate 4'], city: 'Ewehaven' }],
    },
  ),
);

const tag = (what: string) =>
  optional(line(200, { description: `utm_${what} of the link that brought the signer.` }));

export const Utm = component(
  'Utm',
  closed(
    {
      source: tag('source'),
      medium: tag('medium'),
      campaign: tag('campaign'),
      term: tag('term'),
      content: tag('content'),
    },
    {
      description: 'Campaign tags of the link that brought the signer.',
      examples: [{ source: 'newsletter', medium: 'email', campaign: 'meadows-1' }],
    },
  ),
);

export const email = () =>
  Type.String({
    format: 'email',
    minLength: 3,
    maxLength: 254,
    description: 'E-mail address. Never shown to the public.',
    examples: ['ada@example.org'],
  });
export const name = () =>
  line(200, { description: 'Full name, as the signer writes it.', examples: ['Ada Okonkwo'] });
export const displayChoice = () =>
  enumOf(DISPLAYS, {
    description: 'How the public list shows the signer: full name, initials, or not by name.',
  });
export const source = () =>
  line(100, {
    description: 'Your label for the channel or place of the link.',
    examples: ['mail-top-button'],
  });
export const phone = () =>
  matching('^\\+?[0-9][0-9 ()./-]{3,30}$', 32, {
    description: 'Phone number.',
    examples: ['+31 20 555 0123'],
  });
export const postalCode = () =>
  matching('^[A-Za-z0-9][A-Za-z0-9 -]{0,15}$', 16, { description: 'Postal code.', examples: ['1012 AB'] });
export const comment = () =>
  text(2000, { undirected: true, description: 'Why they sign. Organisers read it; it is not public.' });

export const OptInAnswer = component(
  'OptInAnswer',
  closed(
    {
      consent_text_id: id('txt', 'The words that were shown: see `listPetitionConsentTexts`.'),
      opt_in: Type.Boolean({ description: 'Whether the signer agreed to them.' }),
    },
    {
      description: 'The answer to one organization that asks for permission to mail.',
      examples: [{ consent_text_id: exampleId('txt'), opt_in: true }],
    },
  ),
);

export const SignatureInput = component(
  'SignatureInput',
  closed(
    {
      email: email(),
      name: name(),
      country: optional(nullable(countryCode())),
      postal_code: optional(nullable(postalCode())),
      postal_address: optional(nullableRef(PostalAddress)),
      phone: optional(nullable(phone())),
      comment: optional(nullable(comment())),
      display: optional(
        enumOf(DISPLAYS, { description: 'How the public list shows the signer; `anonymous` if absent.' }),
      ),
      source: optional(nullable(source())),
      utm: optional(nullableRef(Utm)),
      opt_ins: optional(
        list(ref(OptInAnswer), 10, {
          description:
            'Answers to "may they mail you?", at most one for each organization. Leave out whoever was not asked.',
        }),
      ),
      recognition: optional(
        nullable(
          linkToken(
            'pr',
            'The token of the personal link that brought the signer. It tells which mailing it was; one that does not work is ignored.',
          ),
        ),
      ),
      share_code: optional(
        nullable(
          shareCode('The code of the share link that brought the signer. One that does not work is ignored.'),
        ),
      ),
      form_token: optional(
        nullable(
          matching('^ft_[A-Za-z0-9_-]{59}$', 62, {
            description:
              'From `getChallenge`, when the form was opened: people need some seconds to fill it in.',
          }),
        ),
      ),
      altcha: optional(
        nullable(
          matching('^[A-Za-z0-9+/=]+$', 2000, {
            description:
              'The solved proof of work of `getChallenge`, where one is required. Good for one signature.',
          }),
        ),
      ),
      website: optional(
        nullable(
          Type.String({
            maxLength: 500,
            pattern: '^[^\\u0000]*$',
            description:
              'Leave it empty. Put it into your form where people do not see it: machines fill it in.',
          }),
        ),
      ),
      external_id: optional(nullable(externalId('signature'))),
      vouched: optional(
        Type.Boolean({
          description:
            'Secret keys with `signatures:vouch` only. You have proven that the signer reads this mailbox: the signature counts at once. What it says of the signer is the word of your organization: it changes nothing of what they have said themselves.',
        }),
      ),
    },
    {
      description:
        'Somebody signs. What the petition requires of country, postal code and so on must be there; what it does not ask for must not.',
      examples: [
        {
          email: 'ada@example.org',
          name: 'Ada Okonkwo',
          country: 'NL',
          display: 'initials',
          source: 'mail-top-button',
        },
      ],
    },
  ),
);
export type SignatureInput = Static<typeof SignatureInput>;

const RECEIPT = 'rc_Vq0mJ2c1nXf8c0r6Zk3lY9wTgB5aDhS7eUoP4iKjM2NnRtQxWvCzLyAbEdG';
const receipt = () =>
  matching('^rc_[A-Za-z0-9_-]{59}$', 62, {
    description:
      'Sealed and fresh each time: good only for making share links that are credited to this signature.',
    examples: [RECEIPT],
  });
const next = () =>
  enumOf(['confirm_email', 'done'], {
    description: 'What the signer does now: open the mail that we send, or nothing.',
  });

export const SignatureAccepted = component(
  'SignatureAccepted',
  open(
    {
      petition_id: id('pet', 'The petition.'),
      confirmation: enumOf(CONFIRMATIONS, { description: 'What makes a signature of this petition count.' }),
      next: next(),
      count: int(0, MAX, { description: "The petition's confirmed signatures as last published." }),
      receipt: receipt(),
    },
    {
      description:
        'The answer to everybody without a secret key: the same whether or not this address has signed before.',
      examples: [
        {
          petition_id: exampleId('pet'),
          confirmation: 'email',
          next: 'confirm_email',
          count: 4211,
          receipt: RECEIPT,
        },
      ],
    },
  ),
);

export const SignatureResult = component(
  'SignatureResult',
  open(
    {
      id: id('sig', 'The signature.'),
      petition_id: id('pet', 'The petition.'),
      status: enumOf(SIGNATURE_STATUSES, { description: 'Where the signature stands.' }),
      created: Type.Boolean({
        description: 'False: this supporter had signed before, and nothing was added.',
      }),
      created_at: instant({ description: 'When it was signed.' }),
      confirmed_at: nullable(instant({ description: 'When it began to count; null if it does not yet.' })),
      next: next(),
      count: int(0, MAX, { description: "The petition's confirmed signatures now." }),
      receipt: receipt(),
    },
    {
      description: 'The answer to a secret key: what really happened.',
      examples: [
        {
          id: exampleId('sig'),
          petition_id: exampleId('pet'),
          status: 'pending',
          created: true,
          created_at: '2026-11-23T19:04:05.678Z',
          confirmed_at: null,
          next: 'confirm_email',
          count: 4211,
          receipt: RECEIPT,
        },
      ],
    },
  ),
);

export const SIGNATURE_EXAMPLE = {
  id: exampleId('sig'),
  petition_id: exampleId('pet'),
  supporter_id: exampleId('sup'),
  status: 'confirmed',
  email: 'ada@example.org',
  name: 'Ada Okonkwo',
  country: 'NL',
  postal_code: null,
  postal_address: null,
  phone: null,
  comment: null,
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
          'The supporter: the same for every petition that this mailbox signs, and another for every other organization. Null once the signer is anonymous, and where `shown` hides it.',
        ),
      ),
      status: enumOf(SIGNATURE_STATUSES, { description: 'Where the signature stands.' }),
      email: nullable(email()),
      name: nullable(name()),
      country: nullable(countryCode()),
      postal_code: nullable(postalCode()),
      postal_address: nullableRef(PostalAddress),
      phone: nullable(phone()),
      comment: nullable(comment()),
      display: displayChoice(),
      source: nullable(source()),
      utm: nullableRef(Utm),
      collector_id: nullable(
        id('org', 'The organization that it is attributed to; null: nobody brought it.'),
      ),
      shown: enumOf(LEAD_SEES, {
        description:
          'What you see of it. A key without `signatures:read` sees `names` at most. Of what a partner has collected, the lead organization sees what was agreed: `full`; `names`, without address, phone and ids; `counts`, nothing that says who (then `display` is `anonymous`).',
      }),
      mailing_id: nullable(id('mlg', 'The mailing whose personal link brought the signer.')),
      hidden: Type.Boolean({ description: 'The signer does not want to stand in the public list at all.' }),
      external_id: nullable(line(200, { description: "The collector's own id for it." })),
      created_at: instant({ description: 'When it was signed.' }),
      confirmed_at: nullable(instant({ description: 'When it began to count.' })),
      withdrawn_at: nullable(instant({ description: 'When its signer took it back.' })),
      suspicion: nullableRef(Suspicion, { description: 'Why it was quarantined; null: nothing was odd.' }),
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
  petition: matching('^[a-z0-9_-]+$', 100, {
    description: 'Id or slug of one of your petitions.',
    examples: [exampleId('pet')],
  }),
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
        description: 'Why. Kept with your key and the time.',
        examples: ['Duplicate of another mailbox'],
      }),
    },
    {
      description: 'Why a signature is taken out or put back.',
      examples: [{ reason: 'Signed with a name that is not theirs' }],
    },
  ),
);
