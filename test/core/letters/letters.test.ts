import { desc, eq } from 'drizzle-orm';
import fc from 'fast-check';
import { ANONYMOUS } from '../../../src/core/actor.js';
import { linkSigner } from '../../../src/core/mailings/personal-links.js';
import { createMailing } from '../../../src/core/mailings/writing.js';
import { confirmRequest } from '../../../src/core/confirmation/confirmations.js';
import { refuseRequest } from '../../../src/core/confirmation/refusing.js';
import { createDelivery } from '../../../src/core/deliveries/deliveries.js';
import { sendDelivery } from '../../../src/core/deliveries/mailing-it.js';
import { TEMPLATES, type Letter, type Template } from '../../../src/core/letters/letter.js';
import { remindAll } from '../../../src/core/letters/reminders.js';
import { block } from '../../../src/core/mail/do-not-contact.js';
import {
  confirmEmailChange,
  requestEmailChange,
  undoEmailChange,
} from '../../../src/core/my-data/email-changes.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import {
  cancelLinks,
  createSession,
  findSession,
  requestManageLink,
} from '../../../src/core/my-data/sessions.js';
import { transitionPetition } from '../../../src/core/petitions/petitions.js';
import type { SignInput } from '../../../src/core/signatures/sign-input.js';
import { signByMail } from '../../../src/core/signatures/one-tap.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import { createConsentText } from '../../../src/core/subscriptions/consent-texts.js';
import { subscribe } from '../../../src/core/subscriptions/subscribing.js';
import { unsubscribeByAddress, unsubscribeByLink } from '../../../src/core/subscriptions/unsubscribing.js';
import { findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { loadLocales } from '../../../src/mail/load-locales.js';
import { createRenderer } from '../../../src/mail/render.js';
import { onEveryEngine, start, type TestApp } from '../../support/helper.js';
import { collectLetter, collectMail, tokenIn, tokenOf } from '../../support/mailbox.js';
import { Clock, DAY, HOUR, join, launch, MINUTE, outcome, type Member } from '../../support/verbs.js';

const NOON = new Date('2026-11-23T12:00:00Z');

/** What a stranger types who would like to have it mailed to somebody. */
const TYPED = {
  name: 'Xanthippe Strangername',
  comment: 'Strangercomment',
  postalCode: 'STRANGERCODE',
  phone: '+31 6 99999999',
  source: 'strangersource',
} as const satisfies Partial<SignInput>;

const sign = ({ app }: TestApp, slug: string, email: string, more: Partial<SignInput> = {}) =>
  signPetition(app.ctx, ANONYMOUS, slug, { email, name: 'Ada', ...more });

/** Mails a delivery whose files were made. */
async function handOver(api: TestApp, { actor }: Member, petition: string, email: string): Promise<void> {
  const { ctx } = api.app;
  const recipient = { name: 'Ines Castell' };
  const { publicId } = await createDelivery(ctx, actor, { petition, recipient, letter: 'Dear **Mayor**' });
  await ctx.store.transact(({ db, tables: { deliveries: t } }) =>
    db.update(t).set({ state: 'ready' }).where(eq(t.publicId, publicId)),
  );
  await sendDelivery(ctx, actor, publicId, { method: 'mail', email });
}

/** Somebody taps in a mail to this person, about a petition that asks for more than is known. */
async function tapIn(api: TestApp, lead: Member, slug: string, email: string): Promise<void> {
  const { ctx } = api.app;
  await launch(api, lead, { slug, form: { country: 'required' } });
  const { handle: mailing } = await createMailing(ctx, lead.actor, { name: 'Tap', petition: slug });
  const { subscriptions: t, supporters } = api.store.tables;
  const [to] = await api.store.read.db
    .select({ handle: t.handle, epoch: supporters.linkEpoch })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(eq(supporters.delivery, email));
  const { recogniseToken } = (await linkSigner(ctx))(to!, mailing);
  await signByMail(ctx, ANONYMOUS, slug, { recognition: recogniseToken });
}

/** Why the latest mail was not sent; null: it was. */
async function fate(api: TestApp): Promise<string | null> {
  await collectMail(api);
  const { outbox: t } = api.store.tables;
  const [row] = await api.store.read.db.select().from(t).orderBy(desc(t.key)).limit(1);
  return row?.reason ?? null;
}

onEveryEngine('letters', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const clock = new Clock(api, NOON);
  const lead = await join(api, 'Meadow Friends');
  const locales = loadLocales();
  const render = createRenderer(locales);

  for (const locale of locales.tags) {
    await t.test(
      `${locale}: every letter has its words, its own links, and nothing that a stranger typed`,
      async (t) => {
        const { slug } = await launch(api, lead, { slug: `every-${locale}`, locale });
        const agreement = `I agree to be mailed (${locale}).`;
        const { text } = await createConsentText(ctx, lead.actor, { locale, text: agreement });
        const email = `ada@${locale}.example`;
        const letters: Letter[] = [];
        const next = async () => {
          const [first, ...rest] = await collectMail(api);
          letters.push(first!, ...rest);
          return first!;
        };
        await sign(api, slug, email, {
          ...TYPED,
          optIns: [{ consent_text_id: text.publicId, opt_in: true }],
        });
        await next();
        clock.pass(2 * DAY);
        await remindAll(ctx);
        const reminder = await next();
        t.equal(reminder.values.reminder, true);
        t.same(reminder.values.opt_ins, [{ organization: 'Meadow Friends', text: agreement }]);
        await confirmRequest(ctx, { token: tokenOf(reminder) });
        clock.pass(2 * DAY);
        await sign(api, slug, email, TYPED);
        await next();
        await tapIn(api, lead, `tap-${locale}`, email);
        await next();
        await subscribe(ctx, ANONYMOUS, {
          email: `bo@${locale}.example`,
          consentTextId: text.publicId,
          source: TYPED.source,
        });
        await next();
        const latest = (template: Template) => letters.findLast((one) => one.template === template)!;
        /** From one address to another, with all four mails. */
        const move = async (from: string, to: string) => {
          await requestManageLink(ctx, from, locale);
          const session = await createSession(ctx, tokenOf(await next()));
          const { supporterKey } = (await findSession(ctx, session.token))!;
          await requestEmailChange(ctx, { supporterKey }, to);
          await next();
          t.same([latest('email_apply').to, latest('email_notice').to], [to, from]);
          const notice = latest('email_notice');
          await confirmEmailChange(ctx, tokenOf(latest('email_apply')));
          return notice;
        };
        const notice = await move(email, `eve@${locale}.example`);
        await move(`bo@${locale}.example`, email);
        await undoEmailChange(ctx, tokenOf(notice));
        t.equal((await next()).to, `bo@${locale}.example`, 'whoever has to give the address back is told');
        await unsubscribeByAddress(ctx, email, { locale });
        const links = await next();
        await unsubscribeByLink(ctx, tokenIn(links.values.subscriptions?.[0]?.link ?? ''));
        await next();
        await handOver(api, lead, slug, `mayor@${locale}.example`);
        await next();
        t.same([...new Set(letters.map(({ template }) => template))].sort(), [...TEMPLATES].sort());
        for (const letter of letters) {
          const { subject, text: plain, html, lang } = render({ ...letter, locale });
          const all = [subject, plain, html].join('\n');
          t.equal(lang, locale);
          const words = all.replace(/<style>.*<\/style>/gs, '').replace(/http:\S+/g, '');
          t.notMatch(words, /\{\{|\{%|%\}|\}\}|undefined|\[object|\bNaN\b|\bnull\b/, letter.template);
          t.notMatch(all, /stranger|99999999/i, `${letter.template}: nobody writes to others through us`);
          t.notMatch(all, new RegExp(`@${locale}\\.example`), 'nor is an address in it');
          const { link, subscriptions = [], code, code_page: page } = letter.values;
          const ours = new Set(plain.match(/http:\/\/undersigned\.test\/\S+/g));
          t.same(
            ours,
            new Set([
              ...(link ? [link] : []),
              ...subscriptions.map((one) => one.link),
              ...(page ? [page] : []),
            ]),
          );
          for (const one of ours) {
            if (one !== page) t.ok(html.includes(`href="${one.replaceAll('&', '&amp;')}"`), one);
          }
          if (code) t.ok(/^\d{6}$/.test(code) && plain.includes(code) && html.includes(code));
        }
        t.equal(new Set(letters.map(({ messageId }) => messageId)).size, letters.length);
        const tokens = letters.flatMap(({ values }) => values.link ?? []);
        t.equal(new Set(tokens).size, tokens.length, 'no link is mailed twice');
      },
    );
  }

  await t.test('a mail that is not needed any more when its turn comes is dropped, and why', async (t) => {
    const asked = async (slug: string, email: string) => {
      await sign(api, slug, email);
      return collectLetter(api, email);
    };
    const { slug } = await launch(api, lead, { slug: 'drops', confirmation: 'email' });
    await sign(api, slug, 'odd@a.example', { website: 'https://x.example' });
    t.equal(await fate(api), 'nobody', 'a queued row like others, for nobody');
    const refused = await asked(slug, 'no@a.example');
    await refuseRequest(ctx, tokenOf(refused));
    clock.pass(30 * DAY - 1);
    await sign(api, slug, 'no@a.example');
    t.equal(await fate(api), 'refused', 'left alone for thirty days');
    clock.pass(1);
    await sign(api, slug, 'no@a.example');
    t.equal(await fate(api), null);
    await launch(api, lead, { slug: 'drops-too' });
    await refuseRequest(ctx, tokenOf(await asked('drops-too', 'no@a.example')));
    await sign(api, slug, 'no@a.example');
    t.equal(await fate(api), null, 'about that petition alone');
    await sign(api, slug, 'blocked@a.example');
    await ctx.store.transact((tx) => block(tx, ctx.secrets.subject('blocked@a.example'), 'request'));
    t.equal(await fate(api), 'do_not_contact');
    await sign(api, slug, 'gone@a.example');
    const gone = (await findSupporterByIdentity(ctx.store.read, 'gone@a.example'))!;
    await eraseSupporter(ctx, gone.key);
    t.equal(await fate(api), 'erased');
    await requestManageLink(ctx, 'unknown@a.example');
    t.equal(await fate(api), 'nobody');
    await requestManageLink(ctx, 'no address');
    t.equal(await fate(api), 'nobody');
    await unsubscribeByAddress(ctx, 'no@a.example', {});
    t.equal(await fate(api), 'not_subscribed');
    await sign(api, slug, 'late@a.example');
    await transitionPetition(ctx, lead.actor, slug, { to: 'closed' });
    clock.pass(DAY);
    t.equal(await fate(api), null, 'it can be confirmed for a day');
  });
});

onEveryEngine('caps', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const clock = new Clock(api, NOON);
  const lead = await join(api, 'Meadow Friends');
  for (let i = 0; i < 4; i += 1) await launch(api, lead, { slug: `p${i}` });
  const sent = async (): Promise<Letter['template'][]> =>
    (await collectMail(api)).map(({ template }) => template);

  /** So many of the instants lie within the time before this one. */
  const within = (instants: readonly number[], ms: number) =>
    instants.filter((one) => one > clock.now.getTime() - ms).length;

  await t.test(
    'what anybody can ask for: three a day, ten a week, five about a petition, and to the millisecond',
    async (t) => {
      let run = 0;
      let capped = 0;
      const asks = fc.array(
        fc.record({
          wait: fc.constantFrom(0, 1, HOUR, 7 * HOUR, 12 * HOUR, DAY - 1, DAY),
          petition: fc.constantFrom(0, 0, 1, 2, 3),
          tag: fc.constantFrom('', '+a', '+b'),
        }),
        { minLength: 20, maxLength: 30, size: 'max' },
      );
      await fc.assert(
        fc.asyncProperty(asks, async (list) => {
          run += 1;
          const mails: { at: number; petition: number }[] = [];
          for (const { wait, petition, tag } of list) {
            clock.pass(wait);
            const times = mails.map(({ at }) => at);
            const fits =
              within(times, DAY) < 3 &&
              within(times, 7 * DAY) < 10 &&
              mails.filter((one) => one.petition === petition).length < 5;
            await sign(api, `p${petition}`, `run${run}${tag}@c.example`);
            const letters = await sent();
            t.same(letters, fits ? ['confirm_signature'] : []);
            if (fits) mails.push({ at: clock.now.getTime(), petition });
            else capped += 1;
          }
        }),
        { numRuns: 3, seed: 3 },
      );
      t.ok(capped > 10, `${capped}`);
    },
  );

  await t.test(
    'a link to one’s data: one in a quarter of an hour, three a day, whatever others sign',
    async (t) => {
      const email = 'owner@c.example';
      for (let i = 0; i < 4; i += 1) await sign(api, `p${i}`, email);
      t.equal((await sent()).length, 3);
      const waits = fc.array(fc.constantFrom(1, MINUTE, 15 * MINUTE - 1, 15 * MINUTE, 8 * HOUR, DAY), {
        minLength: 12,
        maxLength: 12,
      });
      const instants: number[] = [];
      await fc.assert(
        fc.asyncProperty(waits, async (list) => {
          for (const wait of list) {
            clock.pass(wait);
            const fits = within(instants, 15 * MINUTE) < 1 && within(instants, DAY) < 3;
            await requestManageLink(ctx, email);
            t.same(await sent(), fits ? ['manage'] : []);
            if (fits) instants.push(clock.now.getTime());
          }
        }),
        { numRuns: 3, seed: 5 },
      );
      await unsubscribeByAddress(ctx, email, {});
      t.equal(await fate(api), 'not_subscribed', 'it is another budget');
    },
  );

  await t.test('who asks once too often gets no mail, but the old link lives on', async (t) => {
    const email = 'again@c.example';
    await sign(api, 'p0', email);
    await sent();
    await requestManageLink(ctx, email);
    const link = tokenOf(await collectLetter(api, email));
    clock.pass(10 * MINUTE);
    await requestManageLink(ctx, email);
    t.same(await sent(), []);
    clock.pass(30 * MINUTE - 1);
    const { token } = await createSession(ctx, link);
    t.ok(await findSession(ctx, token));
    t.equal(await outcome(createSession(ctx, link)), 'link_not_found', 'once');
    await requestManageLink(ctx, email);
    const second = tokenOf(await collectLetter(api, email));
    clock.pass(10 * MINUTE);
    await requestManageLink(ctx, email);
    t.same(await sent(), []);
    clock.pass(30 * MINUTE);
    t.equal(await outcome(createSession(ctx, second)), 'link_not_found', 'half an hour, and no longer');
  });

  await t.test('a tag that somebody made up uses up nothing of the owner’s', async (t) => {
    for (const email of ['plain@c.example', 'plain+x@c.example']) {
      await sign(api, 'p1', email);
      await sent();
    }
    await requestManageLink(ctx, 'plain+x@c.example');
    t.same(await sent(), ['manage']);
    await requestManageLink(ctx, 'plain@c.example');
    t.same(await sent(), ['manage'], 'the plain spelling has its own');
    await sign(api, 'p2', 'plain+y@c.example');
    await sent();
    await requestManageLink(ctx, 'plain+y@c.example');
    t.same(await sent(), [], 'all that are made up share one');
  });

  await t.test('"you have signed already" comes once a week for a petition', async (t) => {
    const email = 'twice@c.example';
    const { slug } = await launch(api, lead, { slug: 'twice' });
    await sign(api, slug, email);
    await confirmRequest(ctx, { token: tokenOf(await collectLetter(api, email)) });
    await sign(api, slug, email);
    t.same(await sent(), ['already_signed']);
    clock.pass(7 * DAY - 1);
    await sign(api, slug, email);
    t.same(await sent(), []);
    clock.pass(1);
    await sign(api, slug, email);
    t.same(await sent(), ['already_signed']);
  });
});

