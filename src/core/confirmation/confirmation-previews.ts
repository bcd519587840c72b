import { and, eq, inArray, sql } from 'drizzle-orm';
import type { DisclosedField, Disclosure, Image, Target } from '../../../schema/db/tables/petitions.js';
import type { Reader } from '../../store/store.js';
import type { Context } from '../context.js';
import { findToken } from '../links/random-tokens.js';
import { readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { readDisclosed } from '../petitions/disclosures.js';
import { findLead, type Lead } from '../petitions/lead.js';
import { either } from '../petitions/translated.js';
import { isTap } from '../signatures/taps.js';
import { wordsFor } from '../words/choosing-words.js';
import { fillInHtml } from '../words/words-markdown.js';
import type { Confirmed } from './answering.js';

/* What the page behind a confirmation link shows. Reading it changes nothing. */

/** `confirmed`: what was requested is in effect, so there is nothing left to do. `refused`: "this wasn't me". */
export type RequestState = 'open' | 'confirmed' | 'refused';

/** It must say nothing about the person, since mails are forwarded. */
export type ConfirmationPreview = Confirmed & {
  petitionTitle: string | null;
  petitionUrl: string | null;
  organizations: string[];
  /** What those whom the petition addresses will be given of the signature, and who they are. */
  disclosed: readonly DisclosedField[];
  targets: Target[];
  /** The organization that asks; null: there is no single one. */
  lead: Lead | null;
  picture: Image | null;
  /** The language of the petition as it was signed. */
  locale: string | null;
  /** What the organization says to those who have signed, as safe HTML; null: nothing of its own. */
  thanks: { html: string; locale: string } | null;
  /** Credits share links to the signature; null: there is none, or its petition cannot be shared. */
  receipt: string | null;
  /** Whether it belongs to a test. */
  test: boolean;
};

/** What a token would confirm, or has confirmed. Undefined for every link that does not work. */
export async function readConfirmationPreview(
  ctx: Context,
  token: string,
): Promise<(ConfirmationPreview & { state: RequestState }) | undefined> {
  const on = ctx.store.read;
  const found = await findToken(on, 'confirm', token);
  if (!found || found.requestKey === null) return undefined;
  const { supporters } = on.tables;
  const [supporter] = await on.db
    .select({ epoch: supporters.linkEpoch })
    .from(supporters)
    .where(eq(supporters.key, found.supporterKey));
  if (supporter?.epoch !== found.epoch) return undefined;
  const request = await readRequest(on, found.requestKey);
  if (!request) return undefined;
  const state = await stateOf(ctx, request);
  if (!state || (state === 'open' && (found.usedAt || found.expiresAt <= ctx.now()))) return undefined;
  return { state, ...(await readRequestPreview(ctx, request)) };
}

/** Undefined: it was confirmed, and has been withdrawn, unsubscribed or taken out since. */
async function stateOf(ctx: Context, request: ConfirmationRequest): Promise<RequestState | undefined> {
  if (request.refusedAt) return 'refused';
  if (!request.confirmedAt) return 'open';
  const { db, tables } = ctx.store.read;
  const { signatures, subscriptions: t } = tables;
  if (request.signatureKey !== null) {
    const [row] = await db
      .select({ status: signatures.status })
      .from(signatures)
      .where(eq(signatures.key, request.signatureKey));
    // A quarantined signature looks like one that counts, as it does when it is confirmed.
    return row?.status === 'confirmed' || row?.status === 'quarantined' ? 'confirmed' : undefined;
  }
  const lists = (request.optIns ?? []).map(({ organizationKey }) => organizationKey);
  const active = await db
    .select({ key: t.key })
    .from(t)
    .where(
      and(
        eq(t.supporterKey, request.supporterKey),
        inArray(t.organizationKey, lists),
        eq(t.status, 'active'),
      ),
    );
  return active.length > 0 ? 'confirmed' : undefined;
}

export async function readRequestPreview(
  { store, sealer, links }: Context,
  request: ConfirmationRequest,
): Promise<ConfirmationPreview> {
  const { kind, petitionKey, signatureKey, optIns } = request;
  const { db, tables } = store.read;
  const { petitions, organizations: o, petitionTranslations: translations } = tables;
  const [petition] =
    petitionKey === null
      ? []
      : await db
          .select({
            id: petitions.publicId,
            title: either(translations.title, petitions.title),
            slug: petitions.slug,
            pageUrl: either(translations.pageUrl, petitions.pageUrl),
            translation: sql<string | null>`${translations.locale}`,
            imageAlt: translations.imageAlt,
            status: petitions.status,
            locale: petitions.locale,
            organizationKey: petitions.organizationKey,
            image: petitions.image,
            targets: petitions.targets,
            disclosures: petitions.disclosures,
            test: petitions.test,
          })
          .from(petitions)
          .leftJoin(translations, eq(translations.key, (await textOf(store.read, request)) ?? 0))
          .where(eq(petitions.key, petitionKey));
  const keys = (optIns ?? []).map(({ organizationKey }) => organizationKey);
  const names = await db
    .select({ key: o.key, name: o.name, testOf: o.testOf })
    .from(o)
    .where(inArray(o.key, keys));
  const isShared = signatureKey !== null && petition?.status === 'published';
  const organizationKey = petition?.organizationKey ?? (new Set(keys).size === 1 ? keys[0] : undefined);
  const lead = organizationKey === undefined ? null : await findLead(store.read, { organizationKey });
  return {
    kind,
    petitionId: petition?.id ?? null,
    petitionTitle: petition?.title ?? null,
    petitionUrl: petition ? links.petition(petition) : null,
    organizations: keys.flatMap((key) => names.find((one) => one.key === key)?.name ?? []),
    disclosed: petition ? await disclosedBy(store.read, petition, request) : [],
    targets: petition?.targets ?? [],
    lead,
    picture: petition?.image ? { ...petition.image, alt: petition.imageAlt ?? petition.image.alt } : null,
    locale: petition ? (petition.translation ?? petition.locale) : null,
    thanks:
      petition && lead && petitionKey !== null
        ? await thanksOf(store.read, { ...petition, key: petitionKey }, lead, request)
        : null,
    test: petition?.test === 1 || names.some(({ testOf }) => testOf !== null),
    receipt: isShared ? sealer.receipt(signatureKey) : null,
  };
}

/** Of the signature that the request is about; of a tap, of the one that it will make. */
async function disclosedBy(
  on: Reader,
  petition: { disclosures: Disclosure[] },
  request: ConfirmationRequest,
): Promise<readonly DisclosedField[]> {
  if (isTap(request)) {
    const { createdAt, data } = request;
    return readDisclosed(on, petition, { createdAt, importKey: null, apiKeyKey: data.tap.apiKeyKey });
  }
  if (request.signatureKey === null) return [];
  const { signatures: t } = on.tables;
  const [signature] = await on.db
    .select({ createdAt: t.createdAt, importKey: t.importKey, apiKeyKey: t.apiKeyKey })
    .from(t)
    .where(eq(t.key, request.signatureKey));
  return signature ? readDisclosed(on, petition, signature) : [];
}

/** The translation that the request is about; null: the petition's own text. */
async function textOf(on: Reader, { data, signatureKey }: ConfirmationRequest): Promise<number | null> {
  if (data?.translationKey !== undefined) return data.translationKey;
  if (signatureKey === null) return null;
  const { signatures: t } = on.tables;
  const [row] = await on.db.select({ key: t.translationKey }).from(t).where(eq(t.key, signatureKey));
  return row?.key ?? null;
}

async function thanksOf(
  on: Reader,
  petition: { key: number; title: string; locale: string },
  { name: organization }: Lead,
  { locale }: ConfirmationRequest,
): Promise<ConfirmationPreview['thanks']> {
  const words = await wordsFor(on, petition, locale);
  if (!words?.thanksHtml || !words.locales.thanks) return null;
  const html = fillInHtml(words.thanksHtml, { petition: petition.title, organization });
  return { html, locale: words.locales.thanks };
}
