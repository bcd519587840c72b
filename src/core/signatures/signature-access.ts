import { and, eq, exists, inArray, isNotNull, isNull, ne, notExists, or, type SQL } from 'drizzle-orm';
import type { LeadSees } from '../../../schema/db/tables/partners.js';
import type { Reader, Tx } from '../../store/store.js';
import type { Actor, KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { inFull, leadSeesOf, termsOf, wasAgreed } from '../partners/partner-terms.js';
import { partnerKeysOf } from '../partners/partnerships.js';
import type { SignatureRead, SignatureView } from './signature-views.js';

/**
 * Which signatures of a petition an organization may see, and which of their fields. Filters must not find what it may
 * not see.
 */
export type Access = {
  /** The condition for signatures that it may see; undefined: all. */
  visible: SQL | undefined;
  /** The conditions for signatures that it may find by address or by external id; undefined: no further condition. */
  byEmail: SQL | undefined;
  byExternalId: SQL | undefined;
  /** Whether it sees every signature of the petition with all fields. */
  seesAll: boolean;
  show: (read: SignatureRead) => SignatureView;
};

type Petition = { key: number; organizationKey: number };

type Keys = Pick<Context, 'secrets'>;

/**
 * What the actor may see of a petition's signatures; undefined: nothing, as if they did not exist. Supporter ids are
 * encoded for its organization. A key without `signatures:read`, which may moderate, gets no addresses.
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

/** The same for an organization, whoever asks. */
export async function accessOfOrganization(
  on: Reader,
  organizationKey: number,
  petition: Petition,
): Promise<Access | undefined> {
  if (organizationKey === petition.organizationKey) return leadAccess(on, petition);
  const partners = await partnerKeysOf(on, petition.key);
  return partners.includes(organizationKey) ? partnerAccess(on, organizationKey) : undefined;
}

/**
 * The signatures of a petition by which an organization may find people: those that it sees with their address. No
 * `where`: all of them. Undefined: none, as if they did not exist.
 */
export async function findableOf(
  on: Reader,
  organizationKey: number,
  petition: Petition,
): Promise<{ where: SQL | undefined } | undefined> {
  const access = await accessOfOrganization(on, organizationKey, petition);
  return access && { where: and(access.visible, access.byEmail) };
}

/**
 * The same over all petitions, as one condition on signatures that count. It is stricter where a partner had several
 * terms: if any of them hid something from the lead, all that this partner collected is left out.
 */
export function findableAnywhere(on: Reader, organizationKey: number): SQL | undefined {
  const { db, tables } = on;
  const { signatures: t, petitions, partnerships } = tables;
  const hides = db
    .select({ key: partnerships.key })
    .from(partnerships)
    .where(
      and(
        eq(partnerships.petitionKey, t.petitionKey),
        eq(partnerships.organizationKey, t.collectorKey),
        wasAgreed(partnerships),
        ne(partnerships.leadSees, 'full'),
      ),
    );
  const led = db
    .select({ key: petitions.key })
    .from(petitions)
    .where(eq(petitions.organizationKey, organizationKey));
  const shared = db
    .select({ key: partnerships.petitionKey })
    .from(partnerships)
    .where(and(eq(partnerships.organizationKey, organizationKey), eq(partnerships.status, 'accepted')));
  return or(
    and(inArray(t.petitionKey, led), or(isNull(t.collectorKey), notExists(hides))),
    and(inArray(t.petitionKey, shared), partnerAccess(on, organizationKey).visible),
  );
}

/** Whether the actor sees every signature of the petition with its address. */
export const seesAll = async (tx: Tx, actor: Actor, petition: Petition): Promise<boolean> =>
  (await accessOfActor(tx, actor, petition))?.seesAll ?? false;

const accessOfActor = async (on: Reader, actor: Actor, petition: Petition): Promise<Access | undefined> =>
  actor.kind === 'secret' ? accessOfOrganization(on, actor.organizationKey, petition) : undefined;

/**
 * Whether the actor may learn the outcome of signing with an address. For an earlier signature (its key): if the actor
 * can find it by the address. For a new one (null): only if nothing is hidden from the actor. Otherwise any address for
 * which it is not told "new" would be known to have a hidden signature.
 */
export async function mayLearnOutcome(
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
 * The lead sees everything, except what its terms with partners hide. Where they hide something, unconfirmed signatures
 * are hidden as well: else the lead could sign with someone's address and tell, from whether a signature is added, if
 * that person had signed with a partner.
 */
async function leadAccess(on: Reader, petition: Petition): Promise<Access> {
  const terms = await termsOf(on, petition.key);
  const full = inFull(on.tables, terms);
  return {
    visible: full && or(isNotNull(on.tables.signatures.confirmedAt), asksNoMailbox(on)),
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
    givenName: null,
    familyName: null,
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
  answers: null,
  externalId: null,
  mailingId: null,
});

/** Whether the signature's petition counts signatures without asking their mailboxes. */
const asksNoMailbox = ({ db, tables: { signatures, petitions: t } }: Reader): SQL =>
  exists(
    db
      .select({ key: t.key })
      .from(t)
      .where(and(eq(t.key, signatures.petitionKey), eq(t.confirmation, 'none'))),
  );

/**
 * A partner sees the signers that it has collected and who agreed to be mailed by it; it has no permission for others.
 * Where the petition asks mailboxes, they must also have confirmed: else a partner could sign with someone's address,
 * vouch for the opt-in itself, and see whether that person had signed before.
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
    visible: and(
      eq(t.collectorKey, organizationKey),
      exists(agreed),
      or(asksNoMailbox(on), exists(answered)),
    ),
    byEmail: undefined,
    seesAll: false,
    // Signatures from before keys were recorded came through the collector's own key.
    byExternalId: or(isNull(t.apiKeyKey), inArray(t.apiKeyKey, ownKeys)),
    show: (read) => {
      const isOwn = (key: number | null) => key === null || key === organizationKey;
      return {
        ...read,
        shown: 'full',
        // The signature may have come through the lead's key or mailing; the ids that those gave it are the lead's.
        externalId: isOwn(read.keyOwner) ? read.externalId : null,
        mailingId: isOwn(read.mailingOwner) ? read.mailingId : null,
      };
    },
  };
}
