import { eq } from 'drizzle-orm';
import fc from 'fast-check';
import t from 'tap';
import { PETITION_STATUSES, type PetitionStatus } from '../../../schema/db/tables/petitions.js';
import { ANONYMOUS } from '../../../src/core/actor.js';
import { retryOf } from '../../../src/core/idempotency.js';
import { citedNumbers, renderBackground } from '../../../src/core/petitions/markdown.js';
import { findByUrl, spellingsOf } from '../../../src/core/petitions/oembed.js';
import { PetitionKeys } from '../../../src/core/petitions/petition-keys.js';
import {
  assertMove,
  assertSignable,
  isConfirmableAt,
  isOpenAt,
  nextTurn,
  statusAt,
} from '../../../src/core/petitions/petition-life.js';
import { listPetitions, type PetitionSort } from '../../../src/core/petitions/petition-list.js';
import { findAnyHead, findOwnHead, findPetition } from '../../../src/core/petitions/petition-lookup.js';
import {
  checkPetition,
  mergePatch,
  withDefaults,
  type PetitionInput,
} from '../../../src/core/petitions/petition-rules.js';
import {
  createPetition,
  getPetition,
  patchPetition,
  transitionPetition,
} from '../../../src/core/petitions/petitions.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import type { ApiError } from '../../../src/errors.js';
import { onEveryEngine, PETITION, start, type TestApp } from '../../support/helper.js';
import {
  ally,
  Clock,
  DAY,
  faults,
  HOUR,
  join,
  launch,
  MINUTE,
  outcome,
  SECOND,
  type Member,
} from '../../support/verbs.js';

const NOON = new Date('2026-11-23T12:00:00Z');
const after = (ms: number): Date => new Date(NOON.getTime() + ms);

// ---------------------------------------------------------------- the schedule

const instant = fc.integer({ min: -5, max: 5 }).map((hours) => after(hours * HOUR));
const schedule = fc
  .record({
    status: fc.constantFrom(...PETITION_STATUSES),
    opensAt: fc.option(instant),
    closesAt: fc.option(instant),
  })
  .filter(({ opensAt, closesAt }) => !opensAt || !closesAt || opensAt < closesAt);

t.test('a schedule opens and closes a published petition, to the millisecond, and no other', async (t) => {
  const opensAt = NOON;
  const closesAt = after(HOUR);
  const at = (ms: number, status: PetitionStatus = 'published') => {
    const petition = { status, opensAt, closesAt };
    return [statusAt(petition, after(ms)), isOpenAt(petition, after(ms))];
  };
  t.same(at(-1), ['published', false]);
  t.same(at(0), ['published', true], 'it opens with the instant that is named');
  t.same(at(HOUR - 1), ['published', true]);
  t.same(at(HOUR), ['closed', false], 'and is closed with the instant that is named');
  for (const status of PETITION_STATUSES.filter((one) => one !== 'published')) {
    t.same(at(1, status), [status, false]);
    t.same(at(DAY, status), [status, false]);
  }
  t.same(
    at(-DAY, 'closed'),
    ['closed', false],
    'what was closed by hand does not open again by its schedule',
  );
});

t.test('until its next turn nothing changes, and with it something does', async () => {
  const stateAt = (petition: Parameters<typeof isOpenAt>[0], now: Date) =>
    `${statusAt(petition, now)} ${isOpenAt(petition, now)}`;
  fc.assert(
    fc.property(schedule, instant, fc.nat({ max: 20 * HOUR }), (petition, now, ms) => {
      const turn = nextTurn(petition, now);
      const later = new Date(now.getTime() + ms);
      if (turn && turn <= later) return turn > now && stateAt(petition, turn) !== stateAt(petition, now);
      return stateAt(petition, later) === stateAt(petition, now);
    }),
    { numRuns: 500 },
  );
});

