import fc from 'fast-check';
import t from 'tap';
import {
  DISCLOSED_FIELDS,
  type DisclosedField,
  type Disclosure,
} from '../../../schema/db/tables/petitions.js';
import {
  changeDisclosures,
  checkDisclosures,
  disclosedNow,
  disclosedOf,
} from '../../../src/core/petitions/disclosures.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2026, 10, 1);
const ALL_ASKED = {
  country: 'optional',
  postal_code: 'optional',
  postal_address: 'required',
  phone: 'off',
  comment: 'off',
} as const;

const at = (ms: number) => new Date(START + ms);
const signed = (ms: number) => ({ createdAt: at(ms), importKey: null, apiKeyKey: null });
const NO_KEYS = new Set<number>();

type Change = { at: number; wanted: readonly DisclosedField[] };

/** What stands in the database after these changes. The first is made with the petition. */
function after(changes: readonly Change[], publishedAt: number): Disclosure[] {
  return changes.reduce<Disclosure[]>(
    (before, change) =>
      changeDisclosures(before, change.wanted, { isDraft: change.at < publishedAt, now: at(change.at) }),
    [],
  );
}

t.test('a field is disclosed of those whose form said so for an hour, and has said so ever since', (t) => {
  const changes = fc
    .array(
      fc.record({
        gap: fc.integer({ min: 1, max: 150 }),
        wanted: fc.uniqueArray(fc.constantFrom(...DISCLOSED_FIELDS)),
      }),
      {
        minLength: 1,
        maxLength: 8,
      },
    )
    .map((gaps) => {
      let minutes = 0;
      return gaps.map(({ gap, wanted }, i) => ({ at: (i === 0 ? 0 : (minutes += gap)) * MINUTE, wanted }));
    });
  const moments = fc.record({ published: fc.integer({ min: 1, max: 300 }), signed: fc.nat(600) });
  fc.assert(
    fc.property(changes, moments, (made, minutes) => {
      // Never in the same instant as a change.
      const published = (minutes.published + 0.5) * MINUTE;
      const when = published + minutes.signed * MINUTE;
      const disclosures = after(made, published);
      // By hand: the field was in every list that held from then on. Before it is published there is no form.
      const since = Math.max(when - HOUR, published);
      const isSaidThroughout = (field: DisclosedField) =>
        made.every(({ wanted }, i) => (made[i + 1]?.at ?? Infinity) <= since || wanted.includes(field));
      const expected = DISCLOSED_FIELDS.filter(isSaidThroughout);
      t.same(
        disclosedOf({ disclosures }, signed(when), NO_KEYS),
        expected,
        JSON.stringify({ made, minutes }),
      );
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('the grace of an hour, to the millisecond; a draft needs none', (t) => {
  const added = after(
    [
      { at: 0, wanted: ['city'] },
      { at: 10 * HOUR, wanted: ['postal_code', 'city'] },
    ],
    HOUR,
  );
  const of = (ms: number) => disclosedOf({ disclosures: added }, signed(ms), NO_KEYS);
  t.same(of(HOUR), ['city'], 'with its publication');
  t.same(of(11 * HOUR - 1), ['city']);
  t.same(of(11 * HOUR), ['postal_code', 'city']);
  t.same(disclosedNow({ disclosures: added }), ['postal_code', 'city'], 'the form says it at once');
  t.end();
});

t.test('what is removed is gone for all, and added again begins anew', (t) => {
  const told = after([{ at: 0, wanted: ['full_name', 'city'] }], HOUR);
  const removed = changeDisclosures(told, ['city'], { isDraft: false, now: at(5 * HOUR) });
  t.same(disclosedOf({ disclosures: removed }, signed(2 * HOUR), NO_KEYS), ['city']);
  const again = changeDisclosures(removed, ['city', 'full_name'], { isDraft: false, now: at(6 * HOUR) });
  t.same(
    disclosedOf({ disclosures: again }, signed(2 * HOUR), NO_KEYS),
    ['city'],
    'they read that it is not',
  );
  t.same(disclosedOf({ disclosures: again }, signed(7 * HOUR), NO_KEYS), ['full_name', 'city']);
  t.same(changeDisclosures(again, ['full_name', 'city'], { isDraft: false, now: at(9 * HOUR) }), again);
  t.end();
});

t.test('whom no form of ours has told, of them nothing is disclosed', (t) => {
  const disclosures = after([{ at: 0, wanted: [...DISCLOSED_FIELDS] }], HOUR);
  const of = (more: object, forms: number[] = []) =>
    disclosedOf({ disclosures }, { ...signed(2 * HOUR), ...more }, new Set(forms));
  t.same(of({}), DISCLOSED_FIELDS);
  t.same(of({ apiKeyKey: 7 }, [7]), DISCLOSED_FIELDS, 'through the key of a form');
  t.same(of({ apiKeyKey: 7 }), [], 'through a secret key');
  t.same(of({ importKey: 1 }), [], 'a file, or a partner who vouched');
  t.same(of({ importKey: 1, apiKeyKey: 7 }, [7]), [], 'a file has made a signature from a form count');
  t.end();
});

t.test('what the form does not ask for cannot be disclosed', (t) => {
  t.same(checkDisclosures(ALL_ASKED, DISCLOSED_FIELDS), []);
  const form = { ...ALL_ASKED, postal_code: 'off', postal_address: 'off' } as const;
  t.match(checkDisclosures(form, ['full_name', 'region', 'postal_code', 'city']), [
    { pointer: '/form/discloses/1', code: 'not_asked', detail: /region: set form\.postal_address/ },
    { pointer: '/form/discloses/2', code: 'not_asked', detail: /postal_code: set form\.postal_code/ },
    { pointer: '/form/discloses/3', code: 'not_asked', detail: /city: set form\.postal_address/ },
  ]);
  t.end();
});
