import { Type } from '@sinclair/typebox';
import { countryCode, typedCountry } from '../common.js';
import { email, phone, phoneE164, PostalAddress, postalCode } from '../signatures/signing.js';
import { name, NAME_EXAMPLE, optionalParts, partsOfName } from '../supporters/names.js';
import { closed, component, instant, nullable, nullableRef, open } from '../typebox.js';

export const ME_EXAMPLE = {
  email: 'ada@example.org',
  ...NAME_EXAMPLE,
  country: 'NL',
  postal_code: '1012 AB',
  postal_address: { lines: ['Millgate 4'], city: 'Ewehaven' },
  phone: null,
  phone_e164: null,
  proven_at: '2026-11-23T19:06:11.002Z',
  created_at: '2026-11-23T19:04:05.678Z',
};

export const Me = component(
  'Me',
  open(
    {
      email: email(),
      name: nullable(name()),
      ...partsOfName,
      country: nullable(countryCode()),
      postal_code: nullable(postalCode()),
      postal_address: nullableRef(PostalAddress),
      phone: nullable(phone()),
      phone_e164: phoneE164(),
      proven_at: nullable(instant({ description: 'When the mailbox last confirmed something.' })),
      created_at: instant({ description: 'When this address was first recorded.' }),
    },
    {
      description: 'The profile of a supporter, without signatures and subscriptions.',
      examples: [ME_EXAMPLE],
    },
  ),
);

export const MePatch = component(
  'MePatch',
  closed(
    {
      name: Type.Optional(nullable(name())),
      ...optionalParts,
      country: Type.Optional(nullable(typedCountry())),
      postal_code: Type.Optional(nullable(postalCode())),
      postal_address: Type.Optional(nullableRef(PostalAddress)),
      phone: Type.Optional(nullable(phone())),
    },
    {
      minProperties: 1,
      description:
        'A JSON Merge Patch (RFC 7396): absent is unchanged, null is cleared; a postal address is replaced as a whole. Another `name` clears the parts that are not sent with it. Parts without `name` make it anew once both are known. Existing signatures do not change.',
      examples: [{ postal_address: { lines: ['Millgate 4'], city: 'Ewehaven' }, phone: null }],
    },
  ),
);
