import { and, eq, gt, inArray, ne, or, sql } from 'drizzle-orm';
import type { Reader, Tx } from '../../store/store.js';
import { DAY_MS } from '../../time.js';
import { parseEmail } from '../email.js';
import type { Context } from '../context.js';
import { knownPeople } from '../signatures/known-people.js';
import type { Claimed } from './claims.js';
import type { SentMailing } from './open-mailings.js';

/* The last look at consent, in the transaction after which a mail is sent: who left since the start gets nothing. */

/** One person, as mails address them. */
export type Person = Claimed & {
  /** Where the mail goes. */
  to: string;
  /** What it says. */
  email: string;
  name: string | null;
  givenName: string | null;
  country: string | null;
  locale: string | null;
  /** For personal links. */
  epoch: number;
  handle: Buffer;
};

/** Why somebody is left out. */
export type SkipReason =
  | 'erased'
  | 'unsubscribed'
  | 'do_not_contact'
  | 'already_sent'
  | 'frequency'
  | 'no_test_email'
  | 'cancelled'
  | 'expired'
  | 'no_variant';

export type Looked = { send: Person[]; skip: { claimed: Claimed; reason: SkipReason }[] };

/** People who want fewer mails: no two within this time. A bit less than it says, since mailings go out by the hour. */
const APART_MS = { weekly: 6.5 * DAY_MS, monthly: 27.5 * DAY_MS };

/** Claimed recipients, with the keyed hash of the address by supporter. */
export type Hashed = { claimed: Claimed; identity: string; subject: Buffer };

/** The mailbox of a test organization; undefined: it names none that may be mailed. */
export type TestMailbox = { to: string; subject: Buffer } | undefined;

export async function testMailboxOf(ctx: Context, on: Reader, organizationKey: number): Promise<TestMailbox> {
  const { organizations: t } = on.tables;
  const [row] = await on.db.select({ testEmail: t.testEmail }).from(t).where(eq(t.key, organizationKey));
  const mailbox = row?.testEmail ? parseEmail(row.testEmail) : undefined;
  return mailbox && { to: mailbox.delivery, subject: ctx.secrets.subject(mailbox.identity) };
}

/**
 * Looks whether recipients may be mailed now. Those whose address has changed since it was hashed are in neither list:
 * they are looked at again.
 */
export async function lookAtWire(
  tx: Tx,
  mailing: SentMailing,
  hashed: readonly Hashed[],
  testMailbox: TestMailbox,
): Promise<Looked> {
  const looked: Looked = { send: [], skip: [] };
  if (hashed.length === 0) return looked;
  const people = await peopleOf(tx, hashed);
  const knownOf = await knownPeople(
    tx,
    mailing.organization.key,
    [...people.values()].map(({ supporterKey }) => supporterKey),
  );
  const blocked = await blockedOf(tx, [
    ...hashed.map(({ subject }) => subject),
    ...(testMailbox ? [testMailbox.subject] : []),
  ]);
  const mailed = await mailedLately(
    tx,
    mailing,
    [...people.values()].flatMap(({ frequency, supporterKey }) => (frequency === 'all' ? [] : supporterKey)),
  );
  const mailedAlready = await mailedAlreadyOf(
    tx,
    mailing,
    [...people.values()].map(({ supporterKey }) => supporterKey),
  );
  const isBlocked = (subject: Buffer) => blocked.has(subject.toString('base64'));
  const { isTest } = mailing.organization;
  for (const { claimed, identity, subject } of hashed) {
    const person = people.get(claimed.key);
    const skip = (reason: SkipReason) => looked.skip.push({ claimed, reason });
    if (!person || person.erasedAt !== null) skip('erased');
    else if (person.status !== 'active') skip('unsubscribed');
    else if (person.identity !== identity) continue;
    else if (isBlocked(subject)) skip('do_not_contact');
    else if (mailedAlready.has(person.supporterKey)) skip('already_sent');
    else if (isTest && !testMailbox) skip('no_test_email');
    else if (isTest && testMailbox && isBlocked(testMailbox.subject)) skip('do_not_contact');
    else if (
      person.frequency !== 'all' &&
      isTooSoon(tx.now, mailed.get(person.supporterKey), person.frequency)
    ) {
      skip('frequency');
    } else {
      const { email, locale, epoch, handle } = person;
      const to = isTest && testMailbox ? testMailbox.to : email;
      looked.send.push({ ...claimed, to, email, ...knownOf(person.supporterKey), locale, epoch, handle });
    }
  }
  return looked;
}

