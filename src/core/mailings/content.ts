import type { MailingContent, MailingText, VariantContent } from '../../../schema/db/tables/mailings.js';
import { invalidBody, type FieldError } from '../../errors.js';

/* What an organiser has written of a mailing, and changes to it. */

type TextPatch = Partial<MailingText>;

/** What is absent stays as it is. */
export type ContentPatch = {
  sender?: { name?: string | null; reply_to?: string | null } | null;
  /** Changes by language; null takes the language away. */
  texts?: Record<string, TextPatch | null>;
  defaultLocale?: string | null;
  variants?: VariantInput[];
};
export type VariantInput = { name: string; sender_name?: string | null; texts?: Record<string, TextPatch> };

const MOST_LANGUAGES = 24;
/** Of all texts together, in characters. */
const MOST_CHARACTERS = 1_500_000;

const NOTHING: MailingContent = { senderName: null, replyTo: null, texts: {}, defaultLocale: null };

/** Whether a patch writes content; a mailing without is sent with the organization's own mailer. */
export const writes = ({ sender, texts, defaultLocale, variants }: ContentPatch): boolean =>
  [sender, texts, defaultLocale, variants].some((one) => one !== undefined);

/** The content after a change. `kept`: of variants that stay as they are. Throws `invalid_body`. */
export function changedContent(
  before: MailingContent | null,
  patch: ContentPatch,
  kept: readonly VariantContent[] = [],
): MailingContent | null {
  if (!writes(patch)) return before;
  const { senderName, replyTo, texts, defaultLocale } = before ?? NOTHING;
  const sender = patch.sender === null ? { name: null, reply_to: null } : (patch.sender ?? {});
  const content = {
    senderName: sender.name === undefined ? senderName : sender.name,
    replyTo: sender.reply_to === undefined ? replyTo : sender.reply_to,
    texts: changedTexts(texts, patch.texts ?? {}),
    defaultLocale: patch.defaultLocale === undefined ? defaultLocale : patch.defaultLocale,
  };
  refuse(faultsOf(content, patch.variants ?? [], kept));
  return content;
}

function changedTexts(
  before: Readonly<Record<string, MailingText>>,
  changes: Readonly<Record<string, TextPatch | null>>,
): Record<string, MailingText> {
  const after: Record<string, MailingText> = { ...before };
  for (const [locale, change] of Object.entries(changes)) {
    if (change === null) delete after[locale];
    else after[locale] = { subject: '', ...after[locale], ...change };
  }
  return after;
}

export const variantContent = ({ sender_name: senderName, texts }: VariantInput): VariantContent => ({
  ...(senderName == null ? {} : { senderName }),
  ...(texts === undefined ? {} : { texts }),
});

function faultsOf(
  content: MailingContent,
  variants: readonly VariantInput[],
  kept: readonly VariantContent[],
): FieldError[] {
  const names = variants.map(({ name }) => name);
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i);
  const faults: FieldError[] = [];
  if (twice >= 0) {
    const detail = 'Two variants have this name: give each its own.';
    faults.push({ pointer: `/variants/${twice}/name`, code: 'duplicate', detail });
  }
  if (Object.keys(content.texts).length > MOST_LANGUAGES) {
    faults.push({
      pointer: '/texts',
      code: 'max_properties',
      detail: `At most ${MOST_LANGUAGES} languages.`,
    });
  }
  if (JSON.stringify([content, variants, kept]).length > MOST_CHARACTERS) {
    const detail = `All texts together have more than ${MOST_CHARACTERS} characters.`;
    faults.push({ pointer: '/texts', code: 'max_length', detail });
  }
  return faults;
}

function refuse(faults: FieldError[]): void {
  if (faults.length > 0) throw invalidBody(...faults);
}
