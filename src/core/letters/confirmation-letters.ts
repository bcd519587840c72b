import { and, eq, gt, isNotNull, ne } from 'drizzle-orm';
import type { Signal } from '../../../schema/db/tables/brakes.js';
import type { RequestedOptIn } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import { isFromBadNetwork } from '../brakes/key-networks.js';
import { isOnlyCrowded } from '../brakes/spellings.js';
import { lifetimeOf, SUBSCRIPTION_LIFETIME_MS } from '../links/random-tokens.js';
import { readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import { hidesSome } from '../partners/partner-terms.js';
import { readDisclosed } from '../petitions/disclosures.js';
import { closestTo, translationFor } from '../petitions/languages.js';
import { isConfirmableAt, isOpenAt } from '../petitions/petition-life.js';
import { readTranslation, said } from '../petitions/translated.js';
import { findSigned } from '../signatures/signature-rows.js';
import { confirmablePetition, isTap } from '../signatures/taps.js';
import { openOptIns } from '../subscriptions/opt-ins.js';
import { wordsFor } from '../words/choosing-words.js';
import type { Draft, Drop, Plan } from './draft.js';
import { tokenFor, wordsOf } from './letter-parts.js';
import { manage } from './manage-letter.js';
import { DAY_MS, HOUR_MS } from '../../time.js';

/** How long a supporter who said "this wasn't me" gets no more mail about that petition. */
const REFUSAL_MS = 30 * DAY_MS;

/** Asks the mailbox to confirm what is still open of the request: its signature, its subscriptions, or both. */
export async function confirmation(draft: Draft, { reminder }: { reminder: boolean }): Promise<Plan | Drop> {
  const { tx, mail, supporter } = draft;
  const request = mail.requestKey === null ? undefined : await readRequest(tx, mail.requestKey);
  if (!request || request.refusedAt) return { drop: 'refused' };
  if (request.confirmedAt) return { drop: 'confirmed' };
  if (request.signatureKey === null && request.petitionKey !== null && !isTap(request)) {
    return finish(draft, request);
  }
  const optIns = await openOptIns(tx, supporter.key, request.optIns);
  const signature = await signatureOf(tx, request);
  if (signature === 'over') return { drop: 'petition_over' };
  if (await refusedLately(tx, request)) return { drop: 'refused' };
  // A suspicious signature causes no mail, not even about its subscriptions, until an organiser has released it.
  const isHeld = signature?.status === 'quarantined';
  const asksHeld = isHeld && (await asksQuarantined(tx, signature));
  if (isHeld && !asksHeld) return { drop: 'quarantined' };
  if (signature && (await isFromBadSource(tx, signature))) return { drop: 'isolated' };

  const signing = asksHeld || (signature !== null && ['pending', 'withdrawn'].includes(signature.status));
  if (signing || optIns.length > 0) return ask(draft, request, optIns, { signing, reminder, signature });
  if (signature !== null) return signature.status === 'confirmed' ? alreadySigned(draft, request) : nothing;
  // Subscribed already: the mail offers access to the supporter's data instead.
  return manage(draft, { most: 1, ms: DAY_MS });
}

/**
 * Whether to ask the mailbox of a quarantined signature. Yes if its only fault is the number of spellings, since an
 * attacker may have invented the others; and yes on petitions whose organiser cannot see unconfirmed signatures (see
 * signature-access.ts), because there the organiser could never release it.
 */
const asksQuarantined = async (
  tx: Tx,
  { signals, petition }: { signals: readonly Signal[] | null; petition: { key: number } },
): Promise<boolean> => isOnlyCrowded(signals) || hidesSome(tx, petition.key);

const nothing: Drop = { drop: 'nothing_to_confirm' };

type Asked = Exclude<Awaited<ReturnType<typeof signatureOf>>, 'over' | null>;

async function signatureOf(tx: Tx, request: ConfirmationRequest) {
  const signed = isTap(request) ? await findSigned(tx, request) : null;
  if (isTap(request) && !signed) return tapOf(tx, request);
  const signatureKey = signed?.key ?? request.signatureKey;
  if (signatureKey === null) return null;
  const { signatures: t, petitions, suspicions } = tx.tables;
  const [found] = await tx.db
    .select({
      key: t.key,
      status: t.status,
      createdAt: t.createdAt,
      importKey: t.importKey,
      apiKeyKey: t.apiKeyKey,
      translationKey: t.translationKey,
      signals: suspicions.signals,
      petition: petitions,
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .leftJoin(suspicions, eq(suspicions.signatureKey, t.key))
    .where(eq(t.key, signatureKey));
  return found && isConfirmableAt(found.petition, tx.now) ? found : 'over';
}

/** In place of the signature that a tap makes when it is confirmed. */
async function tapOf(tx: Tx, { petitionKey, createdAt }: ConfirmationRequest & { petitionKey: number }) {
  const petition = await confirmablePetition(tx, petitionKey);
  if (!petition) return 'over';
  // Without a key: where that of a tap brings few confirmations, the request was not even stored.
  return {
    key: 0,
    status: 'pending' as const,
    createdAt,
    importKey: null,
    apiKeyKey: null,
    translationKey: null,
    signals: null,
    petition,
  };
}

/**
 * Whether the signature came from a source that hardly anyone confirms: most of these mailboxes know nothing about it,
 * so none is asked. A signature that was quarantined and is not any more was released by an organiser, and is asked
 * about.
 */
const isFromBadSource = async (
  tx: Tx,
  { key, status, apiKeyKey, signals, petition }: Asked,
): Promise<boolean> =>
  status !== 'confirmed' &&
  (status === 'quarantined' || signals === null) &&
  isFromBadNetwork(tx, { key, apiKeyKey, petitionKey: petition.key });

async function refusedLately(tx: Tx, { supporterKey, petitionKey }: ConfirmationRequest): Promise<boolean> {
  if (petitionKey === null) return false;
  const { confirmationRequests: t } = tx.tables;
  const refused = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.petitionKey, petitionKey),
        isNotNull(t.refusedAt),
        gt(t.refusedAt, new Date(tx.now.getTime() - REFUSAL_MS)),
      ),
    )
    .limit(1);
  return refused.length > 0;
}

