import { and, eq, inArray } from 'drizzle-orm';
import fc from 'fast-check';
import t from 'tap';
import type { Signal } from '../../../schema/db/tables/brakes.js';
import { ANONYMOUS, UNKNOWN_CALLER, type Actor, type Caller } from '../../../src/core/actor.js';
import { createBrakes } from '../../../src/core/brakes/brakes.js';
import { checkSolution, createChallenge, sweepChallenges } from '../../../src/core/brakes/challenges.js';
import { isDisposable } from '../../../src/core/brakes/disposable-domains.js';
import type { FirstLook } from '../../../src/core/brakes/first-look.js';
import { BREAKER, collapsed, judgeKeys, judgeNetworks } from '../../../src/core/brakes/key-breaker.js';
import {
  countIsolated,
  listIsolations,
  releaseKey,
  standingOf,
} from '../../../src/core/brakes/key-isolations.js';
import {
  isolateNetworks,
  networkOfSigner,
  readAsks,
  sweepNetworks,
} from '../../../src/core/brakes/key-networks.js';
import { hasLink } from '../../../src/core/brakes/links-in-names.js';
import { POINTS, suspect } from '../../../src/core/brakes/suspicion.js';
import { Tallies } from '../../../src/core/brakes/tallies.js';
import { confirmRequest } from '../../../src/core/confirmation/confirmations.js';
import { SLOT_MS, slotOf } from '../../../src/core/counts/key-figures.js';
import { readCounts } from '../../../src/core/counts/counts.js';
import { recount } from '../../../src/core/counts/recount.js';
import { clusterOf, parseEmail } from '../../../src/core/email.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { findHead } from '../../../src/core/petitions/petition-lookup.js';
import { patchPetition } from '../../../src/core/petitions/petitions.js';
import { moderateSignature } from '../../../src/core/signatures/moderations.js';
import type { SignInput } from '../../../src/core/signatures/sign-input.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import { findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { onEveryEngine, ROOT_KEY, start, type TestApp } from '../../support/helper.js';
import { collectMail, tokenOf } from '../../support/mailbox.js';
import { solve } from '../../support/proof-of-work.js';
import { ally, Clock, DAY, HOUR, join, launch, MINUTE, outcome, SECOND } from '../../support/verbs.js';

/** A slot of the breaker begins with it. */
const EVENING = new Date('2026-11-23T19:30:00Z');

// ---------------------------------------------------------------- what a signing says

t.test('a disposable domain is one with everything below it, and nothing beside it', async (t) => {
  for (const domain of ['mailinator.com', 'guerrillamail.com', '10minutemail.com', 'yopmail.com']) {
    t.ok(isDisposable(`a@${domain}`), domain);
    t.ok(isDisposable(`a@b.c.${domain}`));
    t.notOk(isDisposable(`a@not-${domain}`), 'a label that ends alike');
    t.notOk(isDisposable(`a@${domain}.example.org`), 'a label that begins alike');
    t.notOk(isDisposable(`${domain}@example.org`), 'a name');
  }
  for (const domain of ['gmail.com', 'web.de', 'proton.me', 'example.org', 'com', 'co.uk']) {
    t.notOk(isDisposable(`a@${domain}`), domain);
  }
});

const word = fc.string({ unit: fc.constantFrom(...'abcdefgéüøñčИванאב李明'), minLength: 3, maxLength: 10 });
const name = fc
  .array(word, { minLength: 1, maxLength: 4 })
  .chain((words) =>
    fc.constantFrom(' ', '-', ' de ', ', ', ' & ', '’').map((between) => words.join(between)),
  );

