import { randomInt } from 'node:crypto';
import { and, asc, eq } from 'drizzle-orm';
import { MOST_LANGUAGES } from '../../../schema/db/tables/words.js';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError, invalidBody } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { requireWritten } from '../overtaken.js';
import { findOwnHead } from '../petitions/petition-lookup.js';
import { checkMarkdown, checkPlaceholders, wordsHtml } from './words-markdown.js';

/*
 * The words of an organization for its petition, in one language: they introduce the mail that asks to confirm, thank
 * the signer, and name the button. Mails take them when they are sent, so that a correction reaches what waits.
 */

export type PetitionWords = Tables['petitionWords']['$inferSelect'];

/** Versions begin at random: an ETag of words since deleted must not match those written anew. ETags hold nine digits. */
const firstVersion = (): number => randomInt(1, 900_000_000);

/** What an organization writes; null: this server's words. */
export type OwnWords = Pick<PetitionWords, 'confirmation' | 'confirmationSubject' | 'thanks' | 'button'>;

/** Finds what is wrong with own words. Throws `invalid_body`. */
export function checkWords({ confirmation, confirmationSubject, thanks, button }: OwnWords): void {
  const errors = [
    ...checkMarkdown('/confirmation', confirmation ?? ''),
    ...checkPlaceholders('/confirmation_subject', confirmationSubject ?? ''),
    ...checkMarkdown('/thanks', thanks ?? ''),
    ...checkPlaceholders('/button', button ?? ''),
  ];
  if (errors.length > 0) throw invalidBody(...errors);
}

/** The words of a petition of the actor's, by language. Throws `petition_not_found`. */
export async function listWords(on: Reader, actor: KeyedActor, ref: string): Promise<PetitionWords[]> {
  const { key } = await findOwnHead(on, actor, ref);
  const { petitionWords: t } = on.tables;
  return on.db.select().from(t).where(eq(t.petitionKey, key)).orderBy(asc(t.locale));
}

/** The words in one language. Throws `petition_not_found`, `words_not_found`. */
export async function getWords(
  on: Reader,
  actor: KeyedActor,
  ref: string,
  locale: string,
): Promise<PetitionWords> {
  const { key } = await findOwnHead(on, actor, ref);
  const found = await findWords(on, key, locale);
  if (!found) throw new ApiError('words_not_found');
  return found;
}

async function findWords(
  on: Reader,
  petitionKey: number,
  locale: string,
): Promise<PetitionWords | undefined> {
  const { petitionWords: t } = on.tables;
  const [row] = await on.db
    .select()
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), eq(t.locale, locale)));
  return row;
}

export type WordsWritten = { words: PetitionWords; created: boolean };

/**
 * Writes the words in one language, in place of those that are there. `version` is the one that the caller has read,
 * null stands for any; undefined makes words where there are none. Throws `petition_not_found`, `invalid_body`,
 * `precondition_required`, `precondition_failed`, `too_many_languages`.
 */
export async function putWords(
  ctx: Context,
  actor: KeyedActor,
  { petition, locale, version }: { petition: string; locale: string; version: number | null | undefined },
  words: OwnWords,
): Promise<WordsWritten> {
  checkWords(words);
  if (Object.values(words).every((text) => text === null)) {
    throw invalidBody({
      pointer: '',
      code: 'required',
      detail: 'Write at least one text. To go back to ours, delete the words.',
    });
  }
  const texts = { ...words, thanksHtml: words.thanks === null ? null : wordsHtml(words.thanks) };
  return ctx.store.transact(async (tx) => {
    const { petitionWords: t } = tx.tables;
    const { key: petitionKey } = await findOwnHead(tx, actor, petition);
    const before = await findWords(tx, petitionKey, locale);
    checkVersion(before, version);
    if (before) {
      const changed = await tx.db
        .update(t)
        .set({ ...texts, version: before.version + 1, updatedAt: tx.now })
        .where(and(eq(t.key, before.key), eq(t.version, before.version)))
        .returning();
      return { words: requireWritten(changed), created: false };
    }
    const others = await tx.db.select({ key: t.key }).from(t).where(eq(t.petitionKey, petitionKey));
    if (others.length >= MOST_LANGUAGES) {
      throw new ApiError('too_many_languages', { detail: `At most ${MOST_LANGUAGES}: delete one of them.` });
    }
    const begun = { version: firstVersion(), createdAt: tx.now, updatedAt: tx.now };
    const made = await tx.db
      .insert(t)
      .values({ ...texts, petitionKey, locale, ...begun })
      .onConflictDoNothing()
      .returning();
    return { words: requireWritten(made), created: true };
  });
}

function checkVersion(before: PetitionWords | undefined, version: number | null | undefined): void {
  if (!before && version !== undefined) {
    throw new ApiError('precondition_failed', {
      detail: 'There are no words in this language: leave If-Match out to write the first.',
    });
  }
  if (before && version === undefined) {
    throw new ApiError('precondition_required', {
      detail: 'There are words in this language: send their ETag as If-Match to replace them.',
    });
  }
  if (before && version !== null && version !== before.version) {
    throw new ApiError('precondition_failed', {
      detail: 'Read it again, apply your change to what is there now.',
    });
  }
}

/** Deletes the words in one language: from then on this server's are shown. Throws as `getWords`. */
export const deleteWords = (ctx: Context, actor: KeyedActor, ref: string, locale: string): Promise<void> =>
  ctx.store.transact(async (tx) => {
    const { petitionWords: t } = tx.tables;
    const { key } = await getWords(tx, actor, ref, locale);
    await tx.db.delete(t).where(eq(t.key, key));
  });
