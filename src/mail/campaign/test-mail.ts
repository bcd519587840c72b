import type { Letter } from '../../core/letters/letter.js';
import { headerLine } from '../header-line.js';
import type { Locales } from '../locales.js';
import type { Rendered } from '../render.js';
import { say } from '../words.js';

/**
 * Renders tests: a mailing as its recipient would get it, with a subject that says that it is a test. What compiles mailings is
 * large, and loaded with the first one.
 */
export const createTestRenderer =
  (locales: Pick<Locales, 'pick'>) =>
  async ({ values: { mailing } }: Letter): Promise<Rendered> => {
    if (!mailing) throw new Error('a test has no mailing');
    const { personalize } = await import('./personalized.js');
    const { locale: lang, sender, subject, ...rest } = personalize(mailing, { publicUrl: '', locales });
    const variant = mailing.source.variants[0]?.name ?? '';
    return {
      ...rest,
      sender: headerLine(sender, 100),
      subject: headerLine(say(locales.pick(lang).mail.campaign.test, { variant, subject }), 250),
      lang,
      oneClickUrl: mailing.links.oneClick,
    };
  };
