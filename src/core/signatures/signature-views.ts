import { eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Signal } from '../../../schema/db/tables/brakes.js';
import type { LeadSees } from '../../../schema/db/tables/partners.js';
import type { Reader } from '../../store/store.js';
import { countedColumns } from '../counts/counts.js';
import { either } from '../petitions/translated.js';

/* Reading signatures with everything that belongs to them. */

export type SignatureRow = Tables['signatures']['$inferSelect'];

/** A signature with everything stored about it. */
export type SignatureRead = Omit<
  SignatureRow,
  'mailingKey' | 'mailingVariantKey' | 'importKey' | 'translationKey'
> & {
  petitionId: string;
  organizationKey: number;
  goals: number[];
  thresholdValues: number[];
  petitionLocale: string;
  /** The language of the text that was signed. */
  signedLocale: string;
  /** Null once the signature is anonymised. */
  supporterId: string | null;
  email: string | null;
  mailingId: string | null;
  collectorId: string | null;
  /** The organizations of the mailing and of the key that the signature came through. */
  mailingOwner: number | null;
  keyOwner: number | null;
  /** Why it was quarantined; both are null if it was not. */
  suspicionScore: number | null;
  suspicionSignals: Signal[] | null;
};

/** A signature as an organization may see it: see signature-access.ts. */
export type SignatureView = SignatureRead & { shown: LeadSees };

const viewColumns = (tables: Tables) => {
  const { signatures: t, supporters, petitions, organizations, mailings, apiKeys, suspicions } = tables;
  const { petitionTranslations: translations } = tables;
  return {
    key: t.key,
    supporterKey: t.supporterKey,
    publicId: t.publicId,
    ...countedColumns(tables),
    petitionId: petitions.publicId,
    organizationKey: petitions.organizationKey,
    goals: petitions.goals,
    thresholdValues: petitions.thresholdValues,
    petitionLocale: petitions.locale,
    signedLocale: either(translations.locale, petitions.locale),
    supporterId: supporters.publicId,
    email: supporters.delivery,
    collectorId: organizations.publicId,
    mailingId: mailings.publicId,
    mailingOwner: mailings.organizationKey,
    keyOwner: apiKeys.organizationKey,
    suspicionScore: suspicions.score,
    suspicionSignals: suspicions.signals,
    status: t.status,
    display: t.display,
    hidden: t.hidden,
    name: t.name,
    givenName: t.givenName,
    familyName: t.familyName,
    country: t.country,
    postalCode: t.postalCode,
    postalAddress: t.postalAddress,
    phone: t.phone,
    comment: t.comment,
    answers: t.answers,
    source: t.source,
    utm: t.utm,
    externalId: t.externalId,
    withdrawnAt: t.withdrawnAt,
  };
};

/** Signatures with all that belongs to them; flat, so that `statement` can read them fast. */
export const selectViews = ({ db, tables }: Reader) =>
  db
    .select(viewColumns(tables))
    .from(tables.signatures)
    .innerJoin(tables.petitions, eq(tables.petitions.key, tables.signatures.petitionKey))
    .leftJoin(
      tables.petitionTranslations,
      eq(tables.petitionTranslations.key, tables.signatures.translationKey),
    )
    .leftJoin(tables.supporters, eq(tables.supporters.key, tables.signatures.supporterKey))
    .leftJoin(tables.mailings, eq(tables.mailings.key, tables.signatures.mailingKey))
    .leftJoin(tables.apiKeys, eq(tables.apiKeys.key, tables.signatures.apiKeyKey))
    .leftJoin(tables.suspicions, eq(tables.suspicions.signatureKey, tables.signatures.key))
    .leftJoin(tables.organizations, eq(tables.organizations.key, tables.signatures.collectorKey));
