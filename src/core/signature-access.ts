import { and, eq, exists, inArray, isNull, or, type SQL } from 'drizzle-orm';
import type { LeadSees } from '../../schema/db/partner-tables.js';
import type { Reader } from '../store/store.js';
import type { KeyedActor } from './context.js';
import { inFull, leadSeesOf, termsOf } from './partner-terms.js';
import { partnerKeysOf } from './partnerships.js';
import type { SignatureRead, SignatureView } from './signatures.js';

/** Which signatures of a petition an organization is shown, and what of each. What it is not shown it cannot find. */
export type Access = {
  /** The signatures that there are for it. */
  visible: SQL | undefined;
  /** Those of which it may know the address, and so may find them by it. */
  byEmail: SQL | undefined;
  byExternalId: SQL | undefined;
  show: (read: SignatureRead) => SignatureView;
};

type Petition = { key: number; organizationKey: number };

/** Undefined: its signatures do not exist for the actor. */
export async function accessTo(
  on: Reader,
  actor: KeyedActor,
  petition: Petition,
): Promise<Access | undefined> {
  if (actor.kind !== 'secret') return undefined;
  if (actor.organizationKey === petition.organizationKey) return leadAccess(on, petition);
  const partners = await partnerKeysOf(on, petition.key);
  return partners.includes(actor.organizationKey) ? partnerAccess(on, actor.organizationKey) : undefined;
}

/** The lead sees everything, but of what a partner has collected only as much as was agreed. */
async function leadAccess(on: Reader, petition: Petition): Promise<Access> {
  const terms = await termsOf(on, petition.key);
  const full = inFull(on.tables, terms);
  return {
    visible: undefined,
    byEmail: full,
    byExternalId: full,
    show: (read) => masked(read, leadSeesOf(terms, read), petition.organizationKey),
  };
}

function masked(read: SignatureRead, shown: LeadSees, leadKey: number): SignatureView {
  const { mailingOwner, collectorKey } = read;
  const mailingId = mailingOwner === leadKey || mailingOwner === collectorKey ? read.mailingId : null;
  if (shown === 'full') return { ...read, shown, mailingId };
  const names: SignatureView = {
    ...read,
    shown,
    supporterId: null,
    email: null,
    phone: null,
    postalAddress: null,
    externalId: null,
    mailingId: null,
  };
  if (shown === 'names') return names;
  return {
    ...names,
    name: '',
    country: null,
    postalCode: null,
    comment: null,
    display: 'anonymous',
    hidden: 0,
    utm: null,
  };
}

/** A partner sees whom it has collected, if they agreed to be mailed by it: for others it has no permission. */
function partnerAccess({ db, tables }: Reader, organizationKey: number): Access {
  const { signatures: t, subscriptions, apiKeys } = tables;
  const agreed = db
    .select({ key: subscriptions.key })
    .from(subscriptions)
    .where(
      and(
        eq(subscriptions.supporterKey, t.supporterKey),
        eq(subscriptions.organizationKey, organizationKey),
        eq(subscriptions.status, 'active'),
      ),
    );
  const ownKeys = db
    .select({ key: apiKeys.key })
    .from(apiKeys)
    .where(eq(apiKeys.organizationKey, organizationKey));
  return {
    visible: and(eq(t.collectorKey, organizationKey), exists(agreed)),
    byEmail: undefined,
    // Signatures of before keys were noted came through the collector's own.
    byExternalId: or(isNull(t.apiKeyKey), inArray(t.apiKeyKey, ownKeys)),
    show: (read) => {
      const isOwn = (key: number | null) => key === null || key === organizationKey;
      return {
        ...read,
        shown: 'full',
        // The lead's key may have brought it, and the lead's mailing: those names are the lead's.
        externalId: isOwn(read.keyOwner) ? read.externalId : null,
        mailingId: isOwn(read.mailingOwner) ? read.mailingId : null,
      };
    },
  };
}