t.test('a name of words is none of an advertisement; with an address anywhere in it, it is', async (t) => {
  const dot = fc.constantFrom('.', '。', '．', '｡', '․', '·', '•', '[.]', '(dot)', ' [dot] ', '.\u200b');
  const host = fc.tuple(
    fc.string({ unit: fc.constantFrom(...'abcdefxyz123-'), minLength: 3, maxLength: 12 }),
    dot,
    fc.constantFrom('com', 'net', 'info', 'xyz', 'ru', 'co.uk', 'com.au', 'онлайн', '中国'),
  );
  fc.assert(
    fc.property(name, name, (a, b) => !hasLink(a) && !hasLink(`${a} ${b}`) && !hasLink(`${a}. ${b}.`)),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(name, host, name, (a, [label, dot, ending], b) => {
      const address = `x${label}${dot}${ending}`;
      return [address, `${a} ${address}`, `${address} ${b}`, `${a} ${address}, ${b}`].every(hasLink);
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      name,
      fc.constantFrom('http://', 'https://', 'hxxp://', 'mailto:', 'www.', 'ftp://', 'javascript:'),
      word,
      (a, scheme, b) => hasLink(`${a} ${scheme}${b}`) && hasLink(`${a} ${scheme.toUpperCase()}${b}`),
    ),
  );
  t.notOk(hasLink('com net org'));
});

t.test('more yes never condemns a key, and what condemns one meets the threshold', async (t) => {
  const now = EVENING;
  const current = slotOf(now);
  const slots = fc
    .uniqueArray(
      fc.record({
        back: fc.nat(12),
        asked: fc.nat(600),
        confirmed: fc.nat(30),
      }),
      { selector: ({ back }) => back, minLength: 1, maxLength: 8 },
    )
    .map((all) =>
      all
        .map(({ back, ...figures }) => ({ slot: current - back, ...figures }))
        .sort((a, b) => b.slot - a.slot),
    );
  let condemned = 0;
  fc.assert(
    fc.property(slots, fc.nat(7), fc.integer({ min: 1, max: 500 }), (slots, i, yes) => {
      const figures = collapsed(slots, now);
      const later = new Date(now.getTime() + 3 * SLOT_MS);
      const moved = slots.map((slot) => ({ ...slot, slot: slot.slot + 3 }));
      t.same(collapsed(moved, later), figures, 'only how long ago it was matters');
      if (!figures) {
        const better = slots.map((slot, n) =>
          n === i ? { ...slot, confirmed: slot.confirmed + yes } : slot,
        );
        return collapsed(better, now) === undefined;
      }
      condemned += 1;
      const { asked, confirmed } = figures;
      const { flood } = BREAKER;
      return (
        (asked >= BREAKER.asked && confirmed < asked * BREAKER.rate) ||
        (asked >= flood.asked && confirmed < asked * flood.rate)
      );
    }),
    { numRuns: 400, seed: 20261123 },
  );
  t.ok(condemned > 40 && condemned < 360, `${condemned} of 400`);
});

t.test('an answer keeps a network in, a twentieth network takes the key out', async (t) => {
  const asks = (network: string, asked: number, confirmed: number, minutes = 30) =>
    Array.from({ length: asked }, (_, i) => {
      const askedAt = new Date(EVENING.getTime() - minutes * MINUTE);
      return { network, askedAt, confirmedAt: i < confirmed ? askedAt : null };
    });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(60), (asked, yes) => {
      const confirmed = Math.min(asked, yes);
      const { networks } = judgeNetworks(asks('n', asked, confirmed), EVENING);
      return networks.length === Number(asked >= 10 && confirmed < asked / 10);
    }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 15, max: 25 }), (bad) => {
      const all = Array.from({ length: bad }, (_, i) => asks(`bad${i}`, 12, 0)).flat();
      const verdict = judgeNetworks([...all, ...asks('school', 40, 20)], EVENING);
      return verdict.networks.length === bad && verdict.key === bad >= 20;
    }),
  );
  const young = judgeNetworks(asks('n', 40, 0, 19), EVENING);
  t.same(young, { networks: [], key: false }, 'people get twenty minutes');
});

// ---------------------------------------------------------------- with a store

const sign = (
  api: TestApp,
  petition: string,
  input: Partial<SignInput> & { email: string },
  actor: Actor = ANONYMOUS,
  caller: Partial<Caller> = {},
) =>
  signPetition(api.app.ctx, actor, petition, { name: 'Ada Lovelace', ...input }, undefined, {
    ...UNKNOWN_CALLER,
    ...caller,
  });

