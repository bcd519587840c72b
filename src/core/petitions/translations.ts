import { randomInt } from 'node:crypto';
import { and, asc, eq, isNull, sql } from 'drizzle-orm';
import { MOST_TRANSLATIONS } from '../../../schema/db/tables/petitions.js';
import { ApiError, invalidBody, type FieldError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { requireWritten } from '../overtaken.js';
import { renderBackground } from './markdown.js';
import { tellPetitionChanged } from './petition-changes.js';
import { findOwnHead, type PetitionHead } from './petition-lookup.js';
import { missingCitations, type PetitionRow } from './petition-rules.js';
import { searchText } from './search-words.js';
import type { Translation } from './translated.js';

/*
 * Writing the texts of a petition in further languages. Who signs in a language has endorsed its title and statement: from
 * then on these are fixed, and the translation cannot be deleted. Which translations there are stands in the petition, too.
 */

/** What an organization writes. */
export type TranslationTexts = Pick<
  Translation,
  'title' | 'callToAction' | 'statement' | 'background' | 'imageAlt' | 'shareTexts' | 'pageUrl'
>;

/** A translation as its organization sees it. `fixed`: somebody has signed in it. */
export type TranslationView = Translation & { fixed: boolean };

/** As those of own words: an ETag of a translation since deleted must not match one written anew. */
const firstVersion = (): number => randomInt(1, 900_000_000);

/** The translations of a petition of the actor's, by language. Throws `petition_not_found`. */
export async function listTranslations(
  on: Reader,
  actor: KeyedActor,
  ref: string,
): Promise<TranslationView[]> {
  const { key } = await findOwnHead(on, actor, ref);
  const { petitionTranslations: t } = on.tables;
  const rows = await on.db
    .select()
    .from(t)
    .where(and(eq(t.petitionKey, key), isNull(t.deletedAt)))
    .orderBy(asc(t.locale));
  return Promise.all(rows.map((row) => withFixed(on, row)));
}

/** The translation into one language. Throws `petition_not_found`, `translation_not_found`. */
export async function getTranslation(
  on: Reader,
  actor: KeyedActor,
  ref: string,
  locale: string,
): Promise<TranslationView> {
  const { key } = await findOwnHead(on, actor, ref);
  const found = await findAny(on, key, locale);
  if (!found || found.deletedAt) throw new ApiError('translation_not_found');
  return withFixed(on, found);
}

const withFixed = async (on: Reader, row: Translation): Promise<TranslationView> => ({
  ...row,
  fixed: await isSigned(on, row.key),
});

/** The row of a language, even of a deleted translation. */
async function findAny(on: Reader, petitionKey: number, locale: string): Promise<Translation | undefined> {
  const { petitionTranslations: t } = on.tables;
  const [row] = await on.db
    .select()
    .from(t)
    .where(and(eq(t.petitionKey, petitionKey), eq(t.locale, locale)));
  return row;
}

async function isSigned(on: Reader, translationKey: number): Promise<boolean> {
  const { signatures: t } = on.tables;
  const signed = await on.db
    .select({ key: t.key })
    .from(t)
    .where(eq(t.translationKey, translationKey))
    .limit(1);
  return signed.length > 0;
}

export type TranslationWritten = { translation: TranslationView; created: boolean };

/** Where a translation is written. */
type Place = { petition: string; locale: string; version: number | null | undefined };

/**
 * Writes a translation, in place of the one that is there. `version` is the one that the caller has read, null stands for
 * any; undefined makes a translation where there is none. Throws `petition_not_found`, `own_language`, `invalid_body`,
 * `precondition_required`, `precondition_failed`, `statement_fixed`, `too_many_translations`.
 */
export async function putTranslation(
  ctx: Context,
  actor: KeyedActor,
  place: Place,
  texts: TranslationTexts,
): Promise<TranslationWritten> {
  const write = (isShut: boolean) =>
    ctx.store.transact((tx) => put(tx, actor, place, texts, isShut), isShut ? { shut: 'signatures' } : {});
  return (await write(false)) ?? ((await write(true)) as TranslationWritten);
}

/** Returns undefined where the signatures must be shut for it: nobody may sign a text while it changes. */
async function put(
  tx: Tx,
  actor: KeyedActor,
  { petition: ref, locale, version }: Place,
  texts: TranslationTexts,
  isShut: boolean,
): Promise<TranslationWritten | undefined> {
  const petition = await findOwnHead(tx, actor, ref);
  if (locale === petition.locale) {
    throw new ApiError('own_language', { detail: 'Change the petition itself: it is in this language.' });
  }
  await assertCitable(tx, petition, texts);
  const before = await findAny(tx, petition.key, locale);
  const isThere = before !== undefined && before.deletedAt === null;
  checkVersion(isThere ? before : undefined, version);
  const isOther = before && (before.title !== texts.title || before.statement !== texts.statement);
  if (isOther) {
    if (!isShut) return undefined;
    await assertUnsigned(tx, before.key);
  }
  const row = await writeRow(tx, petition, locale, before, texts);
  await noteInPetition(tx, petition);
  return { translation: await withFixed(tx, row), created: !isThere };
}

async function assertCitable(tx: Tx, { key }: PetitionHead, { background }: TranslationTexts): Promise<void> {
  const { petitions: t } = tx.tables;
  const [row] = await tx.db.select({ references: t.references }).from(t).where(eq(t.key, key));
  const errors = missingCitations(background, row?.references ?? []);
  if (errors.length > 0) throw invalidBody(...errors);
}

function checkVersion(before: Translation | undefined, version: number | null | undefined): void {
  if (!before && version !== undefined) {
    throw new ApiError('precondition_failed', {
      detail: 'There is no translation into this language: leave If-Match out to write the first.',
    });
  }
  if (before && version === undefined) {
    throw new ApiError('precondition_required', {
      detail: 'There is a translation into this language: send its ETag as If-Match to replace it.',
    });
  }
  if (before && version !== null && version !== before.version) {
    throw new ApiError('precondition_failed', {
      detail: 'Read it again, apply your change to what is there now.',
    });
  }
}

async function assertUnsigned(tx: Tx, translationKey: number): Promise<void> {
  if (!(await isSigned(tx, translationKey))) return;
  throw new ApiError('statement_fixed', {
    detail: 'People have signed in this language: its title and statement stay. All else can change.',
  });
}

async function writeRow(
  tx: Tx,
  { key: petitionKey, translations }: PetitionHead,
  locale: string,
  before: Translation | undefined,
  texts: TranslationTexts,
): Promise<Translation> {
  const { petitionTranslations: t } = tx.tables;
  const { title, statement, background } = texts;
  const written = {
    ...texts,
    backgroundHtml: background === null ? null : renderBackground(background),
    searchText: searchText(title, statement),
    updatedAt: tx.now,
    deletedAt: null,
  };
  if (!before || before.deletedAt) assertRoom(translations.length);
  if (before) {
    const version = before.deletedAt ? firstVersion() : before.version + 1;
    const begun = before.deletedAt ? { createdAt: tx.now } : {};
    return requireWritten(
      await tx.db
        .update(t)
        .set({ ...written, ...begun, version })
        .where(and(eq(t.key, before.key), eq(t.version, before.version)))
        .returning(),
    );
  }
  return requireWritten(
    await tx.db
      .insert(t)
      .values({ ...written, petitionKey, locale, version: firstVersion(), createdAt: tx.now })
      .onConflictDoNothing()
      .returning(),
  );
}

function assertRoom(translations: number): void {
  if (translations < MOST_TRANSLATIONS) return;
  throw new ApiError('too_many_translations', {
    detail: `At most ${MOST_TRANSLATIONS}: delete one of them.`,
  });
}

/** Its list of translations, and its version: whoever has read the petition has read its languages, too. */
async function noteInPetition(tx: Tx, { key, version }: PetitionHead): Promise<void> {
  const { petitions: p, petitionTranslations: t } = tx.tables;
  const translations = await tx.db
    .select({ locale: t.locale, key: t.key })
    .from(t)
    .where(and(eq(t.petitionKey, key), isNull(t.deletedAt)))
    .orderBy(asc(t.locale));
  tx.memo.clear();
  tellPetitionChanged(tx, key);
  requireWritten(
    await tx.db
      .update(p)
      .set({ translations, version: sql`${p.version} + 1`, updatedAt: tx.now })
      .where(and(eq(p.key, key), eq(p.version, version)))
      .returning({ key: p.key }),
  );
}

/**
 * Deletes the translation into one language: from then on its readers get the petition's own text. Throws
 * `petition_not_found`, `translation_not_found`, `translation_signed`.
 */
export const deleteTranslation = (
  ctx: Context,
  actor: KeyedActor,
  ref: string,
  locale: string,
): Promise<void> =>
  ctx.store.transact(
    async (tx) => {
      const { petitionTranslations: t } = tx.tables;
      const { key, fixed } = await getTranslation(tx, actor, ref, locale);
      if (fixed) {
        throw new ApiError('translation_signed', {
          detail: 'People have signed in this language: their text must stay readable.',
        });
      }
      await tx.db.update(t).set({ deletedAt: tx.now }).where(eq(t.key, key));
      await noteInPetition(tx, await findOwnHead(tx, actor, ref));
    },
    { shut: 'signatures' },
  );

/** What changes of a petition its translations do not allow: pointers refer to the petition. */
export async function checkTranslations(
  tx: Tx,
  { key, locale, references, translations }: PetitionRow,
  fields: Pick<PetitionRow, 'locale' | 'references'>,
): Promise<FieldError[]> {
  const errors: FieldError[] = [];
  if (fields.locale !== locale && translations.some((one) => one.locale === fields.locale)) {
    const detail = 'There is a translation into this language: delete it first.';
    errors.push({ pointer: '/locale', code: 'translated', detail });
  }
  if (fields.references === references || translations.length === 0) return errors;
  const { petitionTranslations: t } = tx.tables;
  const rows = await tx.db
    .select({ background: t.background })
    .from(t)
    .where(and(eq(t.petitionKey, key), isNull(t.deletedAt)));
  const missing = rows.flatMap(({ background }) =>
    missingCitations(background, fields.references, '/references'),
  );
  return [...errors, ...missing.slice(0, 1)];
}
