import { MOST_ASKERS } from '../../db/tables/partners.js';
import { Type, type Static } from '@sinclair/typebox';
import { DISPLAYS } from '../../db/tables/signatures.js';
import { exampleId, externalId, id, shareCode, typedCountry, typedLocale } from '../common.js';
import { linkToken } from '../links.js';
import { NAME_EXAMPLE, nameOrParts } from '../supporters/names.js';
import { AnswersInput } from './answers.js';
import {
  closed,
  component,
  enumOf,
  list,
  matching,
  nullable,
  nullableRef,
  optional,
  ref,
  typed,
  typedLine,
} from '../typebox.js';

export const PostalAddress = component(
  'PostalAddress',
  closed(
    {
      lines: list(typedLine(200), 4, {
        minItems: 1,
        description: 'Street and number, and other lines above the city.',
      }),
      city: optional(nullable(typedLine(200, { description: 'City or place.' }))),
      region: optional(
        nullable(
          typedLine(200, { description: 'State, province or county, where it belongs to the address.' }),
        ),
      ),
    },
    {
      description: 'A postal address; postal code and country are separate fields.',
      examples: [{ lines: ['Millgate 4'], city: 'Ewehaven' }],
    },
  ),
);

const tag = (what: string) =>
  optional(typedLine(200, { description: `utm_${what} of the link that brought the signer.` }));

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
export const displayChoice = () =>
  enumOf(DISPLAYS, {
    description: 'How the public list shows the signer: full name, initials, or anonymously.',
  });
export const source = () =>
  typedLine(100, {
    description: 'Your label for the channel or place of the link.',
    examples: ['mail-top-button'],
  });
export const phone = () =>
  typed('phone', 50, {
    description:
      'Phone number as people write it, with spaces, brackets, dots or hyphens. Digits of other scripts and full-width characters are stored as ASCII. Otherwise it stays as typed; `phone_e164` is for machines.',
    examples: ['+31 20 555 0123'],
  });
export const phoneE164 = () =>
  nullable(
    matching('^\\+[1-9][0-9]{4,14}$', 16, {
      description:
        'The phone number in E.164, without an extension. A number without the code of a country is read as one of the country given with it, or of the region in the petition’s locale. Null if there is none, or if it cannot be told.',
      examples: ['+31205550123'],
    }),
  );
export const postalCode = () =>
  typed('postal_code', 32, {
    description: 'Postal code. Full-width characters and dashes are stored as ASCII.',
    examples: ['1012 AB'],
  });
export const comment = () =>
  typed('lines', 2000, {
    visible: true,
    description: 'Why they sign. Organisers read it; it is not public.',
  });

export const OptInAnswer = component(
  'OptInAnswer',
  closed(
    {
      consent_text_id: id('txt', 'The text that was shown: see `listPetitionConsentTexts`.'),
      opt_in: Type.Boolean({ description: 'Whether the signer agreed to it.' }),
    },
    {
      description: 'The answer to one organization that asks for permission to mail.',
      examples: [{ consent_text_id: exampleId('txt'), opt_in: true }],
    },
  ),
);

/** What can be said of a signature that one tap in a mail makes; `recognition` is always needed. */
const WITH_ONE_TAP = [
  'recognition',
  'opt_ins',
  'locale',
  'source',
  'utm',
  'share_code',
  'form_token',
  'altcha',
];

export const SignatureInput = component(
  'SignatureInput',
  closed(
    {
      email: optional(email()),
      ...nameOrParts,
      country: optional(nullable(typedCountry())),
      postal_code: optional(nullable(postalCode())),
      postal_address: optional(nullableRef(PostalAddress)),
      phone: optional(nullable(phone())),
      comment: optional(nullable(comment())),
      answers: optional(nullableRef(AnswersInput)),
      display: optional(
        enumOf(DISPLAYS, { description: 'How the public list shows the signer; `anonymous` if absent.' }),
      ),
      locale: optional(
        nullable(
          typedLocale({
            description:
              'The language of the form that the signer has filled in, and of the text that they have read: send the `locale` of the petition as you have shown it. The closest translation of it counts as signed, and mails about the signature come in it where there are words in it. That of the petition if absent.',
          }),
        ),
      ),
      source: optional(nullable(source())),
      utm: optional(nullableRef(Utm)),
      opt_ins: optional(
        list(ref(OptInAnswer), MOST_ASKERS, {
          description:
            'The signer’s answers to the consent texts, at most one for each organization. Leave out organizations whose text was not shown.',
        }),
      ),
      recognition: optional(
        nullable(
          linkToken(
            'pr',
            'The token of the personal link that brought the signer. It identifies the mailing; an invalid token is ignored. Without `email` and `name` it signs for the recipient of that mail.',
          ),
        ),
      ),
      share_code: optional(
        nullable(
          shareCode('The code of the share link that brought the signer. An invalid code is ignored.'),
        ),
      ),
      form_token: optional(
        nullable(
          matching('^ft_[A-Za-z0-9_-]{59}$', 62, {
            rule: 'Send the form_token of getChallenge unchanged.',
            description:
              'From `getChallenge`, when the form was opened: people need some seconds to fill it in.',
          }),
        ),
      ),
      altcha: optional(
        nullable(
          matching('^[A-Za-z0-9+/=]+$', 2000, {
            rule: 'Send the solution of the challenge in Base64, as the ALTCHA widget makes it.',
            description:
              'The solved proof of work of `getChallenge`, where one is required. Valid for one signature.',
          }),
        ),
      ),
      website: optional(
        nullable(
          matching('^[^\\u0000]*$', 500, {
            rule: 'Leave it empty.',
            minLength: 0,
            description:
              'A honeypot: put it into your form where people do not see it. Machines fill it in; otherwise it stays empty.',
          }),
        ),
      ),
      external_id: optional(nullable(externalId('signature'))),
      vouched: optional(
        Type.Boolean({
          description:
            'Only for secret keys with `signatures:vouch`. You have verified that the signer reads this mailbox, so the signature counts at once. Its data is kept as your organization’s, and does not overwrite what the signer has entered themselves.',
        }),
      ),
    },
    {
      description:
        'A new signature. `email` and a name (`name`, or `given_name` and `family_name`) are required, except with a `recognition` beside which there is nothing but `opt_ins`, `locale`, `source`, `utm`, `share_code`, `form_token` and `altcha`. Fields that the petition requires (country, postal code and so on) must be present; fields that it does not ask for must be absent.',
      // Not two schemas: for nearly all callers there is one kind of signature, with a type of its own in every client.
      if: {
        required: ['recognition'],
        properties: { recognition: { not: { type: 'null' } } },
        propertyNames: { enum: WITH_ONE_TAP },
      },
      else: { required: ['email'], named: true },
      examples: [
        {
          email: 'ada@example.org',
          ...NAME_EXAMPLE,
          country: 'NL',
          display: 'initials',
          source: 'mail-top-button',
        },
      ],
    },
  ),
);
export type SignatureInput = Static<typeof SignatureInput>;

/** Whether it has an address and a name; otherwise it is a tap in a mail. */
export const isTyped = <Body extends SignatureInput>(
  body: Body,
): body is Body & { email: string; name: string } => body.email !== undefined;