type Asking = {
  signing: boolean;
  reminder: boolean;
  /** Null: it asks about subscriptions alone. */
  signature: Asked | null;
};

async function ask(
  draft: Draft,
  request: ConfirmationRequest,
  optIns: RequestedOptIn[],
  { signing, reminder, signature }: Asking,
): Promise<Plan> {
  const { ctx, tx, random } = draft;
  // What was signed, even if there are more languages by now.
  const text = request.data ? request.data.translationKey : signature?.translationKey;
  const petition = await petitionOf(draft, request, signing ? text : undefined);
  return {
    template: signing ? 'confirm_signature' : 'confirm_subscription',
    locale: request.locale,
    organizationKey: petition?.organizationKey ?? optIns[0]?.organizationKey ?? null,
    async fill() {
      const token = await tokenFor(draft, 'confirm', {
        requestKey: request.key,
        ...(signing ? {} : { lifetimeMs: SUBSCRIPTION_LIFETIME_MS }),
      });
      await expectAnswer(draft, request, { signing });
      return {
        link: ctx.links.to('confirm', token),
        code: random.code,
        code_page: ctx.links.code && ctx.links.code + (petition ? `?petition=${petition.id}` : ''),
        petition: petition?.words ?? null,
        words: signing && petition ? await wordsFor(tx, petition, request.locale) : null,
        opt_ins: await wordsOf(tx, optIns),
        disclosed: signing && signature ? await readDisclosed(tx, signature.petition, signature) : [],
        reminder,
        ...(signing
          ? { days: lifetimeOf('confirm') / DAY_MS }
          : { hours: SUBSCRIPTION_LIFETIME_MS / HOUR_MS }),
      };
    },
  };
}

/** From now on only the code of this mail is valid, and of the requests for this petition only this one gets reminders. */
async function expectAnswer(
  { ctx, tx, random, mail }: Draft,
  request: ConfirmationRequest,
  { signing }: { signing: boolean },
): Promise<void> {
  const { confirmationRequests: t } = tx.tables;
  // A mail that was put back already has a recipient: it is the same reminder, not a further one.
  const first = mail.recipient === null;
  const reminders = request.reminders + (mail.kind === 'reminder' && first ? 1 : 0);
  const next = signing && reminders < ctx.policy.reminders;
  await tx.db
    .update(t)
    .set({
      code: ctx.secrets.code(request.key, random.code),
      codeTries: 0,
      reminders,
      remindAt: next ? new Date(tx.now.getTime() + ctx.policy.reminderHours * HOUR_MS) : null,
    })
    .where(eq(t.key, request.key));
  if (request.petitionKey === null) return;
  const others = and(
    eq(t.supporterKey, request.supporterKey),
    eq(t.petitionKey, request.petitionKey),
    ne(t.key, request.key),
  );
  await tx.db.update(t).set({ remindAt: null }).where(others);
}

/** Somebody has tapped in a mail to sign, and not all is known that the petition requires: leads to its form. */
async function finish(draft: Draft, request: ConfirmationRequest): Promise<Plan | Drop> {
  const petition = await petitionOf(draft, request);
  if (!petition?.open) return { drop: 'petition_over' };
  if (await refusedLately(draft.tx, request)) return { drop: 'refused' };
  return {
    template: 'finish_signature',
    locale: request.locale,
    organizationKey: petition.organizationKey,
    fill: async () => ({ petition: petition.words, link: petition.words.url }),
  };
}

async function alreadySigned(draft: Draft, request: ConfirmationRequest): Promise<Plan | Drop> {
  const petition = await petitionOf(draft, request);
  if (!petition || draft.mail.kind === 'reminder') return nothing;
  return {
    template: 'already_signed',
    kind: 'already_signed',
    locale: request.locale,
    organizationKey: petition.organizationKey,
    atMost: [{ most: 1, ms: 7 * DAY_MS, petitionKey: petition.key }],
    fill: async () => ({ petition: petition.words }),
  };
}

/** The petition, with the texts of a translation (null: its own), or those for the language of the request. */
async function petitionOf({ ctx, tx }: Draft, request: ConfirmationRequest, translationKey?: number | null) {
  const { petitions: t } = tx.tables;
  const [row] =
    request.petitionKey === null ? [] : await tx.db.select().from(t).where(eq(t.key, request.petitionKey));
  if (!row) return undefined;
  const key =
    translationKey === undefined
      ? translationFor(row, closestTo(request.locale))?.key
      : (translationKey ?? undefined);
  const text = key === undefined ? null : await readTranslation(tx, { key });
  const { publicId: id, organizationKey, locale } = row;
  const { title, statement, pageUrl } = said(row, text);
  const url = ctx.links.petition({ slug: row.slug, pageUrl, translation: text?.locale ?? null });
  const words = { title, statement, url, targets: row.targets };
  return { id, key: row.key, organizationKey, locale, open: isOpenAt(row, tx.now), words };
}
