import { countryCode, paging } from '../common.js';
import { closed, component, instant, line, nullable, open, pageOf } from '../typebox.js';

const PUBLIC_EXAMPLE = { display_name: 'A. O.', country: 'NL', signed_at: '2026-11-23T19:04:00.000Z' };

export const PublicSignature = component(
  'PublicSignature',
  open(
    {
      display_name: nullable(
        line(250, { description: 'Name or initials, as the signer chose; null: anonymous.' }),
      ),
      country: nullable(countryCode()),
      signed_at: instant({ description: 'When it was signed, to the minute.' }),
    },
    { description: 'A signature in the public list.', examples: [PUBLIC_EXAMPLE] },
  ),
);

export const PublicSignaturePage = component(
  'PublicSignaturePage',
  pageOf(PublicSignature, {
    description: 'A page of confirmed signatures, latest first.',
    examples: [{ data: [PUBLIC_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const PublicSignatureQuery = closed({ ...paging });
