import { Type, type TOptional, type TString } from '@sinclair/typebox';
import { localeTag } from '../common.js';
import { closed, component, enumOf, matching, open, ref, text } from '../typebox.js';

/** The keys of the widget's texts: the section `embed` of every file in locales/. */
export const EMBED_KEYS = [
  'test_note',
  'to_label',
  'partners_label',
  'partners_button',
  'background_button',
  'references_heading',
  'count_one',
  'count_other',
  'including',
  'on_paper',
  'from_elsewhere',
  'goal',
  'goal_reached',
  'progress_label',
  'threshold_next',
  'threshold_reached',
  'responses_button',
  'responses_link',
  'hearing_label',
  'form_heading',
  'optional',
  'name_label',
  'email_label',
  'email_hint',
  'email_hint_confirm',
  'email_suggestion',
  'country_label',
  'country_choose',
  'postal_code_label',
  'address_button',
  'address_label',
  'address_more_label',
  'city_label',
  'region_label',
  'phone_label',
  'comment_label',
  'comment_hint',
  'no_answer',
  'display_legend',
  'display_public',
  'display_initials',
  'display_anonymous',
  'consents_legend',
  'consents_more',
  'consents_all',
  'consents_none',
  'privacy_link',
  'disclosed',
  'disclosed_full_name',
  'disclosed_postal_code',
  'disclosed_city',
  'disclosed_region',
  'sign_button',
  'signing',
  'one_tap_text',
  'one_tap_button',
  'one_tap_form',
  'one_tap_done',
  'errors_heading',
  'required',
  'tick_required',
  'email_invalid',
  'phone_invalid',
  'too_long',
  'invalid',
  'rate_limited',
  'paused',
  'busy',
  'try_in_seconds',
  'try_in_minutes',
  'offline',
  'failed',
  'robot_check_failed',
  'not_open',
  'not_open_until',
  'closed',
  'outcome_victory',
  'outcome_partial',
  'outcome_defeat',
  'response_heading',
  'confirm_heading',
  'confirm_text',
  'confirm_hint',
  'code_label',
  'code_hint',
  'code_button',
  'code_failed',
  'resend_button',
  'resent',
  'change_button',
  'done_heading',
  'done_text',
  'confirmed_text',
  'share_heading',
  'share_text',
  'share_on',
  'share_email',
  'share_sms',
  'share_copy',
  'share_device',
  'copied',
  'share_link_label',
  'share_failed',
  'share_blocked',
] as const;
export type EmbedKey = (typeof EMBED_KEYS)[number];

/** Keys for plural forms that English does not have. Only languages with these forms have them. */
export const EMBED_FORMS = ['count_zero', 'count_two', 'count_few', 'count_many'] as const;
export type EmbedForm = (typeof EMBED_FORMS)[number];

const words = Object.fromEntries(
  EMBED_KEYS.map((key) => [key, text(500, { description: `The text for \`${key}\`.` })]),
) as Record<EmbedKey, TString>;

const forms = Object.fromEntries(
  EMBED_FORMS.map((key) => [
    key,
    Type.Optional(
      text(500, { description: 'In languages that have this plural form; else `count_other` is used.' }),
    ),
  ]),
) as Record<EmbedForm, TOptional<TString>>;

export const EmbedTexts = component(
  'EmbedTexts',
  open(
    { ...words, ...forms },
    {
      description: 'Every text of the widget. `{{ name }}` is a placeholder for a value.',
      examples: [
        Object.fromEntries(EMBED_KEYS.map((key) => [key, 'Sign the petition'])) as Record<EmbedKey, string>,
      ],
    },
  ),
);

export const EmbedTranslation = component(
  'EmbedTranslation',
  open(
    {
      locale: localeTag(),
      dir: enumOf(['ltr', 'rtl'], { description: 'The direction of its script.' }),
      words: ref(EmbedTexts),
    },
    {
      description: 'The texts of the widget in one language.',
      examples: [
        {
          locale: 'en',
          dir: 'ltr',
          words: Object.fromEntries(EMBED_KEYS.map((key) => [key, 'Sign the petition'])),
        },
      ],
    },
  ),
);

export const EmbedTranslationPath = closed({
  locale: matching('^[A-Za-z0-9-]+$', 35, {
    rule: 'Write a language tag of BCP 47, like de-AT.',
    description:
      'BCP 47 language tag. If the language is not available, the closest one is returned, or English.',
    examples: ['de-AT'],
  }),
});

/** The values that texts of the widget can use. */
export const EMBED_VALUES = [
  'count',
  'parts',
  'goal',
  'seconds',
  'minutes',
  'date',
  'email',
  'network',
  'organization',
  'fields',
  'targets',
] as const;