onEveryEngine('suspicion', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const clock = new Clock(api, EVENING);
  const lead = await join(api, 'Meadow Friends');
  const { slug } = await launch(api, lead, { slug: 'meadows' });
  const { slug: otherSlug } = await launch(api, lead, { slug: 'harbour' });
  const petition = await findHead(ctx.store.read, ANONYMOUS, slug);
  const other = await findHead(ctx.store.read, ANONYMOUS, otherSlug);
  const brakes = createBrakes(ROOT_KEY, { requests: 1000, seconds: 60 });

  /** A look at a signing in which nothing is odd, but for what is said. */
  const look = (changes: Partial<FirstLook> = {}): FirstLook => {
    const email = changes.email ?? parseEmail('ada@example.org')!;
    return {
      actor: ANONYMOUS,
      caller: UNKNOWN_CALLER,
      network: null,
      email,
      input: { name: 'Ada Lovelace' },
      proof: null,
      form: null,
      tallies: new Tallies(brakes, email.identity),
      ...changes,
    };
  };
  const judge = (one: FirstLook, proven = false) =>
    ctx.store.transact((tx) => suspect(ctx, tx, petition, one, proven));
  const opened = (ms: number, petitionKey = petition.key) => ({ petitionKey, at: clock.now.getTime() - ms });

  await t.test('nothing alone that may be innocent is enough', async (t) => {
    const innocent: [string, FirstLook][] = [
      ['an API call without a form', look()],
      ['a browser without a form', look({ caller: { ...UNKNOWN_CALLER, origin: 'https://a.example' } })],
      ['a throw-away mailbox', look({ email: parseEmail('a@mailinator.com')! })],
      ['a form of another petition', look({ form: opened(MINUTE, other.key) })],
      ['a token that is none of ours', look({ form: undefined })],
    ];
    for (const [what, one] of innocent) t.equal(await judge(one), null, what);
  });

  await t.test('a form is filled in for two seconds at least, and for two days at most', async (t) => {
    const trap = { email: parseEmail('a@mailinator.com')! };
    const signals = async (ms: number) => (await judge(look({ ...trap, form: opened(ms) })))?.signals;
    t.same(await signals(1999), ['too_fast', 'disposable_domain']);
    t.equal(await signals(2000), undefined);
    t.equal(await signals(2 * DAY), undefined);
    t.same(await signals(2 * DAY + 1), ['no_form', 'disposable_domain']);
    const alone = await judge(look({ form: opened(1999) }));
    t.same(alone, { score: 60, signals: ['too_fast'] }, 'which is enough by itself');
  });

  await t.test('points add up, and sixty of them are enough', async (t) => {
    let n = 0;
    let caught = 0;
    const flags = fc.record({
      honeypot: fc.boolean(),
      form: fc.constantFrom('good', 'none', 'none in a browser', 'foreign', 'fast'),
      disposable: fc.boolean(),
      alias: fc.boolean(),
      crowded: fc.boolean(),
      link: fc.boolean(),
      proven: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(flags, async (odd) => {
        n += 1;
        const email = parseEmail(`p${n}@${odd.disposable ? 'mailinator.com' : 'example.org'}`)!;
        const client = `192.0.2.${n}`;
        if (odd.alias) new Tallies(brakes, email.identity.replace('@', '+tag@')).isAlias(petition.key);
        const neighbours = Array.from({ length: odd.crowded ? 21 : 0 }, (_, i) => `n${n}-${i}@example.org`);
        for (const one of neighbours) {
          new Tallies(brakes, one).isCrowded(petition.key, client, Number(clock.now));
        }
        const one = look({
          email,
          caller: {
            ...UNKNOWN_CALLER,
            client,
            origin: odd.form === 'none in a browser' ? 'https://a.example' : null,
          },
          input: { name: odd.link ? 'buy at spam.com' : 'Ada', website: odd.honeypot ? 'x' : null },
          form:
            odd.form === 'foreign'
              ? undefined
              : odd.form.startsWith('none')
                ? null
                : opened(odd.form === 'fast' ? 1 : MINUTE),
        });
        const expected: [Signal, number][] = [];
        if (odd.honeypot) expected.push(['honeypot', POINTS.honeypot]);
        if (odd.form === 'none in a browser') expected.push(['no_form', 10]);
        if (odd.form === 'foreign') expected.push(['no_form', 40]);
        if (odd.form === 'fast') expected.push(['too_fast', 60]);
        if (odd.disposable) expected.push(['disposable_domain', 30]);
        if (odd.link) expected.push(['link_in_name', 60]);
        if (odd.alias) expected.push(['alias_of_signer', 40]);
        if (odd.crowded && !odd.proven) expected.push(['many_from_one_network', 40]);
        const score = expected.reduce((sum, [, points]) => sum + points, 0);
        const found = await judge(one, odd.proven);
        caught += Number(found !== null);
        t.same(found, score >= 60 ? { score, signals: expected.map(([signal]) => signal) } : null);
      }),
      { numRuns: 60, seed: 7 },
    );
    t.ok(caught > 10 && caught < 55, `${caught} of 60`);
  });

  await t.test(
    'what an organization sends with a secret key, or vouches for, is its own affair',
    async (t) => {
      const odd = { input: { name: 'spam.com', website: 'x' }, form: opened(1) };
      t.ok(await judge(look(odd)));
      t.ok(await judge(look({ ...odd, actor: lead.publishable })));
      t.equal(await judge(look({ ...odd, actor: lead.actor })), null);
      t.equal(await judge(look({ ...odd, input: { ...odd.input, vouched: true } })), null);
    },
  );

  await t.test('a transaction that runs again counts its request once', async (t) => {
    const pressed = createBrakes(ROOT_KEY, { requests: 2, seconds: 60 });
    const one = new Tallies(pressed, 'once@example.org');
    for (let i = 0; i < 10; i += 1) t.equal(one.isPressed(petition.key, 0), false);
    t.equal(one.isAlias(petition.key), false);
    t.equal(one.isAlias(petition.key), false);
    t.equal(new Tallies(pressed, 'o+x@example.org').isPressed(petition.key, 0), false);
    t.equal(new Tallies(pressed, 'once+x@example.org').isAlias(petition.key), true);
    t.equal(new Tallies(pressed, 'once+x@example.org').isAlias(other.key), false, 'there it is the first');
    t.equal(new Tallies(pressed, 'p@example.org').isPressed(petition.key, 0), true);
    t.equal(new Tallies(pressed, 'p@example.org').isPressed(other.key, 0), false);
  });

  await t.test('what is odd is quarantined, is told its reasons, and answers as any other', async (t) => {
    const odd = await sign(api, slug, { email: 'odd@example.org', website: 'https://x.example' });
    const even = await sign(api, slug, { email: 'even@example.org' });
    t.equal(odd.signature.status, 'quarantined');
    t.equal(even.signature.status, 'pending');
    t.equal(odd.mails, even.mails);
    t.equal(odd.mayLearnOutcome, even.mayLearnOutcome);
    const { suspicions } = api.store.tables;
    const [why] = await ctx.store.read.db
      .select()
      .from(suspicions)
      .where(eq(suspicions.signatureKey, odd.signature.key));
    t.match(why, { score: 100, signals: ['honeypot'] });
    const letters = await collectMail(api);
    t.same(
      letters.map(({ to }) => to),
      ['even@example.org'],
      'nothing is mailed to whom it names',
    );
    const again = await sign(api, slug, { email: 'odd@example.org' });
    t.equal(again.signature.status, 'quarantined', 'a repeat without oddities changes nothing');
  });
});

