import { eq } from 'drizzle-orm';
import type { Test } from 'tap';
import { addShareFigures, hourOf, type ShareFigures } from '../../src/core/counts/share-figures.js';
import { issueToken, TOKEN_BYTES } from '../../src/core/links/random-tokens.js';
import { makePartner, publish, start, type Engine, type TestApp } from './helper.js';
import { collectMail, tokenOf } from './mailbox.js';

const PAGE = 'https://meadows.example/sign';

/** A session as a mailed link would begin it. */
export async function enter(api: TestApp, email: string): Promise<string> {
  const { supporters: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).where(eq(t.identity, email));
  if (!row) throw new Error('there is no such supporter');
  const bytes = api.app.ctx.random(TOKEN_BYTES);
  const token = { purpose: 'session', bytes, supporterKey: row.key, epoch: row.linkEpoch } as const;
  return (await api.store.transact((tx) => issueToken(tx, token))).token;
}

/** What people do with two petitions: one asks every mailbox, one does not. */
export async function startSharing(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const partner = await api.organization('Anglers');
  const texts = ['One', 'Two'].map((text) => ({ network: 'x', text }));
  const fields = { page_url: PAGE, share_texts: texts };
  const petition = await publish(api, lead.secret, { slug: 'meadows', ...fields });
  const quick = await publish(api, lead.secret, { slug: 'quick', confirmation: 'none', ...fields });
  for (const { id } of [petition, quick]) await makePartner(api, lead.secret, id, partner);
  const makeLink = async (body: object, slug = 'meadows', key?: string): Promise<string> =>
    (await api.call('POST', `/v1/petitions/${slug}/share-links`, { key, body: { network: 'x', ...body } }))
      .body.code;
  const sign = (email: string, body: object = {}, slug = 'meadows', key?: string) =>
    api.call('POST', `/v1/petitions/${slug}/signatures`, { key, body: { email, name: 'N', ...body } });
  const confirmAll = async (): Promise<void> => {
    for (const letter of await collectMail(api)) {
      await api.call('POST', '/v1/confirmations', { body: { token: tokenOf(letter) } });
    }
  };
  const conversions = async (code: string): Promise<number> =>
    (await api.call('GET', `/v1/share-links/${code}`)).body.conversions;
  const idOf = async (email: string, slug = 'meadows'): Promise<string> => {
    const path = `/v1/signatures?petition=${slug}&email=${encodeURIComponent(email)}`;
    return (await api.call('GET', path, { key: lead.secret })).body.data[0].id;
  };
  const moderate = async (email: string, verb: 'invalidate' | 'restore') => {
    const path = `/v1/signatures/${await idOf(email)}/${verb}`;
    const { status } = await api.call('POST', path, { key: lead.secret, body: { reason: 'test' } });
    if (status !== 200) throw new Error(`${verb}: ${status}`);
  };
  const figures = (code: string, more: ShareFigures, at = new Date()) =>
    api.store.transact(async (tx) => {
      const { shareLinks: links } = tx.tables;
      const [link] = await tx.db.select().from(links).where(eq(links.code, code));
      addShareFigures(tx, link?.key ?? 0, hourOf(at), more);
    });
  return {
    api,
    lead,
    partner,
    petition,
    quick,
    makeLink,
    sign,
    confirmAll,
    conversions,
    idOf,
    moderate,
    figures,
  };
}
