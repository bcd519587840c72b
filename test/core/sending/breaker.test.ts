import t from 'tap';
import { judgeMailing, reasonToPause } from '../../../src/core/sending/breaker.js';
import { USUAL } from '../../../src/core/sending/policies.js';
import { countOutcome } from '../../../src/core/counts/mailing-counts.js';
import type { MailingOutcome } from '../../../schema/db/tables/sending.js';
import { onEveryEngine, start } from '../../support/helper.js';
import { draft, setMailing } from '../../support/mailing-rows.js';

const NONE = { sent: 0, failed: 0, bounced: 0, complained: 0, unsubscribed: 0 };

t.test('what is too much', (t) => {
  const judge = (sums: Partial<typeof NONE>, from: Partial<typeof NONE> | null = null) =>
    reasonToPause({ ...NONE, ...sums }, from && { ...NONE, ...from }, USUAL.breaker);
  t.equal(judge({ sent: 99, bounced: 99 }), undefined, 'too few to judge');
  t.equal(judge({ sent: 100, bounced: 5 }), undefined, 'exactly five percent');
  t.equal(judge({ sent: 100, bounced: 6 }), 'bounces');
  t.equal(judge({ sent: 94, failed: 6 }), 'bounces', 'a refusal at once is a bounce');
  t.equal(judge({ sent: 1000, complained: 1 }), undefined);
  t.equal(judge({ sent: 1000, complained: 2 }), 'complaints');
  t.equal(judge({ sent: 1000, unsubscribed: 20 }), undefined);
  t.equal(judge({ sent: 1000, unsubscribed: 21 }), 'unsubscribes');
  t.equal(judge({ sent: 200, bounced: 12 }, { sent: 100, bounced: 12 }), undefined, 'not for the same again');
  t.equal(judge({ sent: 200, bounced: 18 }, { sent: 100, bounced: 12 }), 'bounces');
  t.end();
});

onEveryEngine('the breaker', async (t, engine) => {
  const api = await start(t, engine);
  const lead = await api.organization('River Meadows');
  const key = lead.secret;
  const mailing = await draft(api, lead);
  await setMailing(api, mailing.key, { state: 'running', startedAt: new Date() });
  const count = (outcome: MailingOutcome, events: number) =>
    api.store.transact(async (tx) => {
      await countOutcome(
        tx,
        { mailingKey: mailing.key, variantKey: mailing.variantKeys[0] ?? 0 },
        outcome,
        events,
      );
      return judgeMailing(tx, mailing.key);
    });
  const look = async () => (await api.call('GET', `/v1/mailings/${mailing.id}`, { key })).body;
  const resume = () => api.call('POST', `/v1/mailings/${mailing.id}/resume`, { key });

  t.equal(await count('sent', 200), undefined);
  t.equal(await count('bounced', 10), undefined);
  t.match(await look(), { state: 'running' });
  t.equal(await count('bounced', 1), 'bounces');
  t.match(await look(), { state: 'paused', pause_reason: 'bounces' });
  t.equal(await count('bounced', 5), undefined, 'it is paused already');
  t.match(await resume(), { status: 200, body: { state: 'running', pause_reason: null } });
  t.equal(await count('sent', 150), undefined, 'what the organiser has seen does not count again');
  t.equal(await count('soft_bounced', 50), undefined, 'a full mailbox is no bounce');
  t.equal(await count('unsubscribed', 4), 'unsubscribes');
  t.match(await resume(), { status: 200 });
  const policy = { breaker: { complaints: 100, unsubscribes: 100, after: 10 } };
  t.equal((await api.call('PUT', '/v1/organization/sending-policy', { key, body: policy })).status, 200);
  t.equal(await count('sent', 10), undefined);
  t.equal(await count('unsubscribed', 9), undefined, 'the policy of the organization');
  t.equal(await count('bounced', 1), 'bounces', 'what it does not say is as usual');
  await resume();
  await setMailing(api, mailing.key, { state: 'deciding' });
  t.equal(await count('failed', 30), 'bounces');
  t.match(await resume(), { body: { state: 'deciding' } });
  await setMailing(api, mailing.key, { state: 'done' });
  t.equal(await count('failed', 300), undefined, 'what is over cannot pause');
});
