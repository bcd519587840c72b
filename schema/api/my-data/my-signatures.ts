import { Type } from '@sinclair/typebox';
import { DISPLAYS, SIGNATURE_STATUSES } from '../../db/tables/signatures.js';
import { exampleId, id, localeTag, paging, slug } from '../common.js';
import { MyShareTotals, SHARED_EXAMPLE } from '../sharing/share-links.js';
import { Answers, AnswersInput } from '../signatures/answers.js';
import { displayChoice } from '../signatures/signing.js';
import { name, NAME_EXAMPLE, optionalParts, partsOfName } from '../supporters/names.js';
import {
  closed,
  component,
  enumOf,
  instant,
  line,
  nullable,
  nullableRef,
  open,
  pageOf,
  ref,
  webUrl,
} from '../typebox.js';

export const SIGNED_PETITION_EXAMPLE = {
  id: exampleId('pet'),
  slug: 'save-the-old-mill-meadows',
  title: 'Keep the Old Mill Meadows a meadow',
  page_url: 'https://rivermeadows.example/meadows',
};

export const SignedPetition = component(
  'SignedPetition',
  open(
    {
      id: id('pet', 'The petition.'),
      slug: slug('Its short name in URLs.'),
      title: line(300, { description: 'Its title.' }),
      page_url: nullable(
        webUrl({ description: 'Where people read and sign it: its own page, or the one of this server.' }),
      ),
    },
    { description: 'A petition that the supporter has signed.', examples: [SIGNED_PETITION_EXAMPLE] },
  ),
);

export const MY_SIGNATURE_EXAMPLE = {
  id: exampleId('sig'),
  petition: SIGNED_PETITION_EXAMPLE,
  status: 'confirmed',
  ...NAME_EXAMPLE,
  display: 'initials',
  hidden: false,
  answers: null,
  created_at: '2026-11-23T19:04:05.678Z',
  confirmed_at: '2026-11-23T19:06:11.002Z',
  withdrawn_at: null,
  signed_locale: 'en',
  shared: SHARED_EXAMPLE,
};

export const mySignatureFields = {
  id: id('sig', 'The signature.'),
  petition: ref(SignedPetition),
  status: enumOf(SIGNATURE_STATUSES, {
    description: 'The status of the signature: only `confirmed` counts.',
  }),
  name: name(),
  ...partsOfName,
  display: displayChoice(),
  hidden: Type.Boolean({ description: 'Whether the public list leaves it out.' }),
  answers: nullableRef(Answers),
  created_at: instant({ description: 'When it was signed.' }),
  confirmed_at: nullable(instant({ description: 'When it began to count.' })),
  withdrawn_at: nullable(instant({ description: 'When it was withdrawn.' })),
  signed_locale: localeTag({ description: 'The language of the text that was signed.' }),
  shared: ref(MyShareTotals),
};

export const MySignature = component(
  'MySignature',
  open(mySignatureFields, {
    description: 'A signature as its signer sees it.',
    examples: [MY_SIGNATURE_EXAMPLE],
  }),
);

export const MySignaturePage = component(
  'MySignaturePage',
  pageOf(MySignature, {
    description: 'A page of the supporter’s signatures, latest first.',
    examples: [{ data: [MY_SIGNATURE_EXAMPLE], next_cursor: null, has_more: false }],
  }),
);

export const MySignaturePatch = component(
  'MySignaturePatch',
  closed(
    {
      display: Type.Optional(
        enumOf(DISPLAYS, {
          description: 'How the public list shows it: full name, initials, or not by name.',
        }),
      ),
      hidden: Type.Optional(
        Type.Boolean({ description: 'True: the public list leaves it out. It still counts.' }),
      ),
      name: Type.Optional(name()),
      ...optionalParts,
      answers: Type.Optional(ref(AnswersInput)),
    },
    {
      minProperties: 1,
      description:
        'A JSON Merge Patch (RFC 7396): absent is unchanged. Another `name` clears the parts that are not sent with it. Parts without `name` make it anew once both are known.',
      examples: [{ display: 'initials', hidden: false }],
    },
  ),
);

export const MySignaturePath = closed({ signature: id('sig', 'The signature.') });
export const MyListQuery = closed({ ...paging });
