import { asc, eq } from 'drizzle-orm';
import { bind, statement, type Reader } from '../../store/store.js';
import type { OwnWords, PetitionWords } from './petition-words.js';
import { fillInHtml, fillIn, type PlaceholderValues } from './words-markdown.js';

/* Own words as they are shown: those in the language of the reader, or the closest that there are. */

const wordsByPetition = statement('petition_words', ({ db, tables: { petitionWords: t } }: Reader) =>
  db
    .select()
    .from(t)
    .where(eq(t.petitionKey, bind(t.petitionKey, 'petitionKey')))
    .orderBy(asc(t.locale)),
);

/** A tag and the shorter ones that include it: `pt-BR`, `pt`. */
function widened(locale: string): string[] {
  const parts = locale.split('-');
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('-'));
}

/** The words that one reader gets, each in the first language that has it. */
export type ChosenWords = OwnWords & {
  thanksHtml: string | null;
  /** The languages of the texts. */
  locales: { confirmation: string | null; thanks: string | null };
};

/**
 * The words for a reader of `locale`: in that language, else in the petition's own; null: this server's. Null for all where
 * the petition has no own words.
 */
export async function wordsFor(
  on: Reader,
  petition: { key: number; locale: string },
  locale: string,
): Promise<ChosenWords | null> {
  const rows = await wordsByPetition(on, { petitionKey: petition.key });
  if (rows.length === 0) return null;
  const chain = [...widened(locale), ...widened(petition.locale)].flatMap(
    (tag) => rows.find((row) => row.locale === tag) ?? [],
  );
  const first = (name: keyof OwnWords): PetitionWords | undefined => chain.find((row) => row[name] !== null);
  const [confirmation, thanks] = [first('confirmation'), first('thanks')];
  return {
    confirmation: confirmation?.confirmation ?? null,
    confirmationSubject: first('confirmationSubject')?.confirmationSubject ?? null,
    thanks: thanks?.thanks ?? null,
    thanksHtml: thanks?.thanksHtml ?? null,
    button: first('button')?.button ?? null,
    locales: { confirmation: confirmation?.locale ?? null, thanks: thanks?.locale ?? null },
  };
}

/** What forms show of a petition's own words, in one language. */
export type ShownWords = { locale: string; button: string | null; thanksHtml: string | null };

/** What forms show of a petition's own words, in all languages. */
export async function shownWords(
  on: Reader,
  petition: { key: number; title: string },
  organization: { name: string },
): Promise<ShownWords[]> {
  const values = { petition: petition.title, organization: organization.name };
  const rows = await wordsByPetition(on, { petitionKey: petition.key });
  return rows.map((row) => shown(row, values)).filter(({ button, thanksHtml }) => button ?? thanksHtml);
}

const shown = ({ locale, button, thanksHtml }: ShownWords, values: PlaceholderValues): ShownWords => ({
  locale,
  button: button === null ? null : fillIn(button, values),
  thanksHtml: thanksHtml === null ? null : fillInHtml(thanksHtml, values),
});
