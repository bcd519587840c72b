import t from 'tap';
import { FileDecoder } from '../../src/core/file-text.js';

function decode(bytes: Buffer, size: number, named?: string) {
  const decoder = new FileDecoder(named);
  let text = '';
  for (let at = 0; at < bytes.length; at += size) text += decoder.read(bytes.subarray(at, at + size));
  return { text: text + decoder.end(), encoding: decoder.encoding };
}

const SIZES = [1, 3, 7, 4096, 1_000_000];
const wide = (text: string) => Buffer.from(text, 'utf16le');
const TEXT = 'email,name\nz@example.org,Zo\u00eb \u{1f600}\n';

t.test('the encoding is found, in whatever pieces the file comes', async (t) => {
  const latin = Buffer.from('email,name\nr@example.org,Ren\xe9 \x93M\xfcller\x94 \x96 \x80 5\n', 'latin1');
  const files: [string, Buffer, string, string?][] = [
    ['utf-8', Buffer.from(TEXT), TEXT],
    ['utf-8', Buffer.from(`\uFEFF${TEXT}`), TEXT],
    ['utf-8', Buffer.from('email,name\n'), 'email,name\n'],
    ['utf-8', Buffer.alloc(0), ''],
    ['utf-16le', wide(`\uFEFF${TEXT}`), TEXT],
    ['utf-16be', wide(`\uFEFF${TEXT}`).swap16(), TEXT],
    ['utf-16le', wide(TEXT), TEXT],
    ['utf-16be', wide(TEXT).swap16(), TEXT],
    ['windows-1252', latin, 'email,name\nr@example.org,Ren\u00e9 \u201cM\u00fcller\u201d \u2013 \u20ac 5\n'],
    ['windows-1251', Buffer.from([0xc8, 0xe2, 0xe0, 0xed]), '\u0418\u0432\u0430\u043d', 'windows-1251'],
    ['utf-16le', wide(`\uFEFF${TEXT}`), TEXT, 'windows-1252'],
  ];
  for (const [encoding, bytes, text, named] of files) {
    for (const size of SIZES) {
      t.same(decode(bytes, size, named), { text, encoding }, `${encoding} by ${size}`);
    }
  }
});

t.test('a broken character makes UTF-8 no other encoding', async (t) => {
  const bytes = Buffer.concat([
    Buffer.from('a,Zo\u00eb\nb,'),
    Buffer.from([0xc3]),
    Buffer.from('x\nc,Zo\u00eb\n'),
  ]);
  for (const size of SIZES) {
    t.same(decode(bytes, size), { text: 'a,Zo\u00eb\nb,\uFFFDx\nc,Zo\u00eb\n', encoding: 'utf-8' });
  }
});

t.test('what is neither UTF-8 nor Windows-1252 is refused, not guessed', async (t) => {
  const texts = ['name\n\xc8\xe2\xe0\xed', 'name\nPawe\xb3', 'name\n\xa3ukasz', 'name\n\x8f\x96'];
  for (const text of texts) {
    t.throws(() => decode(Buffer.from(text, 'latin1'), 4096), { code: 'invalid_body' }, text);
  }
  t.throws(() => new FileDecoder('utf-99'), { code: 'invalid_body' });
});

t.test('ASCII goes through at once, the rest is held back only until the encoding is clear', async (t) => {
  const decoder = new FileDecoder();
  t.equal(decoder.read(Buffer.from('email,name\n')), 'email,name\n');
  t.equal(decoder.read(Buffer.from('Zo\u00eb')), '');
  t.equal(decoder.read(Buffer.alloc(70_000, 'x')).length, 70_003);
  t.equal(decoder.read(Buffer.from('\u00eb')), '\u00eb');
});
