import { eq } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { Context } from '../context.js';
import { coalitionOf } from '../petitions/coalition.js';
import type { PetitionRow } from '../petitions/petition-rules.js';
import { readTranslation } from '../petitions/translated.js';
import type { MailingView } from './mailings.js';
import type { MailingSource, PetitionSource, TranslatedSource } from './source.js';
import { variantsOf } from './variants.js';

/** All that a mailing is made of. Throws `mailing_not_ready` where nothing was written. */
export async function sourceOf(
  { links }: Pick<Context, 'links'>,
  on: Reader,
  mailing: MailingView,
): Promise<MailingSource> {
  const { content, organizationKey, petitionKey, name, countClicks, testShare } = mailing;
  if (content === null) {
    throw new ApiError('mailing_not_ready', {
      detail: 'It has no content: write `texts`, or send it with your own mailer and its links.',
    });
  }
  const { organizations: o } = on.tables;
  const [organization] = await on.db
    .select({
      name: o.name,
      url: o.url,
      imprint: o.imprint,
      locale: o.locale,
      color: o.color,
      replyTo: o.replyTo,
    })
    .from(o)
    .where(eq(o.key, organizationKey));
  if (!organization) throw new Error('the organization of a mailing is gone');
  const rows = await variantsOf(on, mailing.key);
  return {
    name,
    countClicks: countClicks === 1,
    testShare,
    organization,
    petition: petitionKey === null ? null : await petitionOf(links, on, petitionKey),
    content,
    variants: rows.map(({ key, name, handle, content }) => ({ key, name, handle, content })),
  };
}

async function petitionOf(links: Context['links'], on: Reader, petitionKey: number): Promise<PetitionSource> {
  const { petitions: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.key, petitionKey));
  if (!row) throw new Error('the petition of a mailing is gone');
  const { title, callToAction, statement, targets, references, campaigner, shareTexts, locale } = row;
  const partners = await coalitionOf(on, row);
  const said = {
    title,
    callToAction,
    statement,
    targets,
    references,
    campaigner,
    shareTexts,
    locale,
  };
  const translations = row.translations.length === 0 ? {} : { translations: await translationsOf(on, row) };
  return { ...said, ...translations, partners, url: links.petition(row) };
}

async function translationsOf(on: Reader, { translations }: PetitionRow) {
  const texts = await Promise.all(translations.map((one) => readTranslation(on, one)));
  return Object.fromEntries(
    texts.map(({ locale, title, callToAction, statement, shareTexts }): [string, TranslatedSource] => [
      locale,
      { title, callToAction, statement, shareTexts },
    ]),
  );
}
