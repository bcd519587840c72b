import fc from 'fast-check';
import t from 'tap';
import { firstNameOf, named, renamed } from '../../src/core/names.js';

t.test('a person without a name gets that of the parts', async (t) => {
  t.match(named({ name: 'Okonkwo Ada', givenName: 'Ada', familyName: 'Okonkwo' }), { name: 'Okonkwo Ada' });
  t.match(named({ givenName: 'Ada', familyName: 'Okonkwo' }), { name: 'Ada Okonkwo', givenName: 'Ada' });
  t.match(named({ givenName: null, familyName: 'Okonkwo' }), { name: 'Okonkwo' });
  t.match(named({ givenName: 'Ada' }), { name: 'Ada' });
});

t.test('a change of a name', async (t) => {
  const ada = { name: 'Ada Okonkwo', givenName: 'Ada', familyName: 'Okonkwo' };
  const whole = { name: 'Ada Okonkwo', givenName: null, familyName: null };
  const nobody = { name: null, givenName: null, familyName: null };
  const cases: [typeof ada | typeof whole | typeof nobody, Parameters<typeof renamed>[1], unknown][] = [
    [ada, {}, {}],
    [ada, { name: 'Ada Okonkwo' }, ada],
    [ada, { name: 'Ada King' }, { name: 'Ada King', givenName: null, familyName: null }],
    [ada, { name: 'Ada King', givenName: 'Ada' }, { name: 'Ada King', givenName: 'Ada', familyName: null }],
    [ada, { name: null }, nobody],
    [ada, { familyName: 'King' }, { name: 'Ada King', givenName: 'Ada', familyName: 'King' }],
    [
      ada,
      { name: 'King, Ada', familyName: 'King' },
      { name: 'King, Ada', givenName: null, familyName: 'King' },
    ],
    [ada, { givenName: null }, { ...ada, givenName: null }],
    [whole, { givenName: 'Ada' }, { ...whole, givenName: 'Ada' }],
    [
      whole,
      { givenName: 'Ada', familyName: 'King' },
      { name: 'Ada King', givenName: 'Ada', familyName: 'King' },
    ],
    [
      whole,
      { name: null, givenName: 'Ada', familyName: 'King' },
      { ...ada, name: 'Ada King', familyName: 'King' },
    ],
    [nobody, { givenName: 'Ada' }, { name: 'Ada', givenName: 'Ada', familyName: null }],
    [nobody, { givenName: null }, nobody],
  ];
  for (const [before, patch, after] of cases) {
    t.same(renamed(before, patch), after, `${JSON.stringify(before)} ${JSON.stringify(patch)}`);
  }
  const part = fc.option(fc.constantFrom('Ada', 'King'));
  const change = fc.record({ name: part, givenName: part, familyName: part }, { requiredKeys: [] });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
      let person: { name: string | null; givenName: string | null; familyName: string | null } = nobody;
      for (const one of changes) {
        const before = person;
        person = { ...before, ...renamed(before, one) };
        if (person.name === null && (person.givenName ?? person.familyName) !== null) return false;
        const kept = one.name != null && one.name !== before.name && one.givenName === undefined;
        if (kept && person.givenName !== null) return false;
      }
      return true;
    }),
  );
});

t.test('how to address a person', async (t) => {
  const first = (name: string | null, locale?: string) => firstNameOf({ name, locale });
  for (const [name, wanted] of [
    ['Ada Okonkwo', 'Ada'],
    ['  Ada  King Lovelace ', 'Ada'],
    ['ADA OKONKWO', 'ADA'],
    ['ada okonkwo', 'ada'],
    ['Jean-Paul Sartre', 'Jean-Paul'],
    ['D’Arcy Thompson', 'D’Arcy'],
    ['Zoë van der Berg', 'Zoë'],
    ['Gabriel García y Márquez', 'Gabriel'],
    ['Ольга Петрова', 'Ольга'],
    ['Ελένη Παπαδοπούλου', 'Ελένη'],
    ['ליאור בן־דוד', 'ליאור'],
    ['فاطمة الزهراء', 'فاطمة'],
    ['علی\u200cرضا محمدی', 'علی\u200cرضا'],
    ['प्रिया शर्मा', 'प्रिया'],
    ['ნინო ბერიძე', 'ნინო'],
  ] as const) {
    t.equal(first(name, 'en'), wanted, name);
    t.equal(first(name), wanted, name);
  }
  for (const name of [
    null,
    '',
    'Ada',
    'Dr. Ada Okonkwo',
    'dr ada okonkwo',
    'Prof Ada Okonkwo',
    'Dipl.-Ing. Ada Okonkwo',
    'Frau Okonkwo',
    'Herr Dr. Okonkwo',
    'Mme Okonkwo',
    'Señora García',
    'Sr. García',
    'Family Okonkwo',
    'Familie Müller',
    'A. Okonkwo',
    'A Okonkwo',
    'J.R.R. Tolkien',
    'JJ Abrams',
    'Okonkwo, Ada',
    'OKONKWO Ada',
    'van der Berg Jan',
    'de la Cruz',
    'Ada & Ben Okonkwo',
    'Ada und Ben Okonkwo',
    'Anne et Luc Moreau',
    'Abdul Rahman',
    'عبد الله محمد',
    'أبو بكر',
    'Γ. Παπαδόπουλος',
    'г-н Петров',
    '王 小明',
    '김 철수',
    '山田 はなこ',
    'ヤマダ タロウ',
    'Ada 王',
    '123 456',
    '😀 Ada',
    'www.example.com now',
    '<b>Ada</b> King',
  ]) {
    t.equal(first(name, 'en'), null, String(name));
  }
  for (const locale of ['hu', 'hu-HU', 'vi', 'ja', 'zh', 'ZH-hant', 'zh_TW', 'ko']) {
    t.equal(first('Nagy Anna', locale), null, locale);
  }
  t.equal(firstNameOf({ givenName: 'Anna', name: 'Nagy Anna', locale: 'hu' }), 'Anna');
  t.equal(firstNameOf({ givenName: '小明', name: '王 小明', locale: 'zh' }), '小明');
  t.equal(firstNameOf({ givenName: null, name: 'Ada Okonkwo' }), 'Ada');
});

t.test('what is said is a word of the name, or nothing', async () => {
  const name = fc.string({
    unit: fc.constantFrom('A', 'b', 'É', 'я', '王', '.', ' ', '-', "'", '1', '\u0301', '😀'),
    maxLength: 12,
  });
  fc.assert(
    fc.property(name, fc.constantFrom('en', 'de', undefined), (name, locale) => {
      const first = firstNameOf({ name, locale });
      return first === null || (name.trim().split(/\s+/)[0] === first && !/[.\d王😀]/u.test(first));
    }),
  );
});
