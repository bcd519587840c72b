import t from 'tap';
import { PictureCache } from '../../src/pictures/cache.js';
import type { PictureContent } from '../../src/pictures/content.js';
import { legible } from '../../src/pictures/glyphs.js';
import { Renderer } from '../../src/pictures/renderer.js';

const content = (title: string, count = '5 signatures'): PictureContent => ({
  title,
  organization: 'River Meadows',
  color: null,
  count: [count],
  goal: ['Next goal: 10'],
  progress: 0.5,
  picture: null,
});

t.test('a renderer with a full queue refuses, and one that is closed', async (t) => {
  const renderer = new Renderer({ mostWaiting: 2 });
  t.teardown(() => renderer.close());
  const taken = ['one', 'two', 'three'].map((title) => renderer.draw(content(title)));
  t.same(renderer.stats(), { drawn: 0, failed: 0, waiting: 3 }, 'one is being drawn, two wait');
  await t.rejects(renderer.draw(content('four')), { code: 'overloaded' });
  const drawn = await Promise.all(taken);
  t.equal(new Set(drawn.map((png) => png.toString('latin1'))).size, 3);
  t.ok((await renderer.draw(content('one'))).equals(drawn[0] as Buffer), 'the same content, the same bytes');
  const last = [renderer.draw(content('five')), renderer.draw(content('six'))];
  await Promise.all([...last.map((one) => t.rejects(one, { code: 'shutting_down' })), renderer.close()]);
  await t.rejects(renderer.draw(content('seven')), { code: 'shutting_down' });
});

t.test('a picture that takes too long is given up, with its thread', async (t) => {
  const renderer = new Renderer({ patienceMs: 1 });
  t.teardown(() => renderer.close());
  await t.rejects(renderer.draw(content('word '.repeat(40))), { code: 'overloaded' });
  t.match(renderer.stats(), { failed: 1, waiting: 0 });
});

/** Stands in for the thread, so that one can see what it is asked for. */
function scripted(size = 10) {
  const asked: PictureContent[] = [];
  let failing = false;
  const renderer: Pick<Renderer, 'draw'> = {
    async draw(one) {
      asked.push(one);
      await new Promise((resolve) => setImmediate(resolve));
      if (failing) throw new Error('no');
      return Buffer.from(one.title.padEnd(size));
    },
  };
  return { renderer, asked, fail: (on: boolean) => void (failing = on) };
}

t.test('the cache shares drawings, keeps them, and forgets the least recently shown', async (t) => {
  let now = 0;
  const { renderer, asked, fail } = scripted();
  const cache = new PictureCache(renderer, () => new Date(now), 30);
  const show = (id: string, edition = '1', count = '5') =>
    cache.show({ id, edition, content: content(`${id}${edition}`, count) });

  const all = await Promise.all([show('a'), show('a', '1', '6'), show('a', '2'), show('a')]);
  t.same(
    all.map(({ png }) => png.toString().trim()),
    ['a1', 'a1', 'a2', 'a1'],
    'nobody gets an edition that they did not ask for',
  );
  t.equal(asked.length, 3);

  asked.length = 0;
  await show('b');
  await show('c');
  await show('b');
  await show('d');
  await show('b');
  t.same(
    asked.map(({ title }) => title),
    ['b1', 'c1', 'd1'],
  );
  await show('c');
  t.equal(asked.length, 3, 'three have room');
  await show('e');
  await show('d');
  t.equal(asked.length, 5, 'the least recently shown had gone');

  asked.length = 0;
  fail(true);
  await t.rejects(show('f'), { message: 'no' });
  await t.rejects(show('d', '2'), { message: 'no' }, 'old words are worse than no picture');
  now = 60_000;
  t.match((await show('d', '1', '7')).png.toString(), 'd1', 'an old count is better');
  fail(false);
  await show('f');
  await show('d', '1', '7');
  t.equal(asked.length, 5, 'and is drawn again as soon as that works');
  await show('d', '1', '8');
  t.equal(asked.length, 5);
});

t.test('texts are drawn whole or not at all', (t) => {
  const missing = new Set(['🐝', '保', '\u0e01', '€']);
  t.equal(legible('Save the 🐝 bees', missing), 'Save the bees');
  t.equal(legible('🐝 🐝', missing), '');
  t.equal(legible('Save 保 them', missing), '');
  t.equal(legible('  a\u00ad\u200bb\u202e\tc ', missing), 'ab c');
  t.equal(legible('e\u0301', missing), 'é');
  t.equal(legible('שָׁלוֹם', missing), 'שלום');
  t.equal(legible('سَلَام', missing), 'سلام');
  t.equal(legible('5 € for all', missing), '5 for all');
  t.equal(legible('می\u200cخواهیم', missing), 'می\u200cخواهیم', 'joiners stay where they join');
  t.equal(legible('👩\u200d👩\u200d👧 we', new Set(['👩', '👧'])), 'we');
  t.equal(legible('1\ufe0f\u20e3 earth', new Set(['\u20e3'])), '1 earth');
  t.end();
});
