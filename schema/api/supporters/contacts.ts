import { countryCode } from '../common.js';
import { phone, phoneE164, PostalAddress, postalCode } from '../signatures/signing.js';
import { name, NAME_EXAMPLE, partsOfName } from './names.js';
import { component, instant, nullable, nullableRef, open } from '../typebox.js';

export const CONTACT_EXAMPLE = {
  ...NAME_EXAMPLE,
  country: 'NL',
  postal_code: '1012 AB',
  postal_address: null,
  phone: null,
  phone_e164: null,
  created_at: '2026-11-23T19:04:05.678Z',
  updated_at: '2026-11-23T19:04:05.678Z',
};

export const contactFields = {
  name: nullable(name()),
  ...partsOfName,
  country: nullable(countryCode()),
  postal_code: nullable(postalCode()),
  postal_address: nullableRef(PostalAddress),
  phone: nullable(phone()),
  phone_e164: phoneE164(),
  created_at: instant({ description: 'When it was first provided.' }),
  updated_at: instant({ description: 'When it was last provided.' }),
};

export const Contact = component(
  'Contact',
  open(contactFields, {
    description:
      'The contact data that one organization has provided about a person, with signatures that it vouches for and with imports. It is shown only to that organization and to the person, and does not overwrite what the person has entered themselves.',
    examples: [CONTACT_EXAMPLE],
  }),
);
