import { randomBytes } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { block } from '../../src/core/mail/do-not-contact.js';
import { eraseSupporter } from '../../src/core/my-data/erasure.js';
import { takeMailEvent } from '../../src/core/subscriptions/mail-events.js';
import type { TestApp } from './helper.js';
import { collectMail, tokenIn, tokenOf } from './mailbox.js';

/** All that an address can be to a petition and its lists. Nobody without a secret key may tell them apart. */
export const ADDRESS_STATES = [
  'unknown',
  'pending',
  'confirmed',
  'unsubscribed',
  'suppressed',
  'blocked',
  'erased',
  'quarantined',
] as const;
export type AddressState = (typeof ADDRESS_STATES)[number];
export type Addresses = Record<AddressState, string[]>;

export type Place = {
  /** The petition's slug. */
  petition: string;
  /** The consent texts that whoever signs there agrees to. */
  texts: string[];
};

/** What the makers need of an app: the timing test has one without a test. */
export type Api = Pick<TestApp, 'app' | 'store' | 'call'>;

/** All of one length, and in no order. */
export const newAddress = () => `${randomBytes(8).toString('hex')}@example.org`;

/** Addresses in every state, each brought there in the way that people get there. No mail is due afterwards. */
export async function makeAddresses(api: Api, place: Place, each: number): Promise<Addresses> {
  const lists = ADDRESS_STATES.map((state) => [state, Array.from({ length: each }, newAddress)] as const);
  const all = Object.fromEntries(lists) as Addresses;
  const { unknown: _unknown, blocked, pending, quarantined, ...signers } = all;
  const proven = Object.values(signers).flat();
  await manyAtOnce([...pending, ...proven], (email) => sign(api, place, email));
  const links = new Map((await collectMail(api)).map((letter) => [letter.to, tokenOf(letter)]));
  await manyAtOnce(proven, (email) => post(api, '/v1/confirmations', { token: links.get(email) }, 200));
  await leaveLists(api, signers.unsubscribed);
  await manyAtOnce(signers.suppressed, (email) => takeMailEvent(api.app.ctx, { type: 'complaint', email }));
  await manyAtOnce(blocked, (email) => blockAddress(api, email));
  await manyAtOnce(signers.erased, (email) => erase(api, email));
  await manyAtOnce(quarantined, (email) => sign(api, place, email, { website: 'https://spam.example' }));
  await collectMail(api);
  return all;
}

async function manyAtOnce(emails: string[], act: (email: string) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < emails.length; i += 100) await Promise.all(emails.slice(i, i + 100).map(act));
}

async function post(api: Api, path: string, body: unknown, status: number): Promise<void> {
  const answer = await api.call('POST', path, { body });
  if (answer.status !== status) throw new Error(`${path}: ${answer.status} ${answer.text}`);
}

const sign = (api: Api, { petition, texts }: Place, email: string, more = {}) =>
  post(
    api,
    `/v1/petitions/${petition}/signatures`,
    {
      email,
      name: 'Somebody',
      opt_ins: texts.map((id) => ({ consent_text_id: id, opt_in: true })),
      ...more,
    },
    202,
  );

async function leaveLists(api: Api, emails: string[]): Promise<void> {
  await manyAtOnce(emails, (email) => post(api, '/v1/unsubscribe', { email }, 202));
  const lists = (await collectMail(api)).flatMap(({ values }) => values.subscriptions ?? []);
  await manyAtOnce(
    lists.map(({ link }) => tokenIn(link)),
    (token) => post(api, `/v1/unsubscribe/${token}`, {}, 200),
  );
}

const blockAddress = ({ app: { ctx } }: Api, email: string) =>
  ctx.store.transact((tx) => block(tx, ctx.secrets.subject(email), 'request'));

async function keyOf({ store }: Api, email: string): Promise<number> {
  const { supporters: t } = store.tables;
  const [row] = await store.read.db.select().from(t).where(eq(t.identity, email));
  if (!row) throw new Error('there is no such supporter');
  return row.key;
}

const erase = async (api: Api, email: string) => eraseSupporter(api.app.ctx, await keyOf(api, email));
