import { eq } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import { bind, statement, type Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import { clusterOf, type EmailAddress } from '../email.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import type { Signing } from './read-signing.js';
import { recogniseMailing } from './recognition.js';

/** How a signature came about, as its row stores it. */
export type Attribution = {
  collectorKey: number | null;
  apiKeyKey: number | null;
  mailingKey: number | null;
  mailingVariantKey: number | null;
  shareLinkKey: number | null;
};

/**
 * Attributes a signature to the organization that collected it. The first valid hint wins: the key of a partner; the
 * organization of the share link; that of the personal link; the key of the lead. Invalid hints never fail a signing.
 * Throws `not_a_partner` for the key of an organization outside of the coalition.
 */
export async function attribute(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  { actor, input: { recognition, shareCode } }: Pick<Signing, 'actor' | 'input'>,
  email: EmailAddress,
): Promise<Attribution> {
  const keyed = actor.kind === 'anonymous' ? null : actor;
  if (!keyed && !recognition && !shareCode) return UNATTRIBUTED;
  const partners = await partnerKeysOf(tx, petition.key);
  const takesPart = (key: number) => key === petition.organizationKey || partners.includes(key);
  if (keyed && !takesPart(keyed.organizationKey)) {
    throw new ApiError('not_a_partner', {
      detail: 'Ask the lead organization to invite yours as a partner, and accept.',
    });
  }
  const link = shareCode ? await linkOf(tx, petition, shareCode) : undefined;
  const recognised = recognition ? await recogniseMailing(ctx, tx, recognition) : null;
  // A personal link of an outside organization is ignored: its mailings are not this coalition's business.
  const mailing = recognised && takesPart(recognised.organizationKey) ? recognised : null;
  const partnersKey = keyed && keyed.organizationKey !== petition.organizationKey ? keyed : null;
  const hints = [partnersKey, link, mailing].map((hint) => hint?.organizationKey ?? null);
  return {
    collectorKey: hints.find((key) => key !== null && takesPart(key)) ?? keyed?.organizationKey ?? null,
    apiKeyKey: keyed?.keyKey ?? null,
    mailingKey: mailing?.key ?? null,
    mailingVariantKey: mailing?.variantKey ?? null,
    // A share link never counts its own signer, nor another spelling of that address.
    shareLinkKey: link && !isSelf(link.signer, email) ? link.key : null,
  };
}

const UNATTRIBUTED: Attribution = {
  collectorKey: null,
  apiKeyKey: null,
  mailingKey: null,
  mailingVariantKey: null,
  shareLinkKey: null,
};

const findLink = statement(
  'share_link_of_signing',
  ({ db, tables: { shareLinks: t, signatures, supporters } }: Tx) =>
    db
      .select({
        key: t.key,
        petitionKey: t.petitionKey,
        organizationKey: t.organizationKey,
        signer: supporters.identity,
      })
      .from(t)
      .leftJoin(signatures, eq(signatures.key, t.signatureKey))
      .leftJoin(supporters, eq(supporters.key, signatures.supporterKey))
      .where(eq(t.code, bind(t.code, 'code'))),
);

async function linkOf(tx: Tx, petition: PetitionHead, code: string) {
  const [link] = await findLink(tx, { code });
  return link?.petitionKey === petition.key ? link : undefined;
}

const isSelf = (signer: string | null, email: EmailAddress): boolean =>
  signer !== null && clusterOf(signer) === clusterOf(email.identity);
