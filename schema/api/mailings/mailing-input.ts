import { Type } from '@sinclair/typebox';
import { MAILING_METRICS, WINNER_CHOICES } from '../../db/tables/mailings.js';
import { exampleId, id, localeTag, ownPetition } from '../common.js';
import { SegmentClause } from '../segments/clause.js';
import { source } from '../signatures/signing.js';
import {
  closed,
  component,
  enumOf,
  instant,
  int,
  line,
  nullable,
  nullableRef,
  optional,
} from '../typebox.js';
import {
  MailingSenderInput,
  textsInput,
  variantsInput,
  MailingTextInput,
  MOST_MAILING_LANGUAGES,
} from './mailing-parts.js';
import { LOCALE_PATTERN } from '../common.js';

export const mailingName = () =>
  line(200, { description: 'Your name for it.', examples: ['Meadows, first mail'] });

const fields = {
  petition: optional(
    nullable(
      ownPetition(
        'Id or slug of the petition that the mailing is about: one that you lead or are a partner of.',
      ),
    ),
  ),
  source: optional(nullable(source())),
  sender: optional(
    nullableRef(MailingSenderInput, { description: 'Whom it is from; null: your organization.' }),
  ),
  default_locale: optional(
    nullable(
      localeTag({
        description:
          'The language for recipients whose own is not there; null: the petition’s, else the first.',
      }),
    ),
  ),
  variants: optional(variantsInput()),
  segment: optional(
    nullableRef(SegmentClause, { description: 'To whom it goes; null: to all active subscribers.' }),
  ),
  segment_id: optional(
    nullable(id('seg', 'A saved segment instead: its condition is copied, as it is now.')),
  ),
  count_clicks: optional(
    Type.Boolean({
      description:
        'Whether links lead through this server, which counts clicks by link, never by person. Absent: yes.',
    }),
  ),
  test_share: optional(
    int(1, 100, {
      description:
        'The share of the audience that gets the test, in percent; the rest gets the winner. 100, or absent: each variant goes to an equal share of all.',
    }),
  ),
  metric: optional(enumOf(MAILING_METRICS, { description: 'What decides. Absent: confirmed signatures.' })),
  winner: optional(
    enumOf(WINNER_CHOICES, {
      description: 'Whether the winner is chosen by itself or by you. Absent: automatic.',
    }),
  ),
  decide_after_hours: optional(
    int(1, 168, { description: 'How long after the test the winner is chosen. Absent: 4.' }),
  ),
  expires_at: optional(nullable(instant({ description: 'If it has not begun by then, it is not sent.' }))),
};

export const MailingInput = component(
  'MailingInput',
  closed(
    {
      name: mailingName(),
      ...fields,
      texts: optional(textsInput('What it says, by language: each recipient gets the closest to their own.')),
    },
    {
      description:
        'One bulk message to your subscribers. With `texts` it is a draft that this server can send; without, you send it with your own mailer.',
      examples: [
        {
          name: 'Meadows, first mail',
          petition: exampleId('pet'),
          source: 'mail-1',
          texts: {
            en: {
              subject: '{{ first_name | default: "Friend" }}, the meadows need you',
              preview: 'They decide on Thursday.',
              markdown: 'Dear {{ first_name | default: "friend" }},\n\n[[statement]]\n\n[[button]]',
            },
          },
        },
      ],
    },
  ),
);

export const MailingPatch = component(
  'MailingPatch',
  closed(
    {
      name: optional(mailingName()),
      ...fields,
      texts: optional(
        Type.Record(Type.String({ pattern: LOCALE_PATTERN }), nullableRef(MailingTextInput), {
          maxProperties: MOST_MAILING_LANGUAGES,
          additionalProperties: false,
          description: 'Changes by language; null takes a language away.',
          examples: [{ en: { preview: 'They decide tomorrow.' }, de: null }],
        }),
      ),
    },
    {
      minProperties: 1,
      description: 'A JSON Merge Patch: what is absent stays; `variants` are replaced as a whole.',
      examples: [{ texts: { en: { subject: 'Tomorrow they decide' } } }],
    },
  ),
);
