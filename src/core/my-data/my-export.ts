import { asc, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import type { Reader } from '../../store/store.js';
import type { Page } from '../cursor.js';
import type { Session } from '../session.js';
import { listMyShareLinks, type MyShareLink } from '../sharing/share-links.js';
import { contactsOf, type Contact } from '../supporters/contacts.js';
import { readMe, type MyProfile } from './me.js';
import { listMySignatures, type MySignature } from './my-signatures.js';
import { listMySubscriptions, type MySubscription } from './my-subscriptions.js';

/* The export of "my data". */

type Row<Name extends keyof Tables> = Tables[Name]['$inferSelect'];

/** All data stored about one supporter. */
export type MyData = {
  me: MyProfile;
  signatures: MySignature[];
  shareLinks: MyShareLink[];
  subscriptions: MySubscription[];
  consents: {
    consent: Row<'consents'>;
    organizationId: string;
    petitionId: string | null;
    text: string | null;
  }[];
  requests: { request: Row<'confirmationRequests'>; petitionId: string | null }[];
  mailings: Awaited<ReturnType<typeof mailingsOf>>;
  mails: Pick<Row<'outbox'>, 'kind' | 'state' | 'createdAt' | 'settledAt'>[];
  emailChanges: Row<'emailChanges'>[];
  contacts: { contact: Contact; organizationId: string }[];
};

/** A bound that no supporter will reach, so that no list is unlimited. */
export const MOST = 10_000;

/** Reads all data stored about the supporter. Throws `invalid_session`. */
export async function exportMe(on: Reader, session: Session): Promise<MyData> {
  return {
    me: await readMe(on, session),
    signatures: await all((page) => listMySignatures(on, session, page)),
    shareLinks: await listMyShareLinks(on, session, MOST),
    subscriptions: await all((page) => listMySubscriptions(on, session, page)),
    consents: await consentsOf(on, session),
    requests: await requestsOf(on, session),
    mails: await mailsOf(on, session),
    mailings: await mailingsOf(on, session),
    emailChanges: await emailChangesOf(on, session),
    contacts: await contactsOf(on, session.supporterKey),
  };
}

/** Reads all pages of a list, up to MOST items. */
async function all<Item>(
  read: (page: { limit: number; cursor: string | undefined }) => Promise<Page<Item>>,
): Promise<Item[]> {
  const found: Item[] = [];
  for (let cursor: string | undefined; found.length < MOST;) {
    const { items, nextCursor } = await read({ limit: 100, cursor });
    found.push(...items);
    if (nextCursor === null) break;
    cursor = nextCursor;
  }
  return found;
}

function consentsOf({ db, tables }: Reader, { supporterKey }: Session) {
  const { consents: t, consentTexts, organizations, petitions } = tables;
  return db
    .select({
      consent: t,
      organizationId: organizations.publicId,
      petitionId: petitions.publicId,
      text: consentTexts.text,
    })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .leftJoin(petitions, eq(petitions.key, t.petitionKey))
    .leftJoin(consentTexts, eq(consentTexts.key, t.consentTextKey))
    .where(eq(t.supporterKey, supporterKey))
    .orderBy(asc(t.key))
    .limit(MOST);
}

function requestsOf({ db, tables }: Reader, { supporterKey }: Session) {
  const { confirmationRequests: t, petitions } = tables;
  return db
    .select({ request: t, petitionId: petitions.publicId })
    .from(t)
    .leftJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.supporterKey, supporterKey))
    .orderBy(asc(t.key))
    .limit(MOST);
}

function mailsOf({ db, tables: { outbox: t } }: Reader, { supporterKey }: Session) {
  return db
    .select({ kind: t.kind, state: t.state, createdAt: t.createdAt, settledAt: t.settledAt })
    .from(t)
    .where(eq(t.supporterKey, supporterKey))
    .orderBy(asc(t.key))
    .limit(MOST);
}

/** What organizations have mailed, or are about to. */
function mailingsOf({ db, tables }: Reader, { supporterKey }: Session) {
  const { mailingRecipients: t, mailings, organizations } = tables;
  return db
    .select({
      organizationId: organizations.publicId,
      mailingId: mailings.publicId,
      name: mailings.name,
      state: t.state,
      settledAt: t.settledAt,
      result: t.result,
      resultAt: t.resultAt,
    })
    .from(t)
    .innerJoin(mailings, eq(mailings.key, t.mailingKey))
    .innerJoin(organizations, eq(organizations.key, mailings.organizationKey))
    .where(eq(t.supporterKey, supporterKey))
    .orderBy(asc(t.key))
    .limit(MOST);
}

function emailChangesOf({ db, tables: { emailChanges: t } }: Reader, { supporterKey }: Session) {
  return db.select().from(t).where(eq(t.supporterKey, supporterKey)).orderBy(asc(t.key)).limit(MOST);
}