t.test(
  'what was signed in time can be confirmed for a day after the closing, whichever came first',
  async (t) => {
    const petition = { status: 'closed', opensAt: null, closesAt: null, closedAt: NOON } as const;
    t.equal(isConfirmableAt(petition, after(DAY)), true);
    t.equal(isConfirmableAt(petition, after(DAY + 1)), false);
    t.equal(isConfirmableAt({ ...petition, status: 'archived' }, after(DAY)), true);
    const early = { ...petition, closesAt: after(5 * DAY) };
    t.equal(isConfirmableAt(early, after(DAY + 1)), false, 'closed by hand, before its time');
    const late = { ...petition, closesAt: after(-HOUR) };
    t.equal(isConfirmableAt(late, after(DAY)), false, 'closed by hand, after its time had come');
    t.equal(isConfirmableAt(late, after(DAY - HOUR)), true);
    const byItself = { ...petition, status: 'published', closedAt: null, closesAt: NOON } as const;
    t.equal(isConfirmableAt(byItself, after(DAY)), true);
    t.equal(isConfirmableAt(byItself, after(DAY + 1)), false);
    t.equal(isConfirmableAt({ ...byItself, opensAt: after(-1), closesAt: null }, after(99 * DAY)), true);
    for (const status of ['draft', 'taken_down'] as const) {
      t.equal(isConfirmableAt({ ...petition, status }, NOON), false, status);
    }
  },
);

t.test('signing says what keeps a petition from being signed', async (t) => {
  const petition = { status: 'published', opensAt: null, closesAt: null, takedownReason: null } as const;
  const refusal = (changes: Partial<Parameters<typeof assertSignable>[0]>, now = NOON) => {
    try {
      assertSignable({ ...petition, ...changes }, now);
    } catch (error) {
      return error as ApiError;
    }
    return undefined;
  };
  t.equal(refusal({}), undefined);
  t.equal(refusal({ status: 'draft' })?.code, 'petition_not_published');
  t.equal(refusal({ status: 'closed' })?.code, 'petition_closed');
  t.equal(refusal({ status: 'archived' })?.code, 'petition_closed');
  t.equal(refusal({ closesAt: NOON })?.code, 'petition_closed');
  t.equal(refusal({ closesAt: after(1) }), undefined);
  t.match(refusal({ status: 'taken_down', takedownReason: 'legal' }), {
    code: 'petition_taken_down',
    details: { extra: { reason: 'legal' } },
  });
  t.match(refusal({ opensAt: after(1500) }), {
    code: 'petition_not_open',
    details: {
      extra: { opens_at: after(1500).toISOString() },
      headers: { 'retry-after': '2' },
    },
  });
  t.equal(refusal({ opensAt: after(1) })?.details.headers?.['retry-after'], '1', 'never at once');
  t.equal(refusal({ opensAt: NOON }), undefined);
});

t.test('a move that is refused names those that are allowed', async (t) => {
  for (const from of PETITION_STATUSES) {
    for (const to of PETITION_STATUSES) {
      try {
        assertMove(from, to);
      } catch (error) {
        const { code, details } = error as ApiError;
        const allowed = details.extra?.['allowed'] as PetitionStatus[];
        t.equal(code, 'transition_not_allowed');
        t.notOk(allowed.includes(to), `${from} to ${to}`);
        for (const one of allowed) t.doesNotThrow(() => assertMove(from, one));
        for (const one of allowed) t.match(details.detail, one);
        if (allowed.length === 0) t.match(details.detail, 'stays so');
      }
    }
  }
});

// ---------------------------------------------------------------- the rules

const faultsOf = (input: Partial<PetitionInput>) =>
  checkPetition(withDefaults({ ...PETITION, ...input })).map(({ pointer, code }) => `${pointer} ${code}`);

t.test('references: each number once, and every one that is cited is there', async (t) => {
  const reference = (number: number) => ({ number, title: `Report ${number}` }) as never;
  t.same(faultsOf({ background: 'See[^1] and[^2].', references: [reference(2), reference(1)] }), []);
  t.same(faultsOf({ references: [reference(1), reference(2), reference(1), reference(1)] }), [
    '/references/2/number not_unique',
    '/references/3/number not_unique',
  ]);
  t.same(faultsOf({ background: 'See[^7], [^3] and[^7].', references: [reference(1)] }), [
    '/background missing_reference',
    '/background missing_reference',
  ]);
  t.same(faultsOf({ background: '`[^3]`, and\n\n    [^4]' }), [], 'code cites nothing');
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 8 }), (numbers) => {
      const background = numbers.map((number) => `- word[^${number}]`).join('\n');
      t.same(
        citedNumbers(background),
        numbers.toSorted((a, b) => a - b),
      );
      return faultsOf({ background, references: numbers.map(reference) }).length === 0;
    }),
    { numRuns: 50 },
  );
});

