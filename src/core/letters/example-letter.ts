import { eq } from 'drizzle-orm';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { lifetimeOf } from '../links/random-tokens.js';
import { disclosedNow } from '../petitions/disclosures.js';
import { closestTo } from '../petitions/languages.js';
import { findOwnHead } from '../petitions/petition-lookup.js';
import { inLanguage } from '../petitions/translated.js';
import { DAY_MS } from '../../time.js';
import { checkWords, type OwnWords } from '../words/petition-words.js';
import type { Letter } from './letter.js';

/**
 * The mail that an example signer would get with these words. It has no link that works, and must not be sent. Throws
 * `petition_not_found`, `invalid_body`.
 */
export async function exampleConfirmation(
  { store, links }: Context,
  actor: KeyedActor,
  { petition: ref, locale }: { petition: string; locale: string },
  words: OwnWords,
): Promise<Letter> {
  checkWords(words);
  const { key } = await findOwnHead(store.read, actor, ref);
  const { petitions: t, organizations: o } = store.read.tables;
  const [row] = await store.read.db
    .select({
      petition: t,
      organization: { name: o.name, url: o.url, imprint: o.imprint, replyTo: o.replyTo },
    })
    .from(t)
    .innerJoin(o, eq(o.key, t.organizationKey))
    .where(eq(t.key, key));
  if (!row) throw new Error('a petition that was there is gone');
  const { organization } = row;
  const spoken = await inLanguage(store.read, row.petition, closestTo(locale));
  const { publicId: id, title, statement } = spoken;
  const translation = spoken.locale === row.petition.locale ? null : spoken.locale;
  return {
    template: 'confirm_signature',
    to: 'signer@example.org',
    messageId: 'example',
    locale,
    organization,
    values: {
      link: links.to('confirm', 'example'),
      code: '123456',
      code_page: links.code && `${links.code}?petition=${id}`,
      petition: {
        title,
        statement,
        url: links.petition({ ...spoken, translation }),
        targets: row.petition.targets,
      },
      disclosed: disclosedNow(row.petition),
      words: { ...words, locales: { confirmation: locale, thanks: locale } },
      reminder: false,
      days: lifetimeOf('confirm') / DAY_MS,
    },
  };
}
