import { eq } from 'drizzle-orm';
import { ANONYMOUS } from '../../../src/core/actor.js';
import { readConfirmationPreview } from '../../../src/core/confirmation/confirmation-previews.js';
import { confirmRequest } from '../../../src/core/confirmation/confirmations.js';
import { refuseRequest } from '../../../src/core/confirmation/refusing.js';
import { resendConfirmation } from '../../../src/core/confirmation/resending.js';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import { block } from '../../../src/core/mail/do-not-contact.js';
import { cancelLinks } from '../../../src/core/my-data/sessions.js';
import { transitionPetition } from '../../../src/core/petitions/petitions.js';
import type { SignInput } from '../../../src/core/signatures/sign-input.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import { createConsentText } from '../../../src/core/subscriptions/consent-texts.js';
import { findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { onEveryEngine, start } from '../../support/helper.js';
import { collectLetter, collectMail, tokenOf } from '../../support/mailbox.js';
import { Clock, DAY, HOUR, join, launch, outcome } from '../../support/verbs.js';

const NOON = new Date('2026-11-23T12:00:00Z');

onEveryEngine('what a mailbox says', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const on = ctx.store.read;
  const clock = new Clock(api, NOON);
  const lead = await join(api, 'Meadow Friends');
  const { slug, key: petitionKey, publicId } = await launch(api, lead, { slug: 'meadows' });
  const { text } = await createConsentText(ctx, lead.actor, { locale: 'en', text: 'Yes, mail me.' });
  const optIns = [{ consent_text_id: text.publicId, opt_in: true }];
  const sign = (email: string, more: Partial<SignInput> = {}) =>
    signPetition(ctx, ANONYMOUS, slug, { email, name: 'Ada', ...more });
  const asked = async (email: string, more: Partial<SignInput> = {}) => {
    await sign(email, more);
    return collectLetter(api, email);
  };
  const signatureOf = async (email: string) => {
    const { signatures, supporters } = api.store.tables;
    const [row] = await on.db
      .select({ status: signatures.status, name: signatures.name, comment: signatures.comment })
      .from(signatures)
      .innerJoin(supporters, eq(supporters.key, signatures.supporterKey))
      .where(eq(supporters.identity, email));
    return row;
  };
  const subscriptionOf = async (email: string) => {
    const { subscriptions: s, supporters } = api.store.tables;
    const [row] = await on.db
      .select({ status: s.status })
      .from(s)
      .innerJoin(supporters, eq(supporters.key, s.supporterKey))
      .where(eq(supporters.identity, email));
    return row?.status;
  };
  const confirm = (token: string) => outcome(confirmRequest(ctx, { token }));
  const refuse = (token: string) => outcome(refuseRequest(ctx, token));

  await t.test('a link works for seven days, and the same again for one more', async (t) => {
    const [first, second] = [tokenOf(await asked('a@example.org')), tokenOf(await asked('b@example.org'))];
    clock.pass(7 * DAY - 1);
    t.equal(await confirm(first), 'done');
    clock.pass(1);
    t.equal(await confirm(second), 'link_not_found');
    t.equal(await readConfirmationPreview(ctx, second), undefined);
    clock.pass(DAY - 1);
    t.equal(await confirm(first), 'done', 'mailboxes open links twice');
    t.match(await readConfirmationPreview(ctx, first), { state: 'confirmed' });
    clock.pass(1);
    t.equal(await confirm(first), 'link_not_found');
    t.match(await readConfirmationPreview(ctx, first), { state: 'confirmed' }, 'it still counts');
    t.match(await readCounts(on, petitionKey), { confirmed: 1, pending: 1 });
  });

  await t.test('each yes is to what its own mail asked, and takes its own words', async (t) => {
    const first = await asked('own@example.org', { name: 'First', comment: 'mine' });
    const second = await asked('own@example.org', { name: 'Second', optIns });
    t.equal(await confirm(tokenOf(first)), 'done');
    t.match(await signatureOf('own@example.org'), { status: 'confirmed', name: 'First', comment: 'mine' });
    t.equal(await subscriptionOf('own@example.org'), 'pending', 'that was asked by the other');
    t.equal(await confirm(tokenOf(second)), 'done');
    t.match(
      await signatureOf('own@example.org'),
      { status: 'confirmed', name: 'First' },
      'it counts already',
    );
    t.equal(await subscriptionOf('own@example.org'), 'active');
    t.match(await findSupporterByIdentity(on, 'own@example.org'), { name: 'Second', provenAt: clock.now });
  });

  await t.test('the later words are those of the signature where the later link comes first', async (t) => {
    await asked('late@example.org', { name: 'First' });
    const second = await asked('late@example.org', { name: 'Second' });
    await confirm(tokenOf(second));
    t.match(await signatureOf('late@example.org'), { status: 'confirmed', name: 'Second' });
  });

  await t.test('a code is that of the latest mail; five wrong ones make it void', async (t) => {
    const byCode = (code: string, email = 'code@example.org') =>
      outcome(confirmRequest(ctx, { email, code }));
    const first = await asked('code@example.org');
    clock.pass(HOUR);
    await resendConfirmation(ctx, 'Code@Example.org', { petitionId: publicId });
    const second = await collectLetter(api, 'code@example.org');
    const [old, code] = [first.values.code!, second.values.code!];
    const wrong = ['111111', '222222'].find((one) => one !== old && one !== code)!;
    if (old !== code) t.equal(await byCode(old), 'link_not_found');
    for (let i = 0; i < 3; i += 1) t.equal(await byCode(wrong), 'link_not_found');
    t.equal(await byCode(code, 'other@example.org'), 'link_not_found', 'of another address');
    t.equal(await byCode(code, 'no address'), 'link_not_found');
    t.equal(await byCode(code), 'done');
    t.equal(await byCode(code), 'link_not_found', 'once');
    const { values } = await asked('guessed@example.org');
    for (let i = 0; i < 5; i += 1) {
      await byCode(values.code === wrong ? '333333' : wrong, 'guessed@example.org');
    }
    t.equal(await byCode(values.code!, 'guessed@example.org'), 'link_not_found');
    t.equal((await signatureOf('guessed@example.org'))?.status, 'pending');
  });

  await t.test('"this wasn’t me" withdraws what never counted, and leaves what was confirmed', async (t) => {
    const no = tokenOf(await asked('no@example.org', { optIns }));
    t.equal(await refuse(no), 'done');
    t.equal((await signatureOf('no@example.org'))?.status, 'withdrawn');
    t.equal(await subscriptionOf('no@example.org'), 'unsubscribed');
    t.equal(await refuse(no), 'done', 'again');
    t.equal(await confirm(no), 'link_not_found', 'and that is that');
    const yes = await asked('yes@example.org');
    clock.pass(HOUR);
    await resendConfirmation(ctx, 'yes@example.org', { petitionId: publicId });
    const again = await collectLetter(api, 'yes@example.org');
    t.equal(await confirm(tokenOf(yes)), 'done');
    t.equal(await refuse(tokenOf(yes)), 'link_not_found');
    t.equal(await refuse(tokenOf(again)), 'link_not_found');
    t.equal((await signatureOf('yes@example.org'))?.status, 'confirmed');
  });

  await t.test(
    'a page asks for what its link does, and for nothing where the link does not work',
    async (t) => {
      const shown = {
        kind: 'signature',
        petitionId: publicId,
        petitionTitle: 'Keep the Old Mill Meadows a meadow',
        petitionUrl: 'http://undersigned.test/p/meadows',
        organizations: ['Meadow Friends'],
        receipt: /^rc_/,
        state: 'open',
      };
      const first = tokenOf(await asked('page@example.org', { optIns }));
      t.match(await readConfirmationPreview(ctx, first), shown);
      t.equal((await signatureOf('page@example.org'))?.status, 'pending', 'a look changes nothing');
      clock.pass(HOUR);
      await resendConfirmation(ctx, 'page@example.org', { petitionId: publicId });
      const second = tokenOf(await collectLetter(api, 'page@example.org'));
      t.equal(await refuse(first), 'done');
      t.match(await readConfirmationPreview(ctx, second), { state: 'refused' }, 'by another link');
      t.equal(await confirm(second), 'link_not_found');
      const cancelled = tokenOf(await asked('cancelled@example.org'));
      const { key } = (await findSupporterByIdentity(on, 'cancelled@example.org'))!;
      await cancelLinks(ctx, { supporterKey: key });
      t.equal(await readConfirmationPreview(ctx, cancelled), undefined, 'cancelled by its owner');
      t.equal(await confirm(cancelled), 'link_not_found');
      for (const junk of ['', 'pc_', `${second}A`, second.replace('pc_', 'pm_')]) {
        t.equal(await readConfirmationPreview(ctx, junk), undefined);
        t.equal(await confirm(junk), 'link_not_found');
      }
    },
  );

  await t.test('a yes takes no mail to somebody who must not be mailed', async (t) => {
    const token = tokenOf(await asked('blocked@example.org', { optIns }));
    await ctx.store.transact((tx) => block(tx, ctx.secrets.subject('blocked@example.org'), 'complaint'));
    t.equal(await confirm(token), 'done');
    t.equal((await signatureOf('blocked@example.org'))?.status, 'confirmed', 'but it counts');
    t.equal(await subscriptionOf('blocked@example.org'), 'pending');
  });

  await t.test('another mail is of the latest request of thirty days, of that petition alone', async (t) => {
    const { publicId: other } = await launch(api, lead, { slug: 'harbour' });
    const again = async (email: string, petitionId = publicId) => {
      clock.pass(DAY);
      await resendConfirmation(ctx, email, { petitionId });
      return (await collectMail(api)).map(({ to }) => to);
    };
    await asked('resend@example.org');
    t.same(await again('RESEND@example.org'), ['RESEND@example.org'.toLowerCase()]);
    t.same(await again('resend@example.org', other), []);
    t.same(await again('resend@example.org', 'pet_unknown'), []);
    t.same(await again('nobody@example.org'), []);
    t.same(await again('no address'), []);
    clock.pass(26 * DAY);
    t.same(await again('resend@example.org'), [], 'asked longer ago');
  });

  await t.test(
    'what was signed in time is confirmed until a day after the end, and uses its link up then',
    async (t) => {
      const [first, second] = [tokenOf(await asked('x@example.org')), tokenOf(await asked('y@example.org'))];
      await transitionPetition(ctx, lead.actor, slug, { to: 'closed' });
      clock.pass(DAY);
      t.equal(await confirm(first), 'done');
      clock.pass(1);
      t.equal(await confirm(second), 'link_not_found');
      t.equal((await signatureOf('y@example.org'))?.status, 'pending');
      t.equal(await confirm(first), 'done', 'what counted is told again');
    },
  );

  t.same(await recount(on), []);
});