onEveryEngine('proofs of work', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const clock = new Clock(api, EVENING);
  const lead = await join(api, 'Meadow Friends');
  const always = await launch(api, lead, { slug: 'always', challenge: 'always' });
  const auto = await launch(api, lead, { slug: 'auto' });
  const off = await launch(api, lead, { slug: 'off', challenge: 'off' });
  const ask = (slug: string, actor: Actor = ANONYMOUS, waits = 0) =>
    createChallenge(ctx, actor, slug, { waits });
  const solved = async (slug = 'always', changes = {}) => solve((await ask(slug)).altcha!, changes);
  const attempt = (email: string, altcha: string | null, slug = 'always', caller = {}) =>
    outcome(sign(api, slug, { email, altcha }, ANONYMOUS, caller));

  await t.test('who is asked for one', async (t) => {
    t.ok((await ask('always')).altcha);
    t.ok((await ask('always', lead.publishable)).altcha);
    t.equal((await ask('always', lead.actor)).altcha, null, 'organizations answer for what they send');
    t.equal((await ask('auto')).altcha, null);
    t.ok((await ask('auto', ANONYMOUS, 1)).altcha, 'a network that has to wait');
    t.equal((await ask('off', ANONYMOUS, 1)).altcha, null);
    t.equal(await attempt('a@example.org', null), 'challenge_required');
    t.equal(await attempt('a@example.org', null, 'auto'), 'done');
    t.equal(await attempt('b@example.org', null, 'auto', { waits: 1 }), 'challenge_required');
    t.equal(
      await attempt('c@example.org', null, 'off', { waits: 1 }),
      'rate_limited',
      'nothing else to offer',
    );
    t.equal(await outcome(sign(api, 'always', { email: 'd@example.org' }, lead.actor)), 'done');
    t.equal(await attempt('e@example.org', 'junk', 'auto'), 'done', 'what nobody asked for is not looked at');
  });

  await t.test('it works once, whoever signs with it', async (t) => {
    const proof = await solved();
    t.equal(await attempt('once@example.org', proof), 'done');
    t.equal(await attempt('once@example.org', proof), 'challenge_invalid');
    t.equal(await attempt('twice@example.org', proof), 'challenge_invalid');
    const shared = await solved();
    const both = await Promise.all([attempt('f@example.org', shared), attempt('g@example.org', shared)]);
    t.same(both.sort(), ['challenge_invalid', 'done'], 'also at the same time');
  });

  await t.test('a signing that fails uses nothing up', async (t) => {
    const proof = await solved();
    await patchPetition(ctx, lead.actor, 'always', null, { form: { comment: 'required' } });
    t.equal(await attempt('h@example.org', proof), 'invalid_body');
    await patchPetition(ctx, lead.actor, 'always', null, { form: null });
    t.equal(await attempt('h@example.org', proof), 'done');
  });

  await t.test('it is for one petition', async (t) => {
    const proof = await solved('always');
    t.equal((await checkSolution(ctx, proof))?.petitionId, always.publicId);
    await patchPetition(ctx, lead.actor, 'auto', null, { challenge: 'always' });
    t.equal(await attempt('i@example.org', proof, 'auto'), 'challenge_invalid');
    t.equal(await attempt('i@example.org', proof), 'done');
    t.equal(await attempt('i@example.org', await solved('auto'), 'auto'), 'done');
    t.not(auto.key, off.key);
  });

  await t.test('it is over after twenty minutes', async (t) => {
    const [first, second] = [await solved(), await solved()];
    clock.pass(20 * MINUTE - 1);
    t.equal(await attempt('j@example.org', first), 'done');
    clock.pass(1);
    t.equal(await checkSolution(ctx, second), undefined);
    t.equal(await attempt('k@example.org', second), 'challenge_invalid');
  });

  await t.test('nothing of it may be changed', async (t) => {
    const { altcha } = await ask('always');
    const good = solve(altcha!);
    const payload = JSON.parse(Buffer.from(good, 'base64').toString()) as Record<string, unknown>;
    const later = altcha!.salt.replace(/expires=(\d+)/, (_, at) => `expires=${Number(at) + 3600}`);
    t.not(later, altcha!.salt);
    for (const [what, changes] of [
      ['another number', { number: Number(payload['number']) + 1 }],
      ['a number that is none', { number: 1.5 }],
      ['a text for a number', { number: String(payload['number']) }],
      ['more time', { salt: later }],
      ['another petition', { salt: altcha!.salt.replace(always.publicId, off.publicId) }],
      ['a weaker hash', { algorithm: 'SHA-1' }],
      ['another signature', { signature: '0'.repeat(64) }],
      ['no signature', { signature: undefined }],
      ['a very long salt', { salt: 'x'.repeat(301) }],
    ] as const) {
      const spoiled = Buffer.from(JSON.stringify({ ...payload, ...changes })).toString('base64');
      t.equal(await checkSolution(ctx, spoiled), undefined, what);
    }
    for (const junk of ['', '{', 'null', '[]', '7', '"x"', '{"algorithm":"SHA-256"}']) {
      t.equal(await checkSolution(ctx, Buffer.from(junk).toString('base64')), undefined, junk);
    }
    t.ok(await checkSolution(ctx, good), 'as it was, it holds');
  });

  await t.test('what was used is known until nobody could use it again', async (t) => {
    const { usedChallenges } = api.store.tables;
    const known = async () => (await ctx.store.read.db.select().from(usedChallenges)).length;
    clock.pass(DAY);
    await sweepChallenges(api.store, clock.now);
    t.equal(await known(), 0);
    await attempt('l@example.org', await solved());
    clock.pass(40 * MINUTE);
    await sweepChallenges(api.store, clock.now);
    t.equal(await known(), 1);
    clock.pass(SECOND);
    await sweepChallenges(api.store, clock.now);
    t.equal(await known(), 0);
  });
});

