import { eq, inArray, sql, type SQL } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { Tables } from '../../../schema/db/tables.js';
import type { Image, TranslationRef } from '../../../schema/db/tables/petitions.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { localesOf, translationFor, type ChooseLocale } from './languages.js';
import type { PetitionRow } from './petition-rules.js';

/* Petitions with the texts of one of their translations in place of their own. */

export type Translation = Tables['petitionTranslations']['$inferSelect'];

/** A petition in one of its languages, which is its `locale`. */
export type InLanguage<Row> = Row & {
  /** All of its languages: first the one that it was written in. */
  locales: string[];
};

const byKey = statement('petition_translation', ({ db, tables: { petitionTranslations: t } }: Reader) =>
  db
    .select()
    .from(t)
    .where(eq(t.key, bind(t.key, 'key'))),
);

/** The texts of a translation. */
export async function readTranslation(
  on: Reader,
  { key }: Pick<TranslationRef, 'key'>,
): Promise<Translation> {
  const [row] = await byKey(on, { key });
  if (!row) throw new Error('the texts of a translation are gone');
  return row;
}

/** The petition in the language that `choose` chooses. */
export async function inLanguage(
  on: Reader,
  petition: PetitionRow,
  choose: ChooseLocale,
): Promise<InLanguage<PetitionRow>> {
  const ref = translationFor(petition, choose);
  return said(petition, ref && (await readTranslation(on, ref)));
}

/** The petition with the texts of its translation; null: with its own. */
export const said = (petition: PetitionRow, texts: Translation | null): InLanguage<PetitionRow> => ({
  ...petition,
  ...(texts && {
    ...summaryOf(petition, texts),
    background: texts.background,
    backgroundHtml: texts.backgroundHtml,
    shareTexts: texts.shareTexts,
  }),
  locales: localesOf(petition),
});

type Summary = { image: Image | null; pageUrl: string | null };

const summaryOf = ({ image, pageUrl }: Summary, texts: Translation) => ({
  locale: texts.locale,
  title: texts.title,
  callToAction: texts.callToAction,
  statement: texts.statement,
  image: image && { ...image, alt: texts.imageAlt ?? image.alt },
  pageUrl: texts.pageUrl ?? pageUrl,
});

type Listed = Summary & Pick<PetitionRow, 'locale' | 'translations'>;

/** The items of a list, each in the language that `choose` chooses for it. One read, and none without translations. */
export async function listInLanguage<Row extends Listed>(
  on: Reader,
  rows: readonly Row[],
  choose: ChooseLocale,
): Promise<InLanguage<Row>[]> {
  const refs = rows.map((row) => translationFor(row, choose));
  const keys = refs.flatMap((ref) => ref?.key ?? []);
  const { petitionTranslations: t } = on.tables;
  const found = keys.length === 0 ? [] : await on.db.select().from(t).where(inArray(t.key, keys));
  const texts = new Map(found.map((one) => [one.key, one]));
  return rows.map((row, i) => {
    const own = texts.get(refs[i]?.key ?? 0);
    return { ...row, ...(own && summaryOf(row, own)), locales: localesOf(row) };
  });
}

/** A column of the translation that was joined, or else the petition's own. */
export const either = <C extends AnyPgColumn>(translated: AnyPgColumn, own: C) =>
  sql`coalesce(${translated}, ${own})`.mapWith(own) as SQL<
    C['_']['notNull'] extends true ? C['_']['data'] : C['_']['data'] | null
  >;
