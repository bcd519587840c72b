import { and, eq, exists, inArray, isNotNull, isNull, or, type SQL } from 'drizzle-orm';
import type { LeadSees } from '../../../schema/db/tables/partners.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Actor, KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { inFull, leadSeesOf, termsOf } from '../partners/partner-terms.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import type { SignatureRead, SignatureView } from './signature-views.js';

/** Which signatures of a petition an organization is shown, and what of each. What it is not shown it cannot find. */
export type Access = {
  /** The signatures that there are for it. */
  visible: SQL | undefined;
  /** Those of which it may know the address, and so may find them by it. */
  byEmail: SQL | undefined;
  byExternalId: SQL | undefined;
  /** Nothing of the petition is hidden from it. */
  seesAll: boolean;
  show: (read: SignatureRead) => SignatureView;
};

type Petition = { key: number; organizationKey: number };

type Keys = Pick<Context, 'secrets'>;

/**
 * Undefined: its signatures do not exist for the actor. The ids of people are the organization's own. A key that may not
 * read signatures, but moderate them, is shown no addresses.
 */
export async function accessTo(
  { secrets }: Keys,
  on: Reader,
  actor: KeyedActor,
  petition: Petition,
): Promise<Access | undefined> {
  if (actor.kind !== 'secret') return undefined;
  const { organizationKey, scopes } = actor;
  const access = await accessOfOrganization(on, organizationKey, petition);
  if (!access) return undefined;
  const mayRead = scopes.includes('signatures:read');
  const nameOf = secrets.namesFor(organizationKey);
  return {
    ...access,
    show: (read) => {
      const view = access.show(read);
      if (!mayRead && view.shown === 'full') return withoutAddress(view);
      return { ...view, supporterId: view.supporterId && nameOf(view.supporterId) };
    },
  };
}

async function accessOfOrganization(
  on: Reader,
  organizationKey: number,
  petition: Petition,
): Promise<Access | undefined> {
  if (organizationKey === petition.organizationKey) return leadAccess(on, petition);
  const partners = await partnerKeysOf(on, petition.key);
  return partners.includes(organizationKey) ? partnerAccess(on, organizationKey) : undefined;
}

/** Whether the actor sees every signature of the petition, with its address. */
export const seesAll = async (tx: Tx, actor: Actor, petition: Petition): Promise<boolean> =>
  (await accessOfActor(tx, actor, petition))?.seesAll ?? false;

const accessOfActor = async (on: Reader, actor: Actor, petition: Petition): Promise<Access | undefined> =>
  actor.kind === 'secret' ? accessOfOrganization(on, actor.organizationKey, petition) : undefined;

/**
 * Whether the actor hears what has become of an address that it signs with: of an earlier signature (its key) if it can
 * find that by the address; of a new one (null) only if nothing is hidden from it. Else an address of which it does not
 * hear "new" would be one of those that are hidden.
 */
export async function hearsOf(
  tx: Tx,
  actor: Actor,
  petition: Petition,
  earlier: number | null,
): Promise<boolean> {
  const access = await accessOfActor(tx, actor, petition);
  if (!access || access.seesAll || earlier === null) return access?.seesAll ?? false;
  const { signatures: t } = tx.tables;
  const found = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.key, earlier), access.visible, access.byEmail));
  return found.length > 0;
}

/**
 * The lead sees everything, but of what a partner has collected only as much as was agreed. Where that is not all, what
 * no mailbox has answered is nobody's yet: else a lead that signs with an address, and looks whether that adds a
 * signature, would see whether its owner had signed at a partner.
 */
async function leadAccess(on: Reader, petition: Petition): Promise<Access> {
  const terms = await termsOf(on, petition.key);
  const full = inFull(on.tables, terms);
  return {
    visible: full && or(isNotNull(on.tables.signatures.confirmedAt), asksNobody(on)),
    byEmail: full,
    byExternalId: full,
    seesAll: full === undefined,
    show: (read) => masked(read, leadSeesOf(terms, read), petition.organizationKey),
  };
}

function masked(read: SignatureRead, shown: LeadSees, leadKey: number): SignatureView {
  const { mailingOwner, collectorKey } = read;
  const mailingId = mailingOwner === leadKey || mailingOwner === collectorKey ? read.mailingId : null;
  if (shown === 'full') return { ...read, shown, mailingId };
  const names = withoutAddress(read);
  if (shown === 'names') return names;
  return {
    ...names,
    shown,
    name: '',
    country: null,
    postalCode: null,
    comment: null,
    display: 'anonymous',
    hidden: 0,
    utm: null,
  };
}

const withoutAddress = (read: SignatureRead): SignatureView => ({
  ...read,
  shown: 'names',
  supporterId: null,
  email: null,
  phone: null,
  postalAddress: null,
  externalId: null,
  mailingId: null,
});

/** The signature's petition lets signatures count without asking their mailboxes. */
const asksNobody = ({ db, tables: { signatures, petitions: t } }: Reader): SQL =>
  exists(
    db
      .select({ key: t.key })
      .from(t)
      .where(and(eq(t.key, signatures.petitionKey), eq(t.confirmation, 'none'))),
  );

/**
 * A partner sees whom it has collected, if they agreed to be mailed by it: for others it has no permission. Where the
 * petition asks mailboxes, theirs must have answered: else a partner that signs with an address, and says itself that
 * this person may be mailed, would see whether they had signed before.
 */
function partnerAccess(on: Reader, organizationKey: number): Access {
  const { db, tables } = on;
  const { signatures: t, confirmationRequests: r, subscriptions, apiKeys } = tables;
  const answered = db
    .select({ key: r.key })
    .from(r)
    .where(and(eq(r.supporterKey, t.supporterKey), eq(r.signatureKey, t.key), isNotNull(r.confirmedAt)));
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
    visible: and(eq(t.collectorKey, organizationKey), exists(agreed), or(asksNobody(on), exists(answered))),
    byEmail: undefined,
    seesAll: false,
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
