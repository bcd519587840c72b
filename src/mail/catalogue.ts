import { Type, type Static, type TOptional, type TString } from '@sinclair/typebox';
import {
  EMBED_FORMS,
  EMBED_KEYS,
  EMBED_VALUES,
  type EmbedForm,
  type EmbedKey,
} from '../../schema/api/petitions/embed.js';
import { TEMPLATES, type Template } from '../core/letters/letter.js';
import { DELIVERY_KEYS, DELIVERY_VALUES, type DeliveryWords } from '../deliveries/words.js';

/*
 * The schema of the files in locales/, one for each language. English must be complete; other languages may lack keys,
 * and may add none except plural forms that English does not have.
 */

const text = () => Type.String({ minLength: 1, maxLength: 5000 });
const closed = { additionalProperties: false };

type Split<Keys extends string> = Keys extends `${infer Key} ${infer Rest}` ? Key | Split<Rest> : Keys;

/** An object of texts, from a line with its keys. */
const section = <Keys extends string>(keys: Keys) =>
  Type.Object(
    Object.fromEntries(keys.split(' ').map((key) => [key, text()])) as Record<Split<Keys>, TString>,
    closed,
  );

const MailWords = Type.Object(
  {
    subject: text(),
    heading: text(),
    paragraphs: Type.Array(text(), { minItems: 1 }),
    button: Type.Optional(text()),
    /** Introduces the consent texts, in place of the common text. */
    opt_ins: Type.Optional(text()),
    /** After the link: how long it works, what to do if it wasn't you. */
    closing: Type.Array(text(), { minItems: 1 }),
  },
  closed,
);

const Mails = Type.Object(
  {
    common: section('sender test link_hint code statement opt_ins imprint automatic'),
    campaign: section('friend your_country addressed sign references share sent_to manage unsubscribe test'),
    ...(Object.fromEntries(TEMPLATES.map((name) => [name, MailWords])) as Record<Template, typeof MailWords>),
  },
  closed,
);

const MyData = {
  signatures: section(
    'heading none signed_on status_pending status_confirmed status_invalidated status_withdrawn status_quarantined name_label display_label display_public display_initials display_anonymous hidden_label hidden_hint save_button saved confirm_button withdraw_button withdraw_heading withdraw_explanation withdraw_confirm_button withdrawn delivered',
  ),
  subscriptions: section(
    'heading none status_pending status_active status_unsubscribed status_suppressed suppressed_hint frequency_label frequency_all frequency_weekly frequency_monthly language_label save_button saved unsubscribe_button unsubscribed subscribe_button subscribe_explanation subscribed not_possible leave_all_button leave_all_heading leave_all_explanation left_all',
  ),
  contact: section(
    'heading explanation name_label country_label postal_code_label address_label city_label region_label phone_label save_button saved',
  ),
  email: section('heading explanation new_label button done'),
  export: section('heading explanation button'),
  erase: section(
    'heading explanation button confirm_heading confirm_explanation confirm_label confirm_missing confirm_button done_title done',
  ),
};

const Pages = Type.Object(
  {
    common: section(
      'test link_not_found_title link_not_found not_found_title not_found share_not_found_title share_not_found taken_down_title taken_down to_start more_label choose too_many_title too_many paused_title paused failed_title failed invalid_title invalid email_label email_invalid send_button save_button saved cancel_button back to_petition close_hint petition_not_found_title petition_not_found no_script',
    ),
    confirm: section(
      'title heading_signature heading_subscription explanation_signature explanation_subscription opt_ins nothing_yet button_signature button_subscription done_title done_signature done_subscription already_title already_signature already_subscription refuse_heading refuse_explanation refuse_button refused_title refused code_heading code_explanation code_label code_hint code_button code_failed resend_heading resend_explanation resend_button resend_done',
    ),
    share: section('heading explanation email copy copy_hint your_link open'),
    home: section('title explanation petitions_heading none developers_heading reference'),
    unsubscribe: section(
      'title heading explanation button done_title left done signatures_hint typed_heading typed_explanation typed_button typed_done',
    ),
    manage: Type.Object(
      {
        ...section(
          'title request_heading request_explanation request_button request_done enter_heading enter_explanation enter_button heading explanation session_over_title session_over leave_button left_title left',
        ).properties,
        ...MyData,
      },
      closed,
    ),
    email_change: section('title heading explanation button done_title done'),
    email_undo: section('title heading explanation button done_title done'),
    delivery: section(
      'title heading explanation as_of addressed letter_heading files_heading files_hint download encrypted expires files_gone receipt_heading receipt_explanation count_label count_invalid text_label receipt_button receipt_done given_heading',
    ),
  },
  closed,
);

/** A text of the element. Its code replaces only plain `{{ name }}`, so no other Liquid is allowed. */
const plain = () =>
  Type.String({ minLength: 1, maxLength: 500, pattern: '^(?:[^{}]|\\{\\{ *[a-z]+ *\\}\\})*$' });

const Embed = Type.Object(
  {
    ...(Object.fromEntries(EMBED_KEYS.map((key) => [key, plain()])) as Record<EmbedKey, TString>),
    ...(Object.fromEntries(EMBED_FORMS.map((key) => [key, Type.Optional(plain())])) as Record<
      EmbedForm,
      TOptional<TString>
    >),
  },
  closed,
);

/** The pages of a delivery. As in the element, no Liquid but values: they are put in by the thread that draws. */
const Delivery = Type.Object(
  Object.fromEntries(DELIVERY_KEYS.map((key) => [key, plain()])) as Record<keyof DeliveryWords, TString>,
  closed,
);

/** What an organization can mail to signers after it has handed their signatures over. */
const Announcement = section('subject text received');

/** The texts in the picture of a petition: see src/http/petitions/picture-content.ts and src/http/counts/growth-words.ts. */
const Picture = section('signatures first goal goal_reached growth');

/** The words of the chart of a mailing: see src/http/mailing-results/chart-words.ts. */
const Chart = section(
  'sent clicks confirmed confirmed_short unsubscribed bounced complained sent_of nothing best for_each hour day hours days state_draft state_scheduled state_building state_running state_paused state_deciding state_done state_cancelled state_missed',
);

export const Catalogue = Type.Object(
  {
    dir: Type.Union([Type.Literal('ltr'), Type.Literal('rtl')]),
    mail: Mails,
    pages: Pages,
    embed: Embed,
    delivery: Delivery,
    announcement: Announcement,
    picture: Picture,
    chart: Chart,
  },
  closed,
);

/** The texts of one language. `locale` is the name of its file, for the `lang` attribute. */
export type Catalogue = Static<typeof Catalogue> & { locale: string };
export type MailWords = Static<typeof MailWords>;

/** The values that a text can use, for each part of the catalogue. */
export const KNOWN_VALUES: Readonly<Record<string, readonly string[]>> = {
  mail: [
    'organization',
    'petition',
    'reminder',
    'code',
    'code_page',
    'days',
    'hours',
    'minutes',
    'recipient',
    'number',
    'signatures',
    'date',
    'expires',
    'email',
    'subject',
    'targets',
    'variant',
  ],
  pages: [
    'organization',
    'organizations',
    'petition',
    'email',
    'minutes',
    'date',
    'network',
    'number',
    'signatures',
    'recipient',
    'line',
    'file',
  ],
  embed: EMBED_VALUES,
  delivery: DELIVERY_VALUES,
  announcement: ['petition', 'recipient', 'number', 'signatures', 'date'],
  picture: ['number', 'plural', 'petition'],
  chart: ['number', 'audience', 'figure'],
};
