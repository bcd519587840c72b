import type { FrozenVariant } from '../../../schema/db/tables/mailings.js';
import type { MailingSource } from '../../core/mailings/freezing.js';

/** What each variant of a mailing says in each language, as Liquid templates. */
export function compileMailing({ mailing, variants, organizationName }: MailingSource): FrozenVariant[] {
  const { content } = mailing;
  if (content === null) return [];
  return variants.map((variant) => {
    const texts = { ...content.texts, ...variant.content.texts };
    return {
      senderName: variant.content.senderName ?? content.senderName ?? organizationName,
      replyTo: content.replyTo,
      defaultLocale: content.defaultLocale ?? Object.keys(texts)[0] ?? 'en',
      locales: Object.fromEntries(
        Object.entries(texts).map(([locale, own]) => {
          const text = { subject: '', ...content.texts[locale], ...own };
          const html = text.html ?? `<p>${text.markdown ?? ''}</p>`;
          return [locale, { dir: 'ltr' as const, subject: text.subject, html, text: text.markdown ?? html }];
        }),
      ),
    };
  });
}
