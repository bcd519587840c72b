import t from 'tap';
import {
  checkMarkdown,
  checkPlaceholders,
  fillIn,
  fillInHtml,
  plainPieces,
  wordsHtml,
} from '../../../src/core/words/words-markdown.js';

const codes = (text: string) => checkMarkdown('/thanks', text).map(({ code }) => code);

t.test('what own words may hold', (t) => {
  for (const good of [
    'Thank you, {petition} and {organization}.',
    '**Bold**, *soft*, > no quote, 3 < 5, I <3 rivers, a{b',
    '- one\n- two\n\n1. first\n2. second\n\n> quoted',
    '[Read on](https://meadows.example/a?b=1)',
    '[meadows.example](https://www.meadows.example/news)',
    '[meadows.org](https://action.meadows.org)',
    '<https://meadows.example/next> and https://meadows.example/bare',
    'anna@meadows.example and meadows.example stay text',
  ]) {
    t.same(codes(good), [], good);
  }
  t.end();
});

t.test('what is refused, by name', (t) => {
  const wrong: [text: string, ...codes: string[]][] = [
    ['Dear {name}', 'unknown_placeholder'],
    ['{ petition }', 'unknown_placeholder'],
    ['{} {constructor} {constructor}', 'unknown_placeholder', 'unknown_placeholder'],
    ['![the mill](https://meadows.example/mill.png)', 'image'],
    ['A <b>bold</b> word', 'html'],
    ['<script>alert(1)</script>', 'html'],
    ['<!-- nothing -->', 'html'],
    ['[x](http://meadows.example)', 'link'],
    ['[x](javascript:alert(1))', 'link'],
    ['[x](data:text/html,hello)', 'link'],
    ['[x](//meadows.example)', 'link'],
    ['[x](/relative)', 'link'],
    ['[x](#reference-1)', 'link'],
    ['[x](mailto:anna@meadows.example)', 'link'],
    ['http://meadows.example/bare', 'link'],
    ['[x](https://bank.example@evil.example/)', 'link'],
    ['[x](https://meadows.example/?p={petition})', 'link'],
    ['[https://bank.org](https://evil.example/)', 'disguised_link'],
    ['[go to **bank.org** now](https://evil.example/)', 'disguised_link'],
    ['[bank.org](https://bank.org.evil.example/)', 'disguised_link'],
    ['[me@bank.org](https://evil.example/)', 'disguised_link'],
  ];
  for (const [text, ...expected] of wrong) t.same(codes(text), expected, text);
  t.match(checkMarkdown('/thanks', 'Dear {name}'), [
    { pointer: '/thanks', detail: /\{name\}.*\{petition\}/ },
  ]);
  t.match(checkMarkdown('/thanks', '[https://bank.org](https://evil.example/)'), [
    { detail: /says bank\.org and leads to evil\.example/ },
  ]);
  t.same(checkPlaceholders('/button', 'Sign {petition}'), []);
  t.match(checkPlaceholders('/button', 'Sign, {email}'), [{ pointer: '/button' }]);
  t.end();
});

t.test('both parts of a mail say the same', (t) => {
  const text =
    '# Hello\n\nSee [our *plan*](https://meadows.example/plan)\nand <https://meadows.example>.\\\nYours\n\n- one\n  - two\n- three\n\n7. seven\n8. eight\n\n> said';
  t.same(plainPieces(text), [
    { marker: '', depth: 0, quoted: false, text: 'Hello' },
    {
      marker: '',
      depth: 0,
      quoted: false,
      text: 'See our plan (https://meadows.example/plan) and https://meadows.example.\nYours',
    },
    { marker: '- ', depth: 1, quoted: false, text: 'one' },
    { marker: '- ', depth: 2, quoted: false, text: 'two' },
    { marker: '- ', depth: 1, quoted: false, text: 'three' },
    { marker: '7. ', depth: 1, quoted: false, text: 'seven' },
    { marker: '8. ', depth: 1, quoted: false, text: 'eight' },
    { marker: '', depth: 0, quoted: true, text: 'said' },
  ]);
  const html = wordsHtml(text);
  t.match(html, '<p><strong>Hello</strong></p>', 'no headings between those of the page');
  t.notMatch(html, /<h\d|<img|style=/);
  t.match(
    html,
    '<a href="https://meadows.example/plan" rel="nofollow noopener noreferrer">our <em>plan</em></a>',
  );
  t.match(html, '<ol start="7">');
  t.end();
});

t.test('what placeholders stand for is text, whatever is in it', (t) => {
  const values = { petition: '<b>Mill</b> & *co* {organization}', organization: 'A "$&" B' };
  t.equal(fillIn('{organization}: {petition}!', values), 'A "$&" B: <b>Mill</b> & *co* {organization}!');
  t.equal(
    fillInHtml(wordsHtml('**{petition}** by {organization}'), values),
    '<p><strong>&lt;b&gt;Mill&lt;/b&gt; &amp; *co* {organization}</strong> by A &quot;$&amp;&quot; B</p>\n',
  );
  t.end();
});
