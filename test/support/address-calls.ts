import { eq } from 'drizzle-orm';
import type { Test } from 'tap';
import { issueToken, TOKEN_BYTES } from '../../src/core/links/random-tokens.js';
import { findOrCreateSupporter } from '../../src/core/supporters/supporters.js';
import { newAddress } from './address-states.js';
import { makePartner, publish, start, type Engine } from './helper.js';
import { limits } from './high-limits.js';

/* What strangers can do with an address: one test compares what they hear, another how long it takes. */

/** Two petitions, and an organization of each kind: one asks every mailbox first, one does not. */
export async function startWorld(t: Test, engine: Engine) {
  const config = { publicUrl: 'http://undersigned.test', trustProxy: [], limits };
  const api = await start(t, engine, { limits, build: { config } });
  const lead = await api.organization('River Meadows');
  const quick = await api.organization('Anglers');
  const { organizations: orgs } = api.store.tables;
  const askNobody = { doubleOptIn: 0 };
  await api.store.transact((tx) =>
    tx.db.update(orgs).set(askNobody).where(eq(orgs.key, quick.key)).returning(),
  );
  const textOf = async (key: string) =>
    (await api.call('POST', '/v1/consent-texts', { key, body: { locale: 'en', text: 'Yes, mail me.' } })).body
      .id as string;
  const texts = { lead: await textOf(lead.secret), quick: await textOf(quick.secret) };
  const quiet = await publish(api, lead.secret, { slug: 'quiet' });
  await publish(api, lead.secret, { slug: 'instant', confirmation: 'none' });
  for (const slug of ['quiet', 'instant']) await makePartner(api, lead.secret, slug, quick);
  await publish(api, lead.secret, { slug: 'guarded', challenge: 'always' });
  const publishable = await api.newKey(lead.key, 'publishable');

  /** A session of somebody who has nothing to do with the address. */
  const session = () =>
    api.store.transact(async (tx) => {
      const email = newAddress();
      const stranger = await findOrCreateSupporter(
        tx,
        { identity: email, delivery: email },
        api.app.ctx.newId('sup'),
      );
      const bytes = api.app.ctx.random(TOKEN_BYTES);
      return (await issueToken(tx, { purpose: 'session', bytes, supporterKey: stranger.key, epoch: 0 }))
        .token;
    });
  return { api, lead, quick, texts, quiet, publishable, session };
}

export type World = Awaited<ReturnType<typeof startWorld>>;

export type Call = {
  name: string;
  /** Where its addresses have their states. */
  petition?: 'quiet' | 'instant';
  path: string;
  body: (email: string) => unknown;
  key?: () => Promise<string>;
  takesRetries?: boolean;
  status?: number;
};

/** Everything that takes an address from somebody without a secret key. */
export function callsOf({ lead, quick, texts, quiet, publishable, session }: World) {
  const name = 'Ada King';
  const sign = (petition: 'quiet' | 'instant') => ({
    petition,
    path: `/v1/petitions/${petition}/signatures`,
    body: (email: string) => ({ email, name }),
    takesRetries: true,
  });
  const yes = (id: string, opt_in = true) => ({ consent_text_id: id, opt_in });
  const optIns = (...opt_ins: unknown[]) => ({ body: (email: string) => ({ email, name, opt_ins }) });
  /** As machines do it: what they send is quarantined. */
  const asMachine = (petition: 'quiet' | 'instant', ...opt_ins: unknown[]) => ({
    ...sign(petition),
    body: (email: string) => ({ email, name: 'www.spam.example', website: 'https://spam.example', opt_ins }),
  });
  const subscribe = (id: string) => ({
    path: '/v1/subscriptions',
    body: (email: string) => ({ email, consent_text_id: id }),
    takesRetries: true,
  });
  const simple = (path: string, more = {}) => ({ path, body: (email: string) => ({ email, ...more }) });
  const key = async () => publishable;
  const calls: Call[] = [
    { name: 'sign', ...sign('quiet') },
    { name: 'sign, with a publishable key', ...sign('quiet'), key },
    { name: 'sign, with opt-ins', ...sign('quiet'), ...optIns(yes(texts.lead), yes(texts.quick)) },
    { name: 'sign, declining', ...sign('quiet'), ...optIns(yes(texts.lead, false), yes(texts.quick, false)) },
    { name: 'sign without confirmation', ...sign('instant') },
    { name: 'sign without confirmation, with a publishable key', ...sign('instant'), key },
    { name: 'sign without confirmation, with opt-ins', ...sign('instant'), ...optIns(yes(texts.quick)) },
    { name: 'sign, as a machine', ...asMachine('quiet') },
    {
      name: 'sign, as a machine, with opt-ins',
      ...asMachine('quiet', yes(texts.lead), yes(texts.quick)),
      key,
    },
    { name: 'sign without confirmation, as a machine', ...asMachine('instant') },
    {
      name: 'sign without confirmation, as a machine, with opt-ins',
      ...asMachine('instant', yes(texts.quick)),
    },
    {
      name: 'sign without the proof of work',
      path: '/v1/petitions/guarded/signatures',
      body: (email: string) => ({ email, name }),
      status: 403,
    },
    { name: 'subscribe', ...subscribe(texts.lead) },
    { name: 'subscribe, with a publishable key', ...subscribe(texts.lead), key },
    { name: 'subscribe without double opt-in', ...subscribe(texts.quick) },
    { name: 'resend, for a petition', ...simple('/v1/confirmations/resend', { petition_id: quiet.id }) },
    { name: 'resend, for a list', ...simple('/v1/confirmations/resend', { organization_id: lead.id }) },
    { name: 'my data', ...simple('/v1/manage-links') },
    { name: 'unsubscribe', ...simple('/v1/unsubscribe') },
    { name: 'unsubscribe from one list', ...simple('/v1/unsubscribe', { organization_id: quick.id }) },
    { name: 'confirm, with a wrong code', ...simple('/v1/confirmations', { code: '000000' }), status: 404 },
    {
      name: 'change of address, to that address',
      ...simple('/v1/me/email-changes'),
      key: session,
      takesRetries: true,
    },
  ];
  return calls;
}
