import { randomBytes } from 'node:crypto';
import type { Tables } from '../../schema/db/tables.js';
import type { RecipientState } from '../../schema/db/tables/sending.js';
import { moveTallies } from '../../src/core/sending/tallies.js';
import type { TestApp } from './helper.js';

/* Mailings as rows, as writing and sending leave them: for tests of what comes back. */

type Organization = { key: number; secret: string };
type MailingFields = Partial<Tables['mailings']['$inferInsert']>;

export type Sent = {
  key: number;
  id: string;
  handle: Buffer;
  variants: { key: number; id: string; handle: Buffer; links: { key: number; code: string }[] }[];
};

/** Subscribers whose consent was given elsewhere. */
export async function subscribe(
  api: TestApp,
  { secret: key }: Organization,
  emails: string[],
): Promise<void> {
  const text = await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes.' } });
  for (let first = 0; first < emails.length; first += 500) {
    const rows = emails.slice(first, first + 500).map((email) => ({ email }));
    const body = { consent_text_id: text.body.id, evidence: { source: 'stall' }, rows };
    const imported = await api.call('POST', '/v1/subscriptions/import', { key, body });
    if (imported.status !== 200) throw new Error(imported.text);
  }
}

/** A mailing with variants, each with these links; null: to the petition. */
export async function insertMailing(
  api: TestApp,
  { key: organizationKey }: Organization,
  {
    petition,
    variants = 1,
    links = [null],
    ...fields
  }: { petition?: string; variants?: number; links?: (string | null)[] } & MailingFields = {},
): Promise<Sent> {
  const { ctx } = api.app;
  return api.store.transact(async (tx) => {
    const { mailings, mailingVariants, mailingLinks, petitions } = tx.tables;
    const all = await tx.db.select({ key: petitions.key, id: petitions.publicId }).from(petitions);
    const [mailing] = await tx.db
      .insert(mailings)
      .values({
        publicId: ctx.newId('mlg'),
        organizationKey,
        petitionKey: all.find(({ id }) => id === petition)?.key ?? null,
        handle: randomBytes(9),
        name: 'Meadows',
        state: 'running',
        createdAt: tx.now,
        startedAt: tx.now,
        ...fields,
      })
      .returning();
    if (!mailing) throw new Error('no mailing');
    const made: Sent['variants'] = [];
    for (let position = 0; position < variants; position += 1) {
      const [variant] = await tx.db
        .insert(mailingVariants)
        .values({
          publicId: ctx.newId('mvr'),
          mailingKey: mailing.key,
          position,
          name: 'ABCDEFGH'[position] ?? '',
          handle: randomBytes(9),
          content: {},
        })
        .returning();
      if (!variant) throw new Error('no variant');
      const rows = links.map((url, place) => ({
        mailingKey: mailing.key,
        variantKey: variant.key,
        position: place,
        code: randomBytes(8).toString('base64url'),
        url,
      }));
      const some = await tx.db.insert(mailingLinks).values(rows).returning();
      made.push({ key: variant.key, id: variant.publicId, handle: variant.handle, links: some });
    }
    return { key: mailing.key, id: mailing.publicId, handle: mailing.handle, variants: made };
  });
}

/** Recipients of a variant (a number from 0 on; null: none yet) in a state, made of subscribers by their address. */
export async function insertRecipients(
  api: TestApp,
  mailing: Sent,
  emails: string[],
  { variant = 0, state = 'sent' }: { variant?: number | null; state?: RecipientState } = {},
): Promise<Map<string, number>> {
  return api.store.transact(async (tx) => {
    const { subscriptions, supporters, mailings, mailingRecipients } = tx.tables;
    const owners = await tx.db.select({ key: mailings.key, owner: mailings.organizationKey }).from(mailings);
    const owner = owners.find(({ key }) => key === mailing.key)?.owner;
    const people = await tx.db.select({ key: supporters.key, email: supporters.delivery }).from(supporters);
    const rows = await tx.db.select().from(subscriptions);
    const variantKey = variant === null ? null : (mailing.variants[variant]?.key ?? null);
    const made = new Map<string, number>();
    for (const email of emails) {
      const supporterKey = people.find((one) => one.email === email)?.key ?? null;
      const subscription = rows.find(
        (one) => one.supporterKey === supporterKey && one.organizationKey === owner,
      );
      const [row] = await tx.db
        .insert(mailingRecipients)
        .values({
          mailingKey: mailing.key,
          supporterKey,
          subscriptionKey: subscription?.key ?? null,
          bucket: 0,
          wave: variant === null ? 1 : 0,
          variantKey,
          state,
          family: 'example.org',
          settledAt: tx.now,
        })
        .returning({ key: mailingRecipients.key });
      made.set(email, row?.key ?? 0);
    }
    const to = { variantKey, state };
    await moveTallies(tx, [{ mailingKey: mailing.key, from: null, to, recipients: emails.length }]);
    return made;
  });
}
