import { and, asc, eq, inArray } from 'drizzle-orm';
import type { MailingContent, VariantContent } from '../../schema/db/tables/mailings.js';
import type { RecipientState } from '../../schema/db/tables/sending.js';
import type { Compile } from '../../src/core/mailings/source.js';
import { moveTallies, readTallies } from '../../src/core/sending/tallies.js';
import { compileMailing } from '../../src/mail/campaign/compile.js';
import { loadLocales } from '../../src/mail/load-locales.js';
import type { Tx } from '../../src/store/store.js';
import type { TestApp } from './helper.js';

/* Mailings and their recipients, as writing and sending leave them in the tables. */

export const CONTENT: MailingContent = {
  senderName: null,
  replyTo: null,
  texts: { en: { subject: 'The meadows', markdown: 'Dear {{ first_name | default: "friend" }}, sign.' } },
  defaultLocale: null,
};

/** People whose consent was given elsewhere. Returns the ids of their subscriptions, in this order. */
export async function subscribers(
  api: TestApp,
  secret: string,
  emails: readonly string[],
): Promise<string[]> {
  const text = await api.call('POST', '/v1/consent-texts', {
    key: secret,
    body: { locale: 'en', text: 'Yes.' },
  });
  const rows = emails.map((email) => ({ email }));
  const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
  const imported = await api.call('POST', '/v1/subscriptions/import', { key: secret, body });
  if (imported.body?.created !== emails.length) throw new Error(imported.text);
  const ids: string[] = [];
  for (const email of emails) {
    const path = `/v1/subscriptions?email=${encodeURIComponent(email)}`;
    ids.push((await api.call('GET', path, { key: secret })).body.data[0].id);
  }
  return ids;
}

export type MadeMailing = { id: string; key: number; variantKeys: number[] };

/** A draft of this organization that is ready to be started, unless it is told otherwise. */
export async function draft(
  api: TestApp,
  { key: organizationKey }: { key: number },
  more: { content?: MailingContent | null; petitionKey?: number; variants?: VariantContent[] } = {},
): Promise<MadeMailing> {
  const { ctx } = api.app;
  const { content = CONTENT, petitionKey = null, variants = [{}] } = more;
  return ctx.store.transact(async (tx) => {
    const id = ctx.newId('mlg');
    const handle = ctx.random(9);
    const [row] = await tx.db
      .insert(tx.tables.mailings)
      .values({ publicId: id, organizationKey, petitionKey, handle, name: 'M', content, createdAt: tx.now })
      .returning({ key: tx.tables.mailings.key });
    if (!row) throw new Error('it was not written');
    const variantKeys: number[] = [];
    for (const [position, own] of variants.entries()) {
      const { mailingVariants: t } = tx.tables;
      const [made] = await tx.db
        .insert(t)
        .values({
          publicId: ctx.newId('mvr'),
          mailingKey: row.key,
          position,
          name: 'ABCDEFGH'.charAt(position),
          handle: ctx.random(9),
          content: own,
        })
        .returning({ key: t.key });
      if (made) variantKeys.push(made.key);
    }
    return { id, key: row.key, variantKeys };
  });
}

/** Puts subscribers into the audience, as building does. */
export async function addRecipients(
  tx: Tx,
  { key: mailingKey, variantKeys }: MadeMailing,
  subscriptionIds: readonly string[],
): Promise<void> {
  const { subscriptions, mailingRecipients: t } = tx.tables;
  const people = await tx.db
    .select({ key: subscriptions.key, supporterKey: subscriptions.supporterKey })
    .from(subscriptions)
    .where(inArray(subscriptions.publicId, [...subscriptionIds]))
    .orderBy(asc(subscriptions.key));
  const variantKey = variantKeys[0] ?? null;
  await tx.db.insert(t).values(
    people.map(({ key, supporterKey }) => ({
      mailingKey,
      subscriptionKey: key,
      supporterKey,
      bucket: 0,
      wave: 0,
      variantKey,
      state: 'queued' as const,
      family: 'example.org',
    })),
  );
  const to = { variantKey, state: 'queued' as const };
  await moveTallies(tx, [{ mailingKey, from: null, to, recipients: people.length }]);
}

/** Moves some recipients from one state to another, as sending does. Returns how many there were. */
export async function moveRecipients(
  tx: Tx,
  { key: mailingKey }: Pick<MadeMailing, 'key'>,
  from: RecipientState,
  to: RecipientState,
  most: number,
  more: { reason?: string; dueAt?: Date } = {},
): Promise<number> {
  const { mailingRecipients: t } = tx.tables;
  const some = await tx.db
    .select({ key: t.key, variantKey: t.variantKey })
    .from(t)
    .where(and(eq(t.mailingKey, mailingKey), eq(t.state, from)))
    .orderBy(asc(t.key))
    .limit(most);
  for (const { key, variantKey } of some) {
    await tx.db
      .update(t)
      .set({ state: to, ...more })
      .where(eq(t.key, key));
    const move = { mailingKey, from: { variantKey, state: from }, to: { variantKey, state: to } };
    await moveTallies(tx, [{ ...move, recipients: 1 }]);
  }
  return some.length;
}

/** How many recipients are in each state, by the tallies and by the rows: both must be the same. */
export async function sumsOf(api: TestApp, mailingKey: number): Promise<{ tallies: object; rows: object }> {
  const { read } = api.store;
  const { mailingRecipients: t } = read.tables;
  const sum = (states: { state: RecipientState; recipients: number }[]) => {
    const sums: Partial<Record<RecipientState, number>> = {};
    for (const { state, recipients } of states) {
      const next = (sums[state] ?? 0) + recipients;
      if (next === 0) delete sums[state];
      else sums[state] = next;
    }
    return sums;
  };
  const rows = await read.db.select({ state: t.state }).from(t).where(eq(t.mailingKey, mailingKey));
  return {
    tallies: sum(await readTallies(read, mailingKey)),
    rows: sum(rows.map(({ state }) => ({ state, recipients: 1 }))),
  };
}

/** Changes the row of a mailing, as the workers do. */
export const setMailing = (
  api: TestApp,
  key: number,
  set: Partial<TestApp['store']['tables']['mailings']['$inferInsert']>,
): Promise<void> =>
  api.store.transact(async (tx) => {
    await tx.db.update(tx.tables.mailings).set(set).where(eq(tx.tables.mailings.key, key));
  });

const locales = loadLocales();

/** As the server compiles mailings. */
export const compile: Compile = (source) =>
  compileMailing(source, { publicUrl: 'http://undersigned.test', locales });