onEveryEngine('spellings of one mailbox', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  new Clock(api, EVENING);
  const lead = await join(api, 'Meadow Friends');
  const statusOf = async (petitionKey: number, email: string) => {
    const { signatures: s, supporters } = api.store.tables;
    const [row] = await ctx.store.read.db
      .select({ status: s.status, key: s.key, id: s.publicId })
      .from(s)
      .innerJoin(supporters, eq(supporters.key, s.supporterKey))
      .where(and(eq(s.petitionKey, petitionKey), eq(supporters.identity, email)));
    return row;
  };

  await t.test('three count by themselves, and the fourth waits, in whatever order they come', async (t) => {
    const spellings = [
      'jane@gmail.com',
      'j.ane@gmail.com',
      'jane+a@googlemail.com',
      'JANE+b@gmail.com',
      'ja.ne+c@gmail.com',
    ];
    t.equal(new Set(spellings.map((one) => clusterOf(one.toLowerCase()))).size, 1);
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(spellings, { minLength: 4 }), async (order) => {
        run += 1;
        const { slug, key } = await launch(api, lead, { slug: `order-${run}`, confirmation: 'none' });
        const statuses = [];
        for (const email of order) statuses.push((await sign(api, slug, { email })).signature.status);
        t.same(statuses.slice(0, 3), ['confirmed', 'confirmed', 'confirmed']);
        t.ok(
          statuses.slice(3).every((status) => status === 'quarantined'),
          order.join(),
        );
        t.equal((await sign(api, slug, { email: 'other@gmail.com' })).signature.status, 'confirmed');
        t.match(await readCounts(ctx.store.read, key), { confirmed: 4, quarantined: order.length - 3 });
      }),
      { numRuns: 8 },
    );
  });

  await t.test(
    'each petition has its own three, and an organization’s word makes them no more',
    async (t) => {
      const email = (i: number) => `crowd+${i}@example.org`;
      for (const slug of ['here', 'there']) {
        await launch(api, lead, { slug, confirmation: 'none' });
        for (let i = 0; i < 3; i += 1) await sign(api, slug, { email: email(i) });
        const vouched = await sign(api, slug, { email: email(3), vouched: true }, lead.actor);
        t.equal(vouched.signature.status, 'quarantined');
      }
    },
  );

  await t.test('whoever waits for a mailbox keeps nobody from counting whose mailbox says yes', async (t) => {
    const { slug, key } = await launch(api, lead, { slug: 'waiting' });
    const email = (i: number) => `wait+${i}@example.org`;
    for (let i = 0; i < 5; i += 1) await sign(api, slug, { email: email(i) });
    const statuses = async () =>
      Promise.all([0, 1, 2, 3, 4].map(async (i) => (await statusOf(key, email(i)))?.status));
    t.same(await statuses(), ['pending', 'pending', 'pending', 'quarantined', 'quarantined']);
    const letters = await collectMail(api);
    const tokens = new Map(letters.map((letter) => [letter.to, tokenOf(letter)]));
    t.equal(letters.length, 3, 'caps are of the mailbox');
    // Two of those who were asked say yes, and one who was not does so by a vouched repeat.
    for (const i of [2, 0]) await confirmRequest(ctx, { token: tokens.get(email(i))! });
    t.same(await statuses(), ['confirmed', 'pending', 'confirmed', 'quarantined', 'quarantined']);
    await sign(api, slug, { email: email(4), vouched: true }, lead.actor);
    t.equal((await statusOf(key, email(4)))?.status, 'confirmed', 'fewer than three counted');
    await confirmRequest(ctx, { token: tokens.get(email(1))! });
    t.equal((await statusOf(key, email(1)))?.status, 'quarantined', 'now three do');
    await sign(api, slug, { email: email(3), vouched: true }, lead.actor);
    t.equal((await statusOf(key, email(3)))?.status, 'quarantined');
    const { id } = (await statusOf(key, email(1)))!;
    await moderateSignature(ctx, lead.actor, id, { action: 'release', reason: 'a family' });
    t.equal((await statusOf(key, email(1)))?.status, 'confirmed', 'an organiser may know better');
    t.match(await readCounts(ctx.store.read, key), { confirmed: 4, pending: 0, quarantined: 1 });
  });

  await t.test('who was erased goes on counting, and so goes on taking room', async (t) => {
    const { slug, key } = await launch(api, lead, { slug: 'erased', confirmation: 'none' });
    for (const email of ['gone@example.org', 'gone+a@example.org', 'gone+b@example.org']) {
      await sign(api, slug, { email });
    }
    for (const email of ['gone@example.org', 'gone+a@example.org']) {
      const { key: supporterKey } = (await findSupporterByIdentity(ctx.store.read, email))!;
      await eraseSupporter(ctx, supporterKey);
    }
    t.equal((await sign(api, slug, { email: 'gone+c@example.org' })).signature.status, 'quarantined');
    const back = await sign(api, slug, { email: 'gone@example.org' });
    t.match(await readCounts(ctx.store.read, key), { confirmed: 3 }, `it is ${back.signature.status}`);
  });

  t.same(await recount(ctx.store.read), []);
});

