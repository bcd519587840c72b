import { Type, type StringOptions } from '@sinclair/typebox';
import { idPattern, SLUG_PATTERN, type IdPrefix } from '../db/public-id.js';
import { closed, component, int, line, matching, nullable, open, webUrl, typed } from './typebox.js';

const EXAMPLE_IDS: Record<IdPrefix, string> = {
  org: 'org_01kb1vq6gze4tb6m8fzj1g9c7d',
  adm: 'adm_01kb1vq6h4gs2t2p7z0b1wr9qf',
  key: 'key_01kb1vq6h3fr1s1n6y9a0vq8pe',
  pet: 'pet_01kb1vq6h8er3ap3b6n2q4w5xk',
  sig: 'sig_01kb1vs0a2fghbx7c4e1m8ntyz',
  sup: 'sup_01kb1vs0a2fghbx7c4e1m8ntz0',
  sub: 'sub_01kb1vs0a3m5q7r9t1v3x5z7b9',
  txt: 'txt_01kb1vq6h9c2e4g6j8m0p2r4t6',
  con: 'con_01kb1vs0a4n6q8s0v2x4z6b8d0',
  mlg: 'mlg_01kb1vr1c3e5g7j9m1p3r5t7w9',
  mvr: 'mvr_01kb1vr1c3f6h8k0n2q4s6v8x0',
  seg: 'seg_01kb1vr1c2d4f6h8k0n2q4s6v8',
  ptn: 'ptn_01kb1vr1c4f6h8k0n2q4s6v8x0',
  var: 'var_01kb1vr1c5g7j9m1p3r5t7w9y1',
  imp: 'imp_01kb1vs0a5p7r9t1v3x5z7b9d1',
  pap: 'pap_01kb1vs0a6q8s0v2x4z6b8d0f2',
  pba: 'pba_01kb1vs0a7r9t1v3x5z7b9d1g3',
  ofs: 'ofs_01kb1vs0a8s0v2x4z6b8d0f2h4',
  rsp: 'rsp_01kb1vs0a9t1v3x5z7b9d1g3j5',
  dlv: 'dlv_01kb1vs0aav3x5z7b9d1g3j5m7',
};
export const exampleId = (prefix: IdPrefix) => EXAMPLE_IDS[prefix];

export const id = (prefix: IdPrefix, description: string) =>
  matching(idPattern(prefix), 30, {
    rule: `Write the id as the API gave it, like ${EXAMPLE_IDS[prefix]}.`,
    description,
    examples: [EXAMPLE_IDS[prefix]],
  });

export const slug = (description: string) =>
  matching(SLUG_PATTERN, 100, {
    rule: 'Write small letters, digits and single hyphens, like save-the-old-mill-meadows.',
    description,
    examples: ['save-the-old-mill-meadows'],
  });

/** The rule of patterns that accept an id or a slug. */
export const REF_RULE = 'Write its id or its slug, like save-the-old-mill-meadows.';

/** The petition of a query, where a key names one of its own organization. */
export const ownPetition = (description = 'Id or slug of one of your petitions.') =>
  matching('^[a-z0-9_-]+$', 100, {
    rule: REF_RULE,
    description,
    examples: [exampleId('pet')],
  });

export const externalId = (what: string) =>
  line(200, { description: `Your own id for this ${what}, unique in its scope.`, examples: ['crm-20431'] });

export const SHARE_CODE_PATTERN = '^[23456789bcdfghjkmnpqrstvwxyzBCDFGHJKLMNPQRSTVWXYZ]{10}$';
export const shareCode = (description: string) =>
  matching(SHARE_CODE_PATTERN, 10, {
    rule: 'Write the ten letters and digits at the end of the share link, like h7Kq2mWz9T.',
    description,
    examples: ['h7Kq2mWz9T'],
  });

/** An origin as browsers send it, or `https://*.example.org` for all subdomains of a domain. */
export const ORIGIN_PATTERN = '^https?://(?:\\*\\.)?[a-z0-9-]+(?:\\.[a-z0-9-]+)*(?::[0-9]{1,5})?$';

export const countryCode = () =>
  matching('^[A-Z]{2}$', 2, { description: 'ISO 3166-1 alpha-2 code, in capitals.', examples: ['NL'] });

/** A country code as callers may send it. */
export const typedCountry = () =>
  typed('country', 60, {
    description:
      'ISO 3166-1 alpha-2 code, or XK for Kosovo. Lower case is accepted, and UK for GB; the code is stored in capitals.',
    examples: ['NL'],
  });

export const LOCALE_PATTERN = '^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?$';
export const localeTag = (options: StringOptions = {}) =>
  matching(LOCALE_PATTERN, 11, {
    rule: 'Write a language tag of BCP 47, like en or pt-BR.',
    description: 'BCP 47 language tag: language, script and region.',
    examples: ['en', 'pt-BR'],
    ...options,
  });

/** A language tag as people and programs write them. */
export const typedLocale = (options: StringOptions = {}) =>
  typed('locale', 35, {
    description:
      'BCP 47 language tag: language, script and region. Case does not matter, nor whether `-` or `_` separates them.',
    examples: ['en', 'pt-BR'],
    ...options,
  });

export const PetitionPath = closed({
  petition: matching(`(?:${idPattern('pet')})|(?:${SLUG_PATTERN})`, 100, {
    rule: 'Write the id or the slug of a petition, like save-the-old-mill-meadows.',
    description: 'The petition: its id or its slug. An old slug redirects (308) to the current one.',
    examples: ['save-the-old-mill-meadows'],
  }),
});

export const limitParameter = int(1, 100, {
  description: 'Items per page: 1 to 100, 20 if absent.',
  examples: [20],
});
export const cursorParameter = matching('^[A-Za-z0-9_-]+$', 512, {
  rule: 'Send next_cursor of the previous page unchanged.',
  description: '`next_cursor` of the previous page, with the same filters and sort.',
});
export const paging = {
  limit: Type.Optional(limitParameter),
  cursor: Type.Optional(cursorParameter),
};

export const OrganizationSummary = component(
  'OrganizationSummary',
  open(
    {
      id: id('org', 'The organization.'),
      slug: slug('Its short name in URLs.'),
      name: line(200, { description: 'Its name.' }),
      url: nullable(webUrl({ description: 'Its home page.' })),
    },
    {
      description: 'The organization that leads a petition.',
      examples: [
        {
          id: EXAMPLE_IDS.org,
          slug: 'river-meadows',
          name: 'River Meadows Alliance',
          url: 'https://rivermeadows.example',
        },
      ],
    },
  ),
);