onEveryEngine('reminders', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const clock = new Clock(api, NOON);
  const lead = await join(api, 'Meadow Friends');
  const { slug } = await launch(api, lead, { slug: 'meadows' });
  const reminded = async () => {
    const queued = await remindAll(ctx);
    const letters = await collectMail(api);
    t.ok(letters.every(({ values }) => values.reminder));
    return { queued, to: letters.map(({ to }) => to) };
  };
  const asked = async (email: string) => {
    await sign(api, slug, email);
    return collectLetter(api, email);
  };
  const nobody = { queued: 0, to: [] };

  await t.test('the time runs from the mail that has left, not from the signing', async (t) => {
    await sign(api, slug, 'a@r.example');
    clock.pass(DAY);
    await collectLetter(api, 'a@r.example');
    clock.pass(2 * DAY - 1);
    t.same(await reminded(), nobody);
    clock.pass(1);
    t.same(await reminded(), { queued: 1, to: ['a@r.example'] });
    clock.pass(2 * DAY);
    await reminded();
  });

  await t.test(
    'two days after the mail, and two days after the first reminder, and never again',
    async (t) => {
      await asked('b@r.example');
      clock.pass(2 * DAY - 1);
      t.same(await reminded(), nobody);
      clock.pass(1);
      t.same(await reminded(), { queued: 1, to: ['b@r.example'] });
      clock.pass(2 * DAY - 1);
      t.same(await reminded(), nobody);
      clock.pass(1);
      t.same(await reminded(), { queued: 1, to: ['b@r.example'] });
      clock.pass(30 * DAY);
      t.same(await reminded(), nobody);
    },
  );

  await t.test('nobody is reminded who has answered, either way', async (t) => {
    const [yes, no] = [await asked('yes@r.example'), await asked('no@r.example')];
    await confirmRequest(ctx, { token: tokenOf(yes) });
    await refuseRequest(ctx, tokenOf(no));
    clock.pass(2 * DAY);
    t.same(await reminded(), nobody);
  });

  await t.test('who was asked twice is reminded once, of the latest', async (t) => {
    await asked('twice@r.example');
    clock.pass(HOUR);
    await asked('twice@r.example');
    clock.pass(2 * DAY - HOUR);
    t.same(await reminded(), nobody);
    clock.pass(HOUR);
    t.same(await reminded(), { queued: 1, to: ['twice@r.example'] });
    clock.pass(2 * DAY);
    await reminded();
  });

  await t.test('a reminder that is no use when its turn comes is not sent', async (t) => {
    const letter = await asked('late@r.example');
    clock.pass(2 * DAY);
    t.equal(await remindAll(ctx), 1);
    await confirmRequest(ctx, { token: tokenOf(letter) });
    t.equal(await fate(api), 'confirmed', 'answered in between');
    await asked('over@r.example');
    await transitionPetition(ctx, lead.actor, slug, { to: 'closed' });
    clock.pass(2 * DAY);
    t.equal(await remindAll(ctx), 1);
    t.equal(await fate(api), 'petition_over');
  });

  await t.test('links that were cancelled are not in a reminder', async (t) => {
    const { slug: other } = await launch(api, lead, { slug: 'harbour' });
    await sign(api, other, 'cancel@r.example');
    const old = tokenOf(await collectLetter(api, 'cancel@r.example'));
    const { key: supporterKey } = (await findSupporterByIdentity(ctx.store.read, 'cancel@r.example'))!;
    await cancelLinks(ctx, { supporterKey });
    clock.pass(2 * DAY);
    await remindAll(ctx);
    const fresh = tokenOf(await collectLetter(api, 'cancel@r.example'));
    t.equal(await outcome(confirmRequest(ctx, { token: old })), 'link_not_found');
    t.equal(await outcome(confirmRequest(ctx, { token: fresh })), 'done');
  });

  await t.test('several servers remind of each once', async (t) => {
    const { slug: many } = await launch(api, lead, { slug: 'many' });
    for (let i = 0; i < 12; i += 1) await sign(api, many, `m${i}@r.example`);
    t.equal((await collectMail(api)).length, 12);
    clock.pass(2 * DAY);
    const queued = await Promise.all([remindAll(ctx), remindAll(ctx), remindAll(ctx)]);
    t.equal(
      queued.reduce((sum, one) => sum + one, 0),
      12,
    );
    const letters = await collectMail(api);
    t.equal(new Set(letters.map(({ to }) => to)).size, 12);
    t.equal(letters.length, 12);
  });
});