onEveryEngine('keys that go bad', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const clock = new Clock(api, EVENING);
  const [lead, anglers] = [await join(api, 'Meadow Friends'), await join(api, 'Anglers')];
  const { slug, key: petitionKey, publicId } = await launch(api, lead, { slug: 'meadows' });
  await launch(api, lead, { slug: 'harbour' });
  for (const ref of [slug, 'harbour']) await ally(api, lead, anglers, ref, { mayVouch: true });
  const on = ctx.store.read;
  const { keyFigures, signatureNetworks, isolatedNetworks, signatures } = api.store.tables;
  const secret = anglers.actor.keyKey;

  /** What a key brought in the slot that began so long ago. */
  const figures = (apiKeyKey: number, ago: number, asked: number, confirmed: number) =>
    ctx.store.transact((tx) =>
      tx.db.insert(keyFigures).values({
        apiKeyKey,
        petitionKey,
        slot: slotOf(Number(clock.now) - ago),
        shard: 0,
        asked,
        confirmed,
      }),
    );
  const forget = () => ctx.store.transact((tx) => tx.db.delete(keyFigures));
  const judge = async () => {
    const told: string[] = [];
    await judgeKeys(ctx, ({ keyId, petitionId }) => told.push(`${keyId} ${petitionId}`));
    return told;
  };
  const isolations = async () => (await listIsolations(on, lead.actor, slug, { limit: 10 })).items;

  await t.test('from two hundred asked of whom less than a tenth said yes', async (t) => {
    for (const [asked, confirmed] of [
      [199, 0],
      [200, 20],
      [5000, 500],
    ] as const) {
      await figures(secret, HOUR, asked, confirmed);
      t.same(await judge(), [], `${asked} ${confirmed}`);
      await forget();
    }
    await figures(secret, HOUR, 200, 19);
    t.same(await judge(), [`${anglers.actor.keyId} ${publicId}`]);
    t.same(await judge(), [], 'it is told once');
    t.match(await isolations(), [
      {
        keyId: anglers.actor.keyId,
        organizationName: 'Anglers',
        asked: 200,
        confirmed: 19,
        releasedAt: null,
      },
    ]);
    t.equal(await countIsolated(on), 1);
  });

  await t.test('it is set apart for that petition, and what it brings waits', async (t) => {
    const here = await sign(api, slug, { email: 'a@example.org' }, anglers.actor);
    t.equal(here.signature.status, 'quarantined');
    const vouched = await sign(api, slug, { email: 'b@example.org', vouched: true }, anglers.actor);
    t.equal(vouched.signature.status, 'quarantined', 'its word, too');
    const there = await sign(api, 'harbour', { email: 'a@example.org' }, anglers.actor);
    t.equal(there.signature.status, 'pending');
    const through = await sign(api, slug, { email: 'c@example.org' }, anglers.publishable);
    t.equal(through.signature.status, 'pending', 'its other keys are good');
  });

  await t.test('the lead lets it go, and nobody else; judged is what comes after', async (t) => {
    const release = (who = lead) => outcome(releaseKey(ctx, who.actor, slug, anglers.actor.keyId));
    t.equal(await release(anglers), 'petition_not_found');
    t.equal(
      await outcome(releaseKey(ctx, lead.actor, 'harbour', anglers.actor.keyId)),
      'isolation_not_found',
    );
    const bad = { network: 'abcd', asked: 10, confirmed: 0 };
    const pair = { apiKeyKey: secret, petitionKey };
    await ctx.store.transact((tx) => isolateNetworks(tx, pair, [bad]));
    const standing = async () => {
      const { isolated, networks } = await standingOf(on, petitionKey, secret, clock.now);
      return [isolated, ...networks];
    };
    t.same(await standing(), [true, 'abcd']);
    t.equal(await release(), 'done');
    t.same(await standing(), [false], 'with the networks that it was used from');
    t.equal(await release(), 'isolation_not_found');
    t.equal(await countIsolated(on), 0);
    t.equal((await sign(api, slug, { email: 'd@example.org' }, anglers.actor)).signature.status, 'pending');
    t.same(await judge(), [], 'the old figures are pardoned');
    clock.pass(HOUR);
    await figures(secret, 50 * MINUTE, 199, 0);
    t.same(await judge(), [], 'with those of before it would be enough');
    await figures(secret, 40 * MINUTE, 1, 0);
    t.equal((await judge()).length, 1);
    t.equal((await isolations()).length, 2);
    await release();
    await forget();
  });

  await t.test('what is a day old says nothing any more', async (t) => {
    clock.pass(2 * DAY);
    await figures(secret, DAY + SLOT_MS, 1000, 0);
    t.same(await judge(), []);
    await figures(secret, DAY, 200, 0);
    t.equal((await judge()).length, 1);
    await releaseKey(ctx, lead.actor, slug, anglers.actor.keyId);
    await forget();
  });

  await t.test('a network has another name for each key, and none for a secret one', async (t) => {
    const caller = { ...UNKNOWN_CALLER, network: '192.0.2.0/24' };
    const [a, b] = [anglers, lead].map(({ publishable }) => networkOfSigner(ctx, publishable, caller));
    t.equal(a?.length, 12);
    t.notSame(a, b);
    t.same(networkOfSigner(ctx, anglers.publishable, caller), a);
    t.equal(networkOfSigner(ctx, anglers.actor, caller), null);
    t.equal(networkOfSigner(ctx, ANONYMOUS, caller), null);
    t.equal(networkOfSigner(ctx, anglers.publishable, UNKNOWN_CALLER), null);
  });

  await t.test('of a key on every page the bad network is set apart, for a day', async (t) => {
    clock.pass(2 * DAY);
    const { keyKey } = anglers.publishable;
    const from = (i: number) => ({ network: i < 190 ? 'bad' : `home${i}` });
    const signed = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        sign(api, slug, { email: `n${i}@example.org` }, anglers.publishable, from(i)),
      ),
    );
    const answered = signed.slice(190).map(({ signature }) => signature.key);
    await ctx.store.transact(async (tx) => {
      await tx.db.update(signatureNetworks).set({ askedAt: tx.now });
      await tx.db.update(signatures).set({ confirmedAt: tx.now }).where(inArray(signatures.key, answered));
    });
    await figures(keyKey, 0, 200, 10);
    clock.pass(HOUR);
    const asks = await readAsks(on, { apiKeyKey: keyKey, petitionKey }, new Date(0));
    t.equal(asks.filter(({ confirmedAt }) => confirmedAt === null).length, asks.length - 10);
    t.same(await judge(), [], 'the key is not to blame');
    const standing = await standingOf(on, petitionKey, keyKey, clock.now);
    t.match([standing.isolated, standing.networks.size], [false, 1]);
    const via = async (email: string, caller: Partial<Caller>, actor: Actor = anglers.publishable) =>
      (await sign(api, slug, { email }, actor, caller)).signature.status;
    t.equal(await outcome(via('f@example.org', {})), 'challenge_required', 'all who use the key work for it');
    t.ok((await createChallenge(ctx, anglers.publishable, slug, { waits: 0 })).altcha);
    t.equal((await createChallenge(ctx, ANONYMOUS, slug, { waits: 0 })).altcha, null);
    await patchPetition(ctx, lead.actor, slug, null, { challenge: 'off' });
    t.equal(await via('e@example.org', { network: 'bad' }), 'quarantined');
    t.equal(await via('f@example.org', { network: 'home1' }), 'pending');
    t.equal(await via('g@example.org', {}), 'pending');
    t.equal(
      await via('h@example.org', { network: 'bad' }, lead.publishable),
      'pending',
      'through another key',
    );
    clock.pass(DAY - 1);
    t.equal(await via('i@example.org', { network: 'bad' }), 'quarantined');
    clock.pass(1);
    t.equal(await via('j@example.org', { network: 'bad' }), 'pending');
    const networks = async () => (await on.db.select().from(isolatedNetworks)).length;
    clock.pass(DAY);
    await sweepNetworks(api.store, clock.now);
    t.equal(await networks(), 1);
    clock.pass(1);
    await sweepNetworks(api.store, clock.now);
    t.equal(await networks(), 0);
    const left = await on.db.select().from(signatureNetworks);
    t.equal(left.length, 1, 'of whom has signed since then it is still known where they came from');
  });
});
