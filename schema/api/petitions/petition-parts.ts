import { Type } from '@sinclair/typebox';
import { CHALLENGES, DISCLOSED_FIELDS, FORM_RULES, type DisclosedField } from '../../db/tables/petitions.js';
import { NETWORKS, SHARE_SPLITS } from '../../db/tables/sharing.js';
import { id, ORIGIN_PATTERN } from '../common.js';
import {
  closed,
  component,
  enumOf,
  int,
  line,
  list,
  matching,
  nullable,
  optional,
  text,
  webUrl,
} from '../typebox.js';

/* The parts of a petition (sources, targets, form and so on), and their schemas in a patch. */

export const PetitionReference = component(
  'PetitionReference',
  closed(
    {
      number: int(1, 999, { description: 'The number that the background cites as `[^number]`.' }),
      title: line(500, { description: 'Title of the source.' }),
      authors: optional(nullable(line(500, { description: 'Who wrote it.' }))),
      publisher: optional(nullable(line(200, { description: 'Where it appeared.' }))),
      date: optional(
        nullable(
          matching('^\\d{4}(?:-\\d{2}(?:-\\d{2})?)?$', 10, {
            rule: 'Write a year, month or day, like 2026, 2026-11 or 2026-11-27.',
            description: 'Year, month or day of publication.',
          }),
        ),
      ),
      url: optional(nullable(webUrl({ description: 'Where it can be read.' }))),
    },
    {
      description: 'A source that the background cites.',
      examples: [
        {
          number: 1,
          title: 'Flood storage in the Ewe valley: a survey',
          authors: 'M. Okafor, L. Brandt',
          publisher: 'Ewe Valley Water Board',
          date: '2025-03',
          url: 'https://water.example/survey',
        },
      ],
    },
  ),
);

export const PetitionTarget = component(
  'PetitionTarget',
  closed(
    {
      name: line(200, { description: 'Name of the person or body.' }),
      title: optional(nullable(line(200, { description: 'Title or office.' }))),
      organization: optional(
        nullable(line(200, { description: 'The company or body that the person acts for.' })),
      ),
    },
    {
      description: 'A person or body that the petition asks to act.',
      examples: [{ name: 'Dana Whitlock', title: 'Chief Executive', organization: 'Corvane Logistics' }],
    },
  ),
);

export const PetitionCampaigner = component(
  'PetitionCampaigner',
  closed(
    {
      name: line(200, { description: "Who signs the campaign's mail." }),
      role: optional(nullable(line(200, { description: 'Their role.' }))),
    },
    {
      description: 'The person who speaks for the campaign.',
      examples: [{ name: 'Ines Marlow', role: 'Campaign manager' }],
    },
  ),
);

export const PetitionPartner = component(
  'PetitionPartner',
  closed(
    {
      name: line(200, { description: 'Name of the group.' }),
      url: optional(nullable(webUrl({ description: 'Its page.' }))),
      organization_id: optional(
        nullable(
          id(
            'org',
            'Its organization on this server, if it has one. Only for display: its keys collect signatures once it has accepted an invitation (`invitePartner`).',
          ),
        ),
      ),
    },
    {
      description: 'A group in the coalition.',
      examples: [{ name: 'Anglers of the Ewe', url: 'https://ewe-anglers.example', organization_id: null }],
    },
  ),
);

export const PetitionImage = component(
  'PetitionImage',
  closed(
    {
      url: webUrl({ description: 'The picture.' }),
      alt: line(500, { description: 'A description for people who cannot see the picture.' }),
    },
    {
      description: "The petition's picture.",
      examples: [
        { url: 'https://rivermeadows.example/mill.jpg', alt: 'The old mill above the flooded meadows' },
      ],
    },
  ),
);

export const ShareText = component(
  'ShareText',
  closed(
    {
      network: enumOf(NETWORKS, { description: 'The network it is for.' }),
      text: text(1000, {
        description: 'The beginning of a post or message. Several texts for one network are variants.',
      }),
    },
    {
      description: 'A text for sharing the petition.',
      examples: [{ network: 'bluesky', text: 'I signed for the meadows. You?' }],
    },
  ),
);

const rule = (what: string) => enumOf(FORM_RULES, { description: `Whether signers give their ${what}.` });

const disclosedFields = (more = '') =>
  list(enumOf(DISCLOSED_FIELDS), DISCLOSED_FIELDS.length, {
    uniqueItems: true,
    description: `What those whom the petition addresses will be given of each signature besides name as the signer shows it, country, date and comment. \`full_name\`: the whole name, whatever \`display\` says; \`city\`, \`region\`: of the postal address.${more}`,
    examples: [['full_name', 'postal_code']],
  });
