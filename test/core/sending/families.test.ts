import type { MxResolver } from '../../../src/core/sending/families.js';
import {
  familiesOf,
  familyOf,
  learnFamilies,
  lookUpFamilies,
  sweepFamilies,
} from '../../../src/core/sending/families.js';
import { DAY_MS } from '../../../src/time.js';
import t from 'tap';
import { startDnsServer } from '../../support/dns-server.js';
import { onEveryEngine, start } from '../../support/helper.js';
import { addRecipients, draft, subscribers } from '../../support/mailing-rows.js';

t.test('large providers are known by name', (t) => {
  t.equal(familyOf('gmail.com'), 'google');
  t.equal(familyOf(' GoogleMail.com. '), 'google');
  t.equal(familyOf('hotmail.co.uk'), 'microsoft');
  t.equal(familyOf('meadows.example'), 'meadows.example');
  t.end();
});

onEveryEngine('families by MX records', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const begin = new Date('2026-12-01T00:00:00Z');
  api.setClock(begin);
  const dns = await startDnsServer(t, {
    'firm.test': { mx: ['aspmx.l.google.com'] },
    'school.test': { mx: ['school-test.mail.protection.outlook.com'] },
    'club.test': { mx: ['mx1.hoster.co.uk'] },
    'choir.test': { mx: ['mx2.hoster.co.uk'] },
    'nomail.test': { mx: ['.'] },
    'broken.test': { fails: true },
  });
  const asked: string[] = [];
  const resolver: MxResolver = {
    resolveMx: (name) => {
      asked.push(name);
      return name === 'late.test' ? new Promise<never>(() => undefined) : dns.resolveMx(name);
    },
  };
  const names = [
    'firm.test',
    'School.test',
    'club.test',
    'choir.test',
    'nomail.test',
    'broken.test',
    'none.test',
    'late.test',
    'gmail.com',
  ];

  await t.test(
    'providers that take the mail of several domains, and domains of their own where nothing is known',
    async (t) => {
      await lookUpFamilies(ctx, resolver, names, 300);
      t.notOk(asked.includes('gmail.com'), 'known by name');
      t.same(Object.fromEntries(await familiesOf(api.store.read, names)), {
        'firm.test': 'google',
        'School.test': 'microsoft',
        'club.test': 'mx:hoster.co.uk',
        'choir.test': 'mx:hoster.co.uk',
        'nomail.test': 'nomail.test',
        'broken.test': 'broken.test',
        'none.test': 'none.test',
        'late.test': 'late.test',
        'gmail.com': 'google',
      });
    },
  );

  await t.test('they are kept for a week', async (t) => {
    asked.length = 0;
    api.setClock(new Date(begin.getTime() + 7 * DAY_MS));
    await lookUpFamilies(ctx, resolver, names, 300);
    t.same(asked, []);
    api.setClock(new Date(begin.getTime() + 7 * DAY_MS + 1));
    await lookUpFamilies(ctx, resolver, ['firm.test'], 300);
    t.same(asked, ['firm.test']);
    api.setClock(new Date(begin.getTime() + 31 * DAY_MS));
    await sweepFamilies(api.store, ctx.now());
    t.equal((await familiesOf(api.store.read, ['club.test'])).get('club.test'), 'club.test');
    t.equal((await familiesOf(api.store.read, ['firm.test'])).get('firm.test'), 'google');
  });

  await t.test('recipients who wait get the family of their provider', async (t) => {
    const lead = await api.organization('River Meadows');
    const people = await subscribers(api, lead.secret, ['ada@club.test', 'bo@choir.test', 'cy@gmail.com']);
    const mailing = await draft(api, lead);
    const { mailingRecipients: r } = api.store.tables;
    await api.store.transact(async (tx) => {
      await addRecipients(tx, mailing, people);
      await tx.db.update(r).set({ family: 'club.test' });
    });
    asked.length = 0;
    t.equal(await learnFamilies(ctx, resolver, mailing.key), 1);
    t.equal(await learnFamilies(ctx, resolver, mailing.key), 0);
    t.same(asked, ['club.test']);
    const rows = await api.store.read.db.select({ family: r.family }).from(r);
    t.same(
      rows.map(({ family }) => family),
      ['mx:hoster.co.uk', 'mx:hoster.co.uk', 'mx:hoster.co.uk'],
    );
  });
});