t.test('goals form a ladder: each step is above the one before', async (t) => {
  t.same(faultsOf({ goals: [1] }), []);
  t.same(faultsOf({ goals: [100, 1000, 1001] }), []);
  t.same(faultsOf({ goals: [100, 100] }), ['/goals/1 not_ascending']);
  t.same(faultsOf({ goals: [100, 1000, 999, 5] }), ['/goals/2 not_ascending'], 'the first that is wrong');
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 6 }), (goals) => {
      const isLadder = goals.join() === [...new Set(goals)].sort((a, b) => a - b).join();
      return (faultsOf({ goals }).length === 0) === isLadder;
    }),
  );
});

t.test('a petition closes after it opens', async (t) => {
  t.same(faultsOf({ opensAt: NOON, closesAt: after(1) }), []);
  t.same(faultsOf({ opensAt: NOON, closesAt: NOON }), ['/closes_at not_after_opening']);
  t.same(faultsOf({ opensAt: NOON, closesAt: after(-1) }), ['/closes_at not_after_opening']);
  t.same(faultsOf({ closesAt: after(-DAY) }), [], 'one alone may be what it likes');
});

const patched = (before: Partial<PetitionInput>, patch: Parameters<typeof mergePatch>[1]) =>
  mergePatch(withDefaults({ ...PETITION, ...before }), patch);

t.test('a merge patch does what RFC 7396 shows', async (t) => {
  // Its appendix A, as far as the target and the patch are objects.
  for (const [target, patch, result] of [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ] as const) {
    t.same(patched({ metadata: target as never }, { metadata: patch }).metadata, result);
  }
});

t.test('a patch leaves what it does not name, and null brings the default back', async (t) => {
  const before = {
    callToAction: 'Sign now',
    goals: [5, 10],
    locale: 'de',
    confirmation: 'none',
    form: { phone: 'required', comment: 'off' },
    campaigner: { name: 'Ada', url: 'https://ada.example/' },
    opensAt: NOON,
    metadata: { a: 1 },
  } as const;
  const fields = withDefaults({ ...PETITION, ...before } as never);
  t.same(mergePatch(fields, {}), fields);
  t.same(mergePatch(fields, { goals: undefined }), fields, 'what is undefined is absent');
  t.equal(mergePatch(fields, { opensAt: after(1) }).opensAt?.getTime(), NOON.getTime() + 1);
  const cleared = mergePatch(fields, Object.fromEntries(Object.keys(before).map((name) => [name, null])));
  t.same(cleared, withDefaults(PETITION));
  t.same(mergePatch(fields, { form: { phone: null } }).form, { ...fields.form, phone: 'optional' });
  t.same(mergePatch(fields, { goals: [7] }).goals, [7], 'lists are replaced');
  t.same(mergePatch(fields, { campaigner: { name: null } }).campaigner, { url: 'https://ada.example/' });
  const wrong = (patch: Parameters<typeof mergePatch>[1]) =>
    checkPetition(mergePatch(fields, patch)).map(({ pointer, code }) => `${pointer} ${code}`);
  t.same(wrong({ campaigner: { name: null } }), ['/campaigner/name required']);
  t.same(wrong({ image: { url: 'https://a.example/a.png' } }), ['/image/alt required']);
  t.same(wrong({ campaigner: null, image: null }), []);
});

const metadata = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 2 }, fc.constant(null), fc.nat(3), fc.array(fc.nat(3)), tie('object')),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value')),
})).object;

t.test('the same patch twice is the same patch once', async () => {
  fc.assert(
    fc.property(metadata, metadata, (target, patch) => {
      const once = patched({ metadata: target as never }, { metadata: patch });
      const twice = mergePatch(once, { metadata: patch });
      return JSON.stringify(twice.metadata) === JSON.stringify(once.metadata);
    }),
    { numRuns: 200 },
  );
});