const TELL = ' A form has to say so beside its button.';

export const PetitionForm = component(
  'PetitionForm',
  closed(
    {
      country: rule('country'),
      postal_code: rule('postal code'),
      postal_address: rule('postal address'),
      phone: rule('phone number'),
      comment: rule('comment'),
      discloses: disclosedFields(TELL),
    },
    {
      description:
        'What signers are asked for besides name and email address. Values of fields that are `off` are refused: do not collect them.',
      examples: [
        {
          country: 'required',
          postal_code: 'optional',
          postal_address: 'off',
          phone: 'off',
          comment: 'optional',
          discloses: ['full_name', 'postal_code'],
        },
      ],
    },
  ),
);

export const PetitionFormInput = component(
  'PetitionFormInput',
  closed(
    {
      country: optional(rule('country')),
      postal_code: optional(rule('postal code')),
      postal_address: optional(rule('postal address')),
      phone: optional(rule('phone number')),
      comment: optional(rule('comment')),
      discloses: optional(disclosedFields(' Nothing if absent.')),
    },
    {
      description: 'What signers are asked for; absent fields are optional.',
      examples: [{ country: 'required', phone: 'off' }],
    },
  ),
);

const formPatch = (what: string) => optional(nullable(rule(what)));

export const PetitionCampaignerPatch = component(
  'PetitionCampaignerPatch',
  closed(
    {
      name: optional(line(200, { description: "Who signs the campaign's mail." })),
      role: optional(nullable(line(200, { description: 'Their role.' }))),
    },
    { description: 'A change of the campaigner.', examples: [{ role: 'Director' }] },
  ),
);

export const PetitionImagePatch = component(
  'PetitionImagePatch',
  closed(
    {
      url: optional(webUrl({ description: 'The picture.' })),
      alt: optional(line(500, { description: 'A description for people who cannot see the picture.' })),
    },
    { description: 'A change of the picture.', examples: [{ alt: 'The old mill in the flood of 2024' }] },
  ),
);

export const PetitionFormPatch = component(
  'PetitionFormPatch',
  closed(
    {
      country: formPatch('country'),
      postal_code: formPatch('postal code'),
      postal_address: formPatch('postal address'),
      phone: formPatch('phone number'),
      comment: formPatch('comment'),
      discloses: optional(
        Type.Unsafe<DisclosedField[] | null>({
          ...disclosedFields(),
          type: ['array', 'null'],
          description:
            'Replaces the list; null: nothing. What is added holds for signatures that are made an hour later or after; of what is removed, nothing is disclosed any more.',
        }),
      ),
    },
    {
      description: 'A change of the form; null makes a field optional.',
      examples: [{ phone: 'off', comment: null }],
    },
  ),
);

export const metadataOf = <T extends ReturnType<typeof Type.String> | ReturnType<typeof nullable>>(
  value: T,
) =>
  Type.Record(Type.String({ pattern: '^[A-Za-z0-9_.-]{1,40}$' }), value, {
    maxProperties: 50,
    additionalProperties: false,
    description:
      'Your own labels: up to 50 names of letters, digits and `_.-`. Only your organization sees them.',
    examples: [{ campaign_code: 'W26-17' }],
  });
export const metadataValue = () => Type.String({ maxLength: 500, pattern: '^[^\\u0000]*$' });

export const metadata = () => metadataOf(metadataValue());

export const retentionDays = () =>
  nullable(
    int(1, 3650, {
      description:
        'Days after closing until its signatures are anonymised; null: they are kept until you set it.',
    }),
  );

export const shareSplit = () =>
  enumOf(SHARE_SPLITS, {
    description:
      'How one of several texts for a network is picked: `even` (the default), or `adaptive`, which learns to prefer texts that bring more signatures.',
  });
export const challenge = () =>
  enumOf(CHALLENGES, {
    description:
      'Whether signers without a secret key need a proof of work: `auto` (the default) only while it gets unusually many signatures, `always`, or `off`.',
  });
export const origins = () =>
  list(
    matching(ORIGIN_PATTERN, 200, {
      rule: 'Write the origin as browsers send it, without a path, like https://example.org.',
      ownDomain: true,
      description:
        'An origin, or `https://*.example.org` for all subdomains of a domain. Wildcards below domains of many owners, like `https://*.org` and `https://*.github.io`, are refused.',
      examples: ['https://rivermeadows.example'],
    }),
    50,
    {
      description:
        'The origins of pages where browsers may sign it without a key; empty: anywhere. Publishable keys have their own lists.',
      examples: [['https://rivermeadows.example']],
    },
  );
