import { randomBytes } from 'node:crypto';
import { count, eq, sql } from 'drizzle-orm';
import type { FrozenVariant } from '../../schema/db/tables/mailings.js';
import type { Frequency } from '../../schema/db/tables/subscriptions.js';
import { moveTallies } from '../../src/core/sending/tallies.js';
import { newId } from '../../src/new-id.js';
import type { Store } from '../../src/store/store.js';

/* Mailings that are under way, written straight into the database: sending begins where the start has ended. */

export const FROZEN: FrozenVariant = {
  senderName: 'Friends of the Meadows',
  replyTo: 'hello@meadows.example',
  defaultLocale: 'en',
  locales: {
    en: {
      dir: 'ltr',
      subject: 'Keep the meadows, {{ first_name | default: "friend" }}',
      html: '<p>Dear {{ first_name | default: "friend" }},</p><p><a href="{{ petition_url }}">Sign</a></p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
      text: 'Dear {{ first_name | default: "friend" }},\n\nSign: {{ petition_url }}\n\nUnsubscribe: {{ unsubscribe_url }}\n',
    },
  },
};

export type Invited = {
  email: string;
  name?: string;
  locale?: string;
  frequency?: Frequency;
  family?: string;
  wave?: number;
};

export type World = {
  mailingKey: number;
  mailingId: string;
  variantKey: number;
  variantId: string;
  people: Invited[];
};

const PART = 500;

/** A running mailing to these people, who are new subscribers of the organization. */
export async function runningMailing(
  store: Store,
  organizationKey: number,
  people: Invited[],
  { frozen = FROZEN, petitionKey = null as number | null, testOrganizationKey = null as number | null } = {},
): Promise<World> {
  const { mailings, mailingVariants } = store.tables;
  const [mailingId, variantId] = [newId('mlg'), newId('mvr')];
  const keys = await store.transact(async (tx) => {
    const [mailing] = await tx.db
      .insert(mailings)
      .values({
        publicId: mailingId,
        organizationKey,
        petitionKey,
        handle: randomBytes(9),
        name: 'Meadows',
        state: 'draft',
        createdAt: tx.now,
        startedAt: tx.now,
      })
      .returning({ key: mailings.key });
    const mailingKey = mailing?.key ?? 0;
    const [variant] = await tx.db
      .insert(mailingVariants)
      .values({
        publicId: variantId,
        mailingKey,
        position: 0,
        name: 'A',
        handle: randomBytes(9),
        content: {},
        frozen,
      })
      .returning({ key: mailingVariants.key });
    return { mailingKey, variantKey: variant?.key ?? 0 };
  });
  for (let at = 0; at < people.length; at += PART) {
    await invite(store, organizationKey, keys, people.slice(at, at + PART), testOrganizationKey);
  }
  await store.transact(({ db }) =>
    db.update(mailings).set({ state: 'running' }).where(eq(mailings.key, keys.mailingKey)),
  );
  return { ...keys, mailingId, variantId, people };
}

async function invite(
  store: Store,
  organizationKey: number,
  { mailingKey, variantKey }: { mailingKey: number; variantKey: number },
  people: Invited[],
  testOrganizationKey: number | null,
): Promise<void> {
  const { contacts, supporters, subscriptions, mailingRecipients } = store.tables;
  await store.transact(async (tx) => {
    const { now } = tx;
    const made = await tx.db
      .insert(supporters)
      .values(
        people.map(({ email }) => ({
          publicId: newId('sup'),
          identity: testOrganizationKey === null ? email : `test:${testOrganizationKey}:${email}`,
          delivery: email,
          testOrganizationKey,
          createdAt: now,
        })),
      )
      .returning({ key: supporters.key, delivery: supporters.delivery });
    const keyOf = new Map(made.map(({ key, delivery }) => [delivery, key]));
    const named = people.flatMap(({ email, name }) => {
      const of = { organizationKey, supporterKey: keyOf.get(email) ?? 0 };
      return name === undefined ? [] : [{ ...of, name, createdAt: now, updatedAt: now }];
    });
    if (named.length > 0) await tx.db.insert(contacts).values(named);
    const joined = await tx.db
      .insert(subscriptions)
      .values(
        people.map(({ email, locale = null, frequency = 'all' }) => ({
          publicId: newId('sub'),
          organizationKey,
          supporterKey: keyOf.get(email) ?? 0,
          status: 'active' as const,
          handle: randomBytes(14),
          frequency,
          locale,
          createdAt: now,
          activeSince: now,
        })),
      )
      .returning({ key: subscriptions.key, supporterKey: subscriptions.supporterKey });
    const subscriptionOf = new Map(joined.map(({ key, supporterKey }) => [supporterKey, key]));
    await tx.db.insert(mailingRecipients).values(
      people.map(({ email, family, wave = 0 }) => {
        const supporterKey = keyOf.get(email) ?? 0;
        return {
          mailingKey,
          supporterKey,
          subscriptionKey: subscriptionOf.get(supporterKey) ?? 0,
          bucket: 0,
          wave,
          variantKey: wave === 0 ? variantKey : null,
          state: 'queued' as const,
          family: family ?? email.slice(email.indexOf('@') + 1),
        };
      }),
    );
    for (const wave of [0, 1]) {
      const recipients = people.filter((one) => (one.wave ?? 0) === wave).length;
      if (recipients === 0) continue;
      const to = { variantKey: wave === 0 ? variantKey : null, state: 'queued' as const };
      await moveTallies(tx, [{ mailingKey, from: null, to, recipients }]);
    }
  });
}

/**
 * How many recipients are in each state, counted by row; throws if the tallies say otherwise. One statement, so that both
 * are of the same commit.
 */
export async function sumsOf(store: Store, mailingKey: number): Promise<Record<string, number>> {
  const { mailingRecipients: r, mailingTallies: t } = store.tables;
  const sum = sql<number>`sum(${t.recipients})`.mapWith(Number);
  const rows = await store.read.db
    .select({
      from: sql<string>`'rows'`,
      state: sql<string>`${r.state}`,
      recipients: count().mapWith(Number),
    })
    .from(r)
    .where(eq(r.mailingKey, mailingKey))
    .groupBy(r.state)
    .unionAll(
      store.read.db
        .select({ from: sql<string>`'tallies'`, state: sql<string>`${t.state}`, recipients: sum })
        .from(t)
        .where(eq(t.mailingKey, mailingKey))
        .groupBy(t.state),
    );
  const of = (from: string) =>
    new Map(
      rows.flatMap((row) =>
        row.from === from && row.recipients !== 0 ? [[row.state, row.recipients] as const] : [],
      ),
    );
  const [byRow, byTally] = [of('rows'), of('tallies')];
  for (const state of new Set([...byRow.keys(), ...byTally.keys()])) {
    if (byRow.get(state) !== byTally.get(state)) {
      throw new Error(`${state}: ${byRow.get(state)} rows, but ${byTally.get(state)} by the tallies`);
    }
  }
  return Object.fromEntries(byRow);
}

export async function stateOf(store: Store, mailingKey: number) {
  const { mailings: t } = store.tables;
  const [row] = await store.read.db.select().from(t).where(eq(t.key, mailingKey));
  if (!row) throw new Error('no such mailing');
  return row;
}

export const recipientsOf = (store: Store, mailingKey: number) => {
  const { mailingRecipients: t, supporters } = store.tables;
  return store.read.db
    .select({
      key: t.key,
      email: supporters.delivery,
      state: t.state,
      reason: t.reason,
      attempts: t.attempts,
      dueAt: t.dueAt,
    })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(eq(t.mailingKey, mailingKey))
    .orderBy(t.key);
};