t.test('Markdown: links of others are marked as theirs, ours are not', async (t) => {
  const html = renderBackground(
    '# Title\n\nA [page](https://a.example/x?a=1&b=2), https://b.example/#here and a claim[^012].\n\n' +
      '7. seven\n8. eight\n\n| a | b |\n|---|---|\n| c | d |\n\n[mail](mailto:a@b.example) [run](javascript:alert(1)) //c.example',
  );
  t.match(
    html,
    '<a href="https://a.example/x?a=1&amp;b=2" rel="nofollow noopener noreferrer">page</a>',
    'as it was written',
  );
  t.match(html, '<a href="https://b.example/#here" rel="nofollow noopener noreferrer">');
  t.match(html, '<a href="#reference-12">12</a>', 'the number, without zeros, and without a rel');
  t.match(html, '<ol start="7">');
  t.notMatch(html, /<table|<h1|href="(?:javascript|\/\/)/);
  t.match(html, /<a href="mailto:a@b\.example"/);
  t.notMatch(renderBackground('[^1234] [^a] [^] [^1'), '<sup>', 'no number of a reference');
});

// ---------------------------------------------------------------- the life of one, and of many

type World = { api: TestApp; clock: Clock; lead: Member; other: Member };

async function world(api: TestApp): Promise<World> {
  return {
    api,
    clock: new Clock(api, NOON),
    lead: await join(api, 'Meadow Friends'),
    other: await join(api, 'River Watch'),
  };
}

onEveryEngine('petitions', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { clock, lead, other } = await world(api);
  const create = (input: Partial<PetitionInput> & { slug?: string }, who = lead) =>
    createPetition(ctx, who.actor, { ...PETITION, ...input });
  const patch = (ref: string, changes: Parameters<typeof patchPetition>[4], version: number | null = null) =>
    patchPetition(ctx, lead.actor, ref, version, changes);
  const move = (ref: string, to: Parameters<typeof transitionPetition>[3], who = lead) =>
    transitionPetition(ctx, who.actor, ref, to);
  const sign = (ref: string, email: string) =>
    signPetition(ctx, ANONYMOUS, ref, { email, name: 'Ada Lovelace' });

  await t.test('a slug is made from the title, and is the first that is free', async (t) => {
    const slugs = [];
    for (let i = 0; i < 3; i += 1) {
      slugs.push((await create({ title: 'Más Árboles — ¡ahora!' })).petition.slug);
    }
    t.same(slugs, ['mas-arboles-ahora', 'mas-arboles-ahora-2', 'mas-arboles-ahora-3']);
    await patch('mas-arboles-ahora-2', { slug: 'trees' });
    const next = await create({ title: 'Mas arboles ahora' });
    t.equal(next.petition.slug, 'mas-arboles-ahora-4', 'a slug that one had is not given to another');
    const long = await create({ title: `${'meadow '.repeat(11)}riverside bank` });
    t.equal(long.petition.slug, 'meadow-'.repeat(11).slice(0, -1), 'cut between words');
    const word = await create({ title: 'x'.repeat(120) });
    t.equal(word.petition.slug, 'x'.repeat(80), 'but a word that never ends');
    const { petition } = await create({ title: '。。。！' });
    t.equal(petition.slug, `petition-${petition.publicId.slice(-10)}`, 'a title without letters');
  });

  await t.test('a slug belongs to one petition for ever, and only that one takes it back', async (t) => {
    const { petition } = await create({ slug: 'first' });
    const second = await create({ slug: 'second' }, other);
    await patch('first', { slug: 'renamed' });
    t.equal(await outcome(create({ slug: 'first' })), 'slug_taken');
    t.equal(await outcome(create({ slug: 'renamed' })), 'slug_taken');
    t.equal(await outcome(patch('renamed', { slug: second.petition.slug })), 'slug_taken');
    t.equal((await patch('renamed', { slug: 'first' })).petition.key, petition.key);
    t.equal(await outcome(getPetition(ctx.store.read, lead.actor, 'renamed')), 'moved to first');
    t.equal(await outcome(getPetition(ctx.store.read, ANONYMOUS, 'renamed')), 'petition_not_found');
    await move('first', { to: 'published' });
    t.equal(await outcome(getPetition(ctx.store.read, ANONYMOUS, 'renamed')), 'moved to first');
    t.equal(await outcome(patch('renamed', { title: 'Other' })), 'moved to first');
  });

  await t.test('an external id is one petition of an organization', async (t) => {
    await create({ slug: 'named', externalId: 'crm-1' });
    t.equal(await outcome(create({ externalId: 'crm-1' })), 'external_id_taken');
    t.equal(await outcome(create({ externalId: 'crm-1' }, other)), 'done', 'of another one it is another');
    const { petition } = await create({ slug: 'unnamed' });
    t.equal(await outcome(patch('unnamed', { externalId: 'crm-1' })), 'external_id_taken');
    t.equal(await outcome(patch('named', { externalId: 'crm-1', title: 'Same' })), 'done', 'its own');
    await patch('named', { externalId: null });
    t.equal((await patch(petition.slug, { externalId: 'crm-1' })).petition.externalId, 'crm-1');
  });

  await t.test('who patches says which version was read, and each change makes the next', async (t) => {
    const { petition } = await create({ slug: 'versions' });
    t.equal(petition.version, 1);
    t.equal((await patch('versions', { title: 'Two' }, 1)).petition.version, 2);
    t.equal(await outcome(patch('versions', { title: 'Three' }, 1)), 'precondition_failed');
    t.equal((await getPetition(ctx.store.read, lead.actor, 'versions')).petition.title, 'Two');
    t.equal((await patch('versions', { title: 'Three' })).petition.version, 3, 'or does not care');
    t.equal((await move('versions', { to: 'published' })).petition.version, 4);
    const wrong = patchPetition(ctx, other.actor, 'versions', null, { title: 'Mine' });
    t.equal(await outcome(wrong), 'petition_not_found', 'of others');
    t.equal(await outcome(move('versions', { to: 'closed' }, other)), 'petition_not_found');
    const both = await Promise.all([
      outcome(patch('versions', { title: 'A' }, 4)),
      outcome(patch('versions', { title: 'B' }, 4)),
    ]);
    t.same(both.sort(), ['done', 'precondition_failed'], 'of two at once one is told');
  });

  await t.test('what is computed follows what is written', async (t) => {
    await create({ slug: 'derived', background: 'Old' });
    const { petition } = await patch('derived', { title: 'Große Wölfe', background: '**New**' });
    t.equal(petition.backgroundHtml, '<p><strong>New</strong></p>\n');
    t.match(petition.searchText, ' grosse wolfe build the depot ');
    t.equal((await patch('derived', { background: null })).petition.backgroundHtml, null);
  });

  await t.test('a statement is fixed by its first signature, whatever became of that', async (t) => {
    const { slug } = await launch(api, lead, { slug: 'words' });
    await patch(slug, { statement: 'Build it somewhere else.' });
    await sign(slug, 'ada@example.org');
    t.equal(await outcome(patch(slug, { statement: 'Build it here.' })), 'statement_fixed');
    t.equal(await outcome(patch(slug, { statement: 'Build it somewhere else.', title: 'New' })), 'done');
    const { signatures } = api.store.tables;
    await ctx.store.transact((tx) => tx.db.update(signatures).set({ status: 'withdrawn' }));
    t.equal(await outcome(patch(slug, { statement: 'Build it here.' })), 'statement_fixed');
  });

  await t.test('its life goes one way, and each step leaves its time', async (t) => {
    const { slug } = (await create({ slug: 'life', response: 'We listen.' })).petition;
    t.equal(await outcome(sign(slug, 'a@example.org')), 'petition_not_found');
    clock.pass(MINUTE);
    const published = await move(slug, { to: 'published' });
    t.match(published.petition, { status: 'published', publishedAt: clock.now, closedAt: null });
    t.equal(await outcome(move(slug, { to: 'published' })), 'transition_not_allowed');
    t.equal(await outcome(move(slug, { to: 'archived' })), 'transition_not_allowed');
    t.equal(await outcome(sign(slug, 'a@example.org')), 'done');
    clock.pass(MINUTE);
    const closed = await move(slug, { to: 'closed', outcome: 'victory' });
    t.match(closed.petition, { closedAt: clock.now, outcome: 'victory', response: 'We listen.' });
    t.equal(await outcome(sign(slug, 'b@example.org')), 'petition_closed');
    t.equal(await outcome(move(slug, { to: 'published' })), 'transition_not_allowed');
    t.equal(await outcome(patch(slug, { closesAt: after(DAY), opensAt: null })), 'done');
    t.equal(await outcome(sign(slug, 'b@example.org')), 'petition_closed', 'no schedule opens it again');
    clock.pass(MINUTE);
    const archived = await move(slug, { to: 'archived' });
    t.same(archived.petition.closedAt, closed.petition.closedAt, 'archiving does not close it anew');
    const gone = await move(slug, { to: 'taken_down', reason: 'legal' });
    t.equal(gone.petition.takedownReason, 'legal');
    for (const ref of [slug, gone.petition.publicId]) {
      t.equal(await outcome(getPetition(ctx.store.read, ANONYMOUS, ref)), 'petition_taken_down');
      t.equal(await outcome(getPetition(ctx.store.read, lead.actor, ref)), 'petition_taken_down');
    }
    t.equal(
      (await findOwnHead(ctx.store.read, lead.actor, slug)).status,
      'taken_down',
      'its own still finds it',
    );
  });

  await t.test('closing takes a response, clears one, or leaves it', async (t) => {
    for (const [slug, given, expected] of [
      ['response-kept', undefined, 'Soon.'],
      ['response-cleared', null, null],
      ['response-given', 'Never.', 'Never.'],
    ] as const) {
      await launch(api, lead, { slug, response: 'Soon.' });
      const step = { to: 'closed', ...(given === undefined ? {} : { response: given }) } as const;
      t.match((await move(slug, step)).petition, { response: expected, outcome: 'none' });
    }
  });

  await t.test('an outcome is for what is closed, by hand or by its time', async (t) => {
    const { slug } = await launch(api, lead, {
      slug: 'outcome',
      closesAt: new Date(clock.now.getTime() + HOUR),
    });
    t.same(await faults(patch(slug, { outcome: 'victory' })), ['/outcome not_closed']);
    clock.pass(HOUR - 1);
    t.same(await faults(patch(slug, { outcome: 'victory' })), ['/outcome not_closed']);
    clock.pass(1);
    t.equal((await patch(slug, { outcome: 'victory' })).petition.outcome, 'victory');
    t.equal(await outcome(move(slug, { to: 'closed' })), 'transition_not_allowed', 'it is');
  });

  await t.test(
    'what only its time has closed opens again with a later one, or keeps that time',
    async (t) => {
      const closesAt = new Date(clock.now.getTime() + HOUR);
      await launch(api, lead, { slug: 'again', closesAt });
      await launch(api, lead, { slug: 'kept', closesAt });
      clock.pass(2 * HOUR);
      t.equal(await outcome(sign('again', 'c@example.org')), 'petition_closed');
      await patch('again', { outcome: 'victory' });
      const later = { closesAt: new Date(clock.now.getTime() + 1) };
      t.same(await faults(patch('again', later)), ['/outcome not_closed'], 'an open petition has no outcome');
      await patch('again', { outcome: 'none' });
      await patch('again', { closesAt: new Date(clock.now.getTime() + 1) });
      t.equal(await outcome(sign('again', 'c@example.org')), 'done');
      const { petition } = await move('kept', { to: 'archived' });
      t.same(petition.closedAt, closesAt);
    },
  );

  await t.test('a retry of a transition is the same transition', async (t) => {
    const { slug } = (await create({ slug: 'retried' })).petition;
    const retry = retryOf(ctx.retryKey, 'lead', 'a key', 'publish');
    const first = await transitionPetition(ctx, lead.actor, slug, { to: 'published' }, retry);
    const again = await transitionPetition(ctx, lead.actor, slug, { to: 'published' }, retry);
    t.same(again, first);
    const other = retryOf(ctx.retryKey, 'lead', 'a key', 'close');
    const reused = transitionPetition(ctx, lead.actor, slug, { to: 'closed' }, other);
    t.equal(await outcome(reused), 'idempotency_key_reused');
  });

  await t.test('a goal that is passed by then is a milestone', async (t) => {
    const { slug } = await launch(api, lead, { slug: 'goals', confirmation: 'none', goals: [10] });
    for (let i = 0; i < 3; i += 1) await sign(slug, `g${i}@example.org`);
    t.same((await getPetition(ctx.store.read, ANONYMOUS, slug)).milestones, []);
    const { milestones } = await patch(slug, { goals: [2, 3, 4] });
    t.same(
      milestones.map(({ value }) => value),
      [2, 3],
    );
    const fewer = await patch(slug, { goals: [4] });
    t.same(
      fewer.milestones.map(({ value }) => value),
      [2, 3],
      'what was reached stays so',
    );
  });

  await t.test('a draft is nobody else’s, by id, slug or old slug', async (t) => {
    const { petition } = await create({ slug: 'secret' });
    await patch('secret', { slug: 'secret-2' });
    const on = ctx.store.read;
    for (const ref of [petition.publicId, 'secret', 'secret-2']) {
      for (const actor of [ANONYMOUS, other.actor, lead.publishable]) {
        t.equal(await outcome(findPetition(on, actor, ref)), 'petition_not_found');
      }
      t.equal(await outcome(findOwnHead(on, other.actor, ref)), 'petition_not_found');
      t.equal((await findOwnHead(on, lead.actor, ref)).key, petition.key);
      t.equal((await findAnyHead(on, ref))?.key, petition.key);
      t.equal(await new PetitionKeys(on).find(ref), undefined, 'and no limit knows of it');
    }
  });

  await t.test('what a slug means is remembered, what means nothing is not', async (t) => {
    const { petition } = await create({ slug: 'remembered' });
    const keys = new PetitionKeys(ctx.store.read);
    t.equal(await keys.find('remembered'), undefined);
    await move('remembered', { to: 'published' });
    t.equal(keys.known('remembered'), undefined);
    t.equal(await keys.find('remembered'), petition.key);
    t.equal(keys.known('remembered'), petition.key);
    t.equal(keys.known(petition.publicId), undefined);
    for (const junk of ['', 'no such', 'x'.repeat(101), '../remembered', 'pet_0']) {
      t.equal(await keys.find(junk), undefined);
      t.equal(keys.known(junk), undefined);
    }
  });

  await t.test('addresses of pages: what others add to a link does not matter', async (t) => {
    const added = fc.constantFrom(
      'utm_source=x',
      'fbclid=1',
      'gclid=2',
      'mc_cid=3',
      'source=mail',
      'code=q',
      'r=pr_1',
    );
    fc.assert(
      fc.property(fc.array(added, { maxLength: 4 }), fc.boolean(), fc.boolean(), (extra, slash, hash) => {
        const query = extra.length > 0 ? `?${extra.join('&')}` : '';
        const url = `https://meadows.example/sign${slash ? '/' : ''}${query}${hash ? '#form' : ''}`;
        return spellingsOf(url).includes('https://meadows.example/sign');
      }),
    );
    t.notOk(
      spellingsOf('https://meadows.example/sign?page=2').indexOf('https://meadows.example/sign?page=2') > 0,
    );
    const page = 'https://meadows.example/sign';
    const found = async (url: string) =>
      (await findByUrl(ctx.store.read, 'http://u.test/base', url)).petition.slug;
    await launch(api, lead, { slug: 'page-old', pageUrl: page });
    clock.pass(SECOND);
    await launch(api, lead, { slug: 'page-new', pageUrl: page });
    await launch(api, lead, { slug: 'page-two', pageUrl: `${page}?page=2` });
    await create({ slug: 'page-draft', pageUrl: page });
    t.equal(await found(`${page}/?utm_source=x#y`), 'page-new', 'of several the one that was published last');
    t.equal(await found(`${page}?page=2&fbclid=1`), 'page-two', 'the closest spelling wins');
    t.equal(await found(`${page}?page=3`), 'page-new');
    t.equal(await found('http://u.test/base/v1/petitions/page-old'), 'page-old');
    await move('page-new', { to: 'taken_down', reason: 'duplicate' });
    t.equal(await found(page), 'page-old');
    for (const url of [
      'http://u.test/base/v1/petitions/page-draft',
      'http://u.test/base/v1/petitions/page-new',
      'http://u.test/v1/petitions/page-old',
      'http://u.test/base/s/nothing',
      'https://meadows.example/',
    ]) {
      t.equal(await outcome(found(url)), 'not_found', url);
    }
    await patch('page-old', { slug: 'page-older' });
    t.equal(await found('http://u.test/base/v1/petitions/page-old'), 'page-older', 'by any slug that it had');
  });
});

