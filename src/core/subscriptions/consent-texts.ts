import { and, desc, eq, inArray, lt, max } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { isApart, type Actor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page } from '../cursor.js';
import type { PageRequest } from '../cursor.js';
import type { World } from '../email.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import { findHead, type PetitionHead } from '../petitions/petition-lookup.js';
import { hashOfWords } from './consents.js';

/*
 * The exact texts that people consent to. A text never changes: different words are the next version, per organization
 * and language. So the text of every consent can always be read again.
 */

export type ConsentText = Tables['consentTexts']['$inferSelect'] & {
  organization: Pick<
    Tables['organizations']['$inferSelect'],
    'publicId' | 'slug' | 'name' | 'url' | 'privacyUrl' | 'doubleOptIn' | 'testOf'
  >;
};

const selectTexts = ({ db, tables: { consentTexts: t, organizations } }: Reader) =>
  db
    .select({
      key: t.key,
      publicId: t.publicId,
      organizationKey: t.organizationKey,
      locale: t.locale,
      version: t.version,
      text: t.text,
      hash: t.hash,
      createdAt: t.createdAt,
      organization: {
        publicId: organizations.publicId,
        slug: organizations.slug,
        name: organizations.name,
        url: organizations.url,
        privacyUrl: organizations.privacyUrl,
        doubleOptIn: organizations.doubleOptIn,
        testOf: organizations.testOf,
      },
    })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey));

export type Published = { text: ConsentText; created: boolean };

/**
 * Creates the next version of the actor's text in a language. If the words equal the latest version, that one is
 * returned. Throws `idempotency_key_reused`.
 */
export async function createConsentText(
  ctx: Context,
  { organizationKey }: KeyedActor,
  { locale, text }: { locale: string; text: string },
  retry?: Retry,
): Promise<Published> {
  const publicId = ctx.newId('txt');
  const hash = hashOfWords(text);
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const { consentTexts: t } = tx.tables;
      const [latest] = await selectTexts(tx)
        .where(and(eq(t.organizationKey, organizationKey), eq(t.locale, locale)))
        .orderBy(desc(t.version))
        .limit(1);
      if (latest?.text === text) return { text: latest, created: false };
      const version = (latest?.version ?? 0) + 1;
      const row = { publicId, organizationKey, locale, version, text, hash, createdAt: tx.now };
      // On PostgreSQL another transaction may have created this version meanwhile.
      requireWritten(await tx.db.insert(t).values(row).onConflictDoNothing().returning({ key: t.key }));
      return { text: await getConsentText(tx, publicId), created: true };
    }),
  );
}

/** The texts of the actor's organization in all versions, latest first. Throws `invalid_cursor`. */
export async function listConsentTexts(
  on: Reader,
  { organizationKey }: KeyedActor,
  { limit, cursor }: PageRequest,
): Promise<Page<ConsentText>> {
  const list = `consent-texts:${organizationKey}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { consentTexts: t } = on.tables;
  const rows = await selectTexts(on)
    .where(and(eq(t.organizationKey, organizationKey), before === undefined ? undefined : lt(t.key, before)))
    .orderBy(desc(t.key))
    .limit(limit + 1);
  return pageOf(list, rows, limit, (row) => [row.key]);
}

/** One version; visible to every caller. Throws `consent_text_not_found`. */
export async function getConsentText(on: Reader, publicId: string): Promise<ConsentText> {
  const [row] = await findConsentTexts(on, [publicId]);
  if (!row) throw new ApiError('consent_text_not_found');
  return row;
}

/** The texts with these ids; unknown ids are skipped. */
export const findConsentTexts = (on: Reader, publicIds: readonly string[]): PromiseLike<ConsentText[]> =>
  selectTexts(on).where(inArray(on.tables.consentTexts.publicId, [...publicIds]));

/** The consent texts that a petition's form must show. Throws what `findHead` throws. */
export const listPetitionConsentTexts = async (
  on: Reader,
  actor: Actor,
  petitionRef: string,
): Promise<ConsentText[]> => currentTexts(on, actor, await findHead(on, actor, petitionRef));

/**
 * The organizations that may ask signers for permission to mail them, the lead first: with a partner's key the lead and
 * that partner, otherwise the lead and all partners.
 */
export async function askersOf(
  on: Reader,
  actor: Actor,
  { key, organizationKey }: Pick<PetitionHead, 'key' | 'organizationKey'>,
): Promise<number[]> {
  const partners = await partnerKeysOf(on, key);
  const own = actor.kind === 'anonymous' ? undefined : partners.find((one) => one === actor.organizationKey);
  return [organizationKey, ...(own === undefined ? partners : [own])];
}

/**
 * The consent texts for a petition's signers: the latest version of each organization that asks (see `askersOf`).
 * Organizations without a text do not ask.
 */
export async function currentTexts(
  on: Reader,
  actor: Actor,
  petition: Pick<PetitionHead, 'key' | 'organizationKey' | 'locale'>,
): Promise<ConsentText[]> {
  const { organizations: t } = on.tables;
  const organizationKeys = await askersOf(on, actor, petition);
  const rows = await on.db
    .select({ key: t.key, locale: t.locale })
    .from(t)
    .where(inArray(t.key, organizationKeys));
  const asking = organizationKeys.flatMap((key) => rows.find((row) => row.key === key) ?? []);
  const latest = await latestKeys(on, organizationKeys);
  const keys = asking.flatMap(({ key, locale }) => {
    const theirs = latest.filter(({ organizationKey }) => organizationKey === key);
    return bestKey(theirs, [petition.locale, languageOf(petition.locale), locale]) ?? [];
  });
  const texts = await selectTexts(on).where(inArray(on.tables.consentTexts.key, keys));
  return keys.flatMap((key) => texts.find((text) => text.key === key) ?? []);
}

type Latest = { organizationKey: number; locale: string; key: number };

/** The latest version in each language. */
async function latestKeys(on: Reader, organizationKeys: number[]): Promise<Latest[]> {
  const { consentTexts: t } = on.tables;
  const rows = await on.db
    .select({ organizationKey: t.organizationKey, locale: t.locale, key: max(t.key) })
    .from(t)
    .where(inArray(t.organizationKey, organizationKeys))
    .groupBy(t.organizationKey, t.locale);
  return rows.map((row) => ({ ...row, key: row.key ?? 0 }));
}

const languageOf = (locale: string): string => locale.split('-')[0] ?? locale;

/** The text in the first available of the wanted languages; if there is none, the newest text. */
function bestKey(latest: Latest[], wanted: string[]): number | undefined {
  for (const locale of wanted) {
    const found = latest.find((one) => one.locale === locale);
    if (found) return found.key;
  }
  return latest.length > 0 ? Math.max(...latest.map(({ key }) => key)) : undefined;
}

/** Where the addresses that agree to a text are looked up. */
export const worldOfText = ({ organizationKey, organization }: ConsentText): World =>
  organization.testOf === null ? null : organizationKey;

/**
 * A text to subscribe with; with a secret key it must be of the key's organization. Throws `consent_text_not_found`.
 */
export async function findUsableText(tx: Tx, actor: Actor, publicId: string): Promise<ConsentText> {
  const text = await getConsentText(tx, publicId);
  const { organizationKey } = text;
  const isForeign = actor.kind === 'secret' && actor.organizationKey !== organizationKey;
  if (isForeign || isApart(actor, { organizationKey, test: worldOfText(text) === null ? 0 : 1 })) {
    throw new ApiError('consent_text_not_found');
  }
  return text;
}