const isTooSoon = (now: Date, last: Date | undefined, frequency: keyof typeof APART_MS): boolean =>
  last !== undefined && now.getTime() - last.getTime() < APART_MS[frequency];

/** The people as they are now, by the recipient's key. */
async function peopleOf({ db, tables }: Tx, hashed: readonly Hashed[]) {
  const { mailingRecipients: r, subscriptions: s, supporters: p } = tables;
  const rows = await db
    .select({
      key: r.key,
      supporterKey: p.key,
      identity: p.identity,
      email: p.delivery,
      epoch: p.linkEpoch,
      erasedAt: p.erasedAt,
      status: s.status,
      frequency: s.frequency,
      locale: s.locale,
      handle: s.handle,
    })
    .from(r)
    .innerJoin(s, eq(s.key, r.subscriptionKey))
    .innerJoin(p, eq(p.key, s.supporterKey))
    .where(
      inArray(
        r.key,
        hashed.map(({ claimed }) => claimed.key),
      ),
    );
  return new Map(rows.map((row) => [row.key, row]));
}

async function blockedOf({ db, tables: { doNotContact: t } }: Tx, subjects: Buffer[]): Promise<Set<string>> {
  const found = await db.select({ hash: t.hash }).from(t).where(inArray(t.hash, subjects));
  return new Set(found.map(({ hash }) => hash.toString('base64')));
}

/** Those who got this mailing as somebody who was merged into them since. */
async function mailedAlreadyOf(
  { db, tables: { mailingRecipients: r } }: Tx,
  { key }: SentMailing,
  supporterKeys: number[],
): Promise<Set<number | null>> {
  const rows = await db
    .select({ supporterKey: r.supporterKey })
    .from(r)
    .where(
      and(
        inArray(r.supporterKey, supporterKeys),
        // Not by an index of the mailing, which would read its whole audience.
        sql`+${r.mailingKey} = ${key}`,
        inArray(r.state, ['sending', 'sent', 'uncertain']),
      ),
    );
  return new Set(rows.map(({ supporterKey }) => supporterKey));
}

/** When people who want fewer mails last got a mailing of this organization, or now if one is just being sent to them. */
async function mailedLately(
  { db, tables, now }: Tx,
  { key, organization }: SentMailing,
  supporterKeys: number[],
): Promise<Map<number, Date>> {
  const last = new Map<number, Date>();
  if (supporterKeys.length === 0) return last;
  const { mailingRecipients: r, mailings: m } = tables;
  const rows = await db
    .select({ supporterKey: r.supporterKey, at: r.settledAt, state: r.state })
    .from(r)
    .innerJoin(m, eq(m.key, r.mailingKey))
    .where(
      and(
        inArray(r.supporterKey, supporterKeys),
        or(
          eq(r.state, 'sending'),
          and(
            inArray(r.state, ['sent', 'uncertain']),
            gt(r.settledAt, new Date(now.getTime() - APART_MS.monthly)),
          ),
        ),
        eq(m.organizationKey, organization.key),
        ne(r.mailingKey, key),
      ),
    );
  for (const { supporterKey, state, at: settledAt } of rows) {
    const at = state === 'sending' ? now : settledAt;
    if (supporterKey === null || at === null) continue;
    const known = last.get(supporterKey);
    if (!known || known < at) last.set(supporterKey, at);
  }
  return last;
}