onEveryEngine('lists of petitions', async (t, engine) => {
  const api = await start(t, engine);
  const { ctx } = api.app;
  const { clock, lead, other } = await world(api);
  const slugs = async (
    actor: Parameters<typeof listPetitions>[1],
    filter = {},
    sort: PetitionSort = 'created_at',
  ) => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listPetitions(ctx, actor, filter, { limit: 3, cursor, sort });
      t.ok(page.items.length <= 3);
      found.push(...page.items.map(({ slug }) => slug));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return found;
  };
  await createPetition(ctx, lead.actor, { ...PETITION, slug: 'draft' });
  await launch(api, lead, { slug: 'open', title: 'Save the Élan now', locale: 'fr', externalId: 'x' });
  await launch(api, lead, { slug: 'timed', closesAt: after(HOUR), title: 'Élan 100% natural' });
  await launch(api, lead, { slug: 'shut' });
  await transitionPetition(ctx, lead.actor, 'shut', { to: 'closed' });
  await launch(api, other, { slug: 'theirs', confirmation: 'none', externalId: 'x' });
  await launch(api, other, { slug: 'popular', confirmation: 'none' });
  await launch(api, other, { slug: 'gone' });
  await transitionPetition(ctx, other.actor, 'gone', { to: 'taken_down', reason: 'duplicate' });
  const sign = (slug: string, i: number) =>
    signPetition(ctx, ANONYMOUS, slug, { email: `p${i}@example.org`, name: 'Ada' });
  for (let i = 0; i < 3; i += 1) await sign('popular', i);
  await sign('theirs', 0);

  await t.test('strangers see what was published, an organization its own drafts too', async (t) => {
    const everybodys = ['open', 'timed', 'shut', 'theirs', 'popular'];
    t.same(await slugs(ANONYMOUS), everybodys);
    t.same(await slugs(lead.publishable), everybodys);
    t.same(await slugs(lead.actor), ['draft', ...everybodys]);
    t.same(await slugs(other.actor), everybodys);
    t.same(
      await slugs(other.actor, { statuses: ['taken_down'] }),
      ['gone'],
      'and, asked for it, what is gone',
    );
    t.same(await slugs(lead.actor, { statuses: ['taken_down'] }), []);
    t.same(await slugs(ANONYMOUS, { statuses: ['draft'] }), []);
  });

  await t.test('a status is the one of the moment', async (t) => {
    t.same(await slugs(ANONYMOUS, { statuses: ['closed'] }), ['shut']);
    clock.set(after(HOUR - 1));
    t.same(await slugs(ANONYMOUS, { statuses: ['published'] }), ['open', 'timed', 'theirs', 'popular']);
    clock.set(after(HOUR));
    t.same(await slugs(ANONYMOUS, { statuses: ['published'] }), ['open', 'theirs', 'popular']);
    t.same(await slugs(ANONYMOUS, { statuses: ['closed'] }), ['timed', 'shut']);
    t.same(await slugs(ANONYMOUS, { statuses: ['closed', 'published'] }), [
      'open',
      'timed',
      'shut',
      'theirs',
      'popular',
    ]);
  });

  await t.test('all words must be there, whatever their case and accents', async (t) => {
    t.same(await slugs(ANONYMOUS, { q: 'elan' }), ['open', 'timed']);
    t.same(await slugs(ANONYMOUS, { q: 'ÉLAN depot' }), ['open', 'timed']);
    t.same(await slugs(ANONYMOUS, { q: 'élan now' }), ['open']);
    t.same(await slugs(ANONYMOUS, { q: 'ela' }), [], 'words, not parts of them');
    t.same(await slugs(ANONYMOUS, { q: '%' }), await slugs(ANONYMOUS), 'a sign is no word, and no wildcard');
    t.same(await slugs(ANONYMOUS, { q: '100%' }), ['timed']);
    t.same(await slugs(ANONYMOUS, { q: 'elan', locale: 'fr' }), ['open']);
  });

  await t.test('an organization is named by id or slug, an external id is the actor’s own', async (t) => {
    t.same(await slugs(ANONYMOUS, { organization: other.id }), ['theirs', 'popular']);
    t.same(await slugs(ANONYMOUS, { organization: other.slug }), ['theirs', 'popular']);
    t.same(await slugs(ANONYMOUS, { organization: 'nobody' }), []);
    t.same(await slugs(lead.actor, { externalId: 'x' }), ['open']);
    t.same(await slugs(other.actor, { externalId: 'x' }), ['theirs']);
    t.same(await slugs(ANONYMOUS, { externalId: 'x' }), []);
    t.same(await slugs(lead.publishable, { externalId: 'x' }), []);
  });

  await t.test('each order is the other one backwards, in pages as at once', async (t) => {
    const byCount = await slugs(ANONYMOUS, {}, '-confirmed');
    t.same(byCount.slice(0, 2), ['popular', 'theirs']);
    t.same(await slugs(ANONYMOUS, {}, 'confirmed'), byCount.toReversed());
    t.same(await slugs(ANONYMOUS, {}, '-created_at'), (await slugs(ANONYMOUS)).reverse());
    const request = { limit: 1, sort: 'confirmed' } as const;
    const { nextCursor, items } = await listPetitions(ctx, ANONYMOUS, {}, request);
    t.equal(items[0]?.counts.confirmed, 0);
    const misplaced = { limit: 1, sort: '-confirmed', cursor: nextCursor ?? '' } as const;
    t.equal(await outcome(listPetitions(ctx, ANONYMOUS, {}, misplaced)), 'invalid_cursor');
  });

  await t.test('a partner does not see a draft that it may work on', async (t) => {
    await ally(api, lead, other, 'draft');
    t.notOk((await slugs(other.actor)).includes('draft'));
    const { petitions } = api.store.tables;
    const [row] = await api.store.read.db.select().from(petitions).where(eq(petitions.slug, 'draft'));
    t.equal(row?.status, 'draft');
  });
});
