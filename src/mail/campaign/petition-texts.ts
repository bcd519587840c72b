import { closestOf } from '../../core/closest-locale.js';
import type { MailingSource } from '../../core/mailings/source.js';

/** The mailing with the texts of its petition in the language of one of its own texts, where they are translated. */
export function inLanguage(source: MailingSource, locale: string): MailingSource {
  const { petition } = source;
  if (!petition?.translations) return source;
  const spoken = closestOf([petition.locale, ...Object.keys(petition.translations)], locale);
  const texts = spoken === undefined ? undefined : petition.translations[spoken];
  if (!texts) return source;
  const textOn = (network: string) => texts.shareTexts.find((one) => one.network === network)?.text ?? null;
  const shareLinks = petition.shareLinks?.map((one) => ({ ...one, text: textOn(one.network) }));
  return { ...source, petition: { ...petition, ...texts, ...(shareLinks ? { shareLinks } : {}) } };
}
