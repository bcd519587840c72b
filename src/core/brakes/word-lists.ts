import { eq, sql } from 'drizzle-orm';
import { invalidBody, type FieldError } from '../../errors.js';
import { bind, statement, type Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { foldWords } from '../petitions/search-words.js';
import type { Written } from './first-look.js';
import { ListedWords } from './listed-words.js';

/*
 * Words that an organization wants to look at: a signature on its petitions whose name or comment holds one is
 * quarantined. Words are compared as the search compares them, without case, accents and width. A list is compiled once
 * for each of its versions.
 */

export type WordList = { words: string[]; updatedAt: Date | null };

const findWords = statement('word_list', ({ db, tables: { wordLists: t } }: Reader) =>
  db
    .select({ words: t.words, version: t.version, updatedAt: t.updatedAt })
    .from(t)
    .where(eq(t.organizationKey, bind(t.organizationKey, 'organizationKey'))),
);

/** The compiled list for a petition; null: its lead has none, which costs nothing to know. */
export async function listedWordsOf(
  { brakes }: Pick<Context, 'brakes'>,
  on: Reader,
  { organizationKey, wordsVersion }: Pick<PetitionHead, 'organizationKey' | 'wordsVersion'>,
): Promise<ListedWords | null> {
  if (wordsVersion === null) return null;
  const known = brakes.wordLists.get(organizationKey);
  if (known?.version === wordsVersion) return known.list;
  const [row] = await findWords(on, { organizationKey });
  const list = new ListedWords(row?.words ?? []);
  brakes.wordLists.set(organizationKey, { version: row?.version ?? wordsVersion, list });
  return list;
}

/** Which field holds a listed word, if one does. */
export function fieldWith(
  list: ListedWords,
  { name, givenName, familyName, comment }: Written,
): 'name' | 'comment' | undefined {
  const holds = (text: string | null | undefined) => text != null && list.isIn(text);
  if (holds(name) || holds(givenName) || holds(familyName)) return 'name';
  return holds(comment) ? 'comment' : undefined;
}

/** The list of the actor's organization. */
export async function getWordList(on: Reader, { organizationKey }: KeyedActor): Promise<WordList> {
  const [row] = await findWords(on, { organizationKey });
  return { words: row?.words ?? [], updatedAt: row?.updatedAt ?? null };
}

/** Replaces the list of the actor's organization, for signatures from now on. Throws `invalid_body`. */
export async function replaceWordList(
  ctx: Context,
  { organizationKey }: KeyedActor,
  words: readonly string[],
): Promise<WordList> {
  const wrong = words.flatMap((word, i) => (foldWords(word).length > 0 ? [] : [wordless(i)]));
  if (wrong.length > 0) throw invalidBody(...wrong);
  return ctx.store.transact(async (tx) => {
    const { wordLists: t } = tx.tables;
    const values = { words: [...words], updatedAt: tx.now };
    await tx.db
      .insert(t)
      .values({ organizationKey, ...values, version: 1 })
      .onConflictDoUpdate({ target: t.organizationKey, set: { ...values, version: sql`${t.version} + 1` } });
    return values;
  });
}

const wordless = (i: number): FieldError => ({
  pointer: `/words/${i}`,
  code: 'no_word',
  detail: 'It has neither a letter nor a digit: nothing would match it.',
});
