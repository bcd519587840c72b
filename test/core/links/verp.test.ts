import fc from 'fast-check';
import t from 'tap';
import { readVerp, verpAddress } from '../../../src/core/links/verp.js';
import { createSecrets } from '../../../src/core/secrets.js';

const ctx = { secrets: createSecrets(Buffer.alloc(32, 7)) };
const other = { secrets: createSecrets(Buffer.alloc(32, 8)) };
const BOUNCES = 'bounces@campaign.example';
const keys = fc.integer({ min: 1, max: 2 ** 48 - 1 });

t.test('an envelope sender names its recipient, whatever mail servers do to it', (t) => {
  fc.assert(
    fc.property(keys, (key) => {
      const address = verpAddress(ctx, BOUNCES, key);
      t.match(address, /^bounces\+b-[a-z2-7]{26}@campaign\.example$/);
      t.ok(address.indexOf('@') <= 64, 'a local part has 64 characters at most');
      for (const text of [
        address,
        address.toUpperCase(),
        `<${address}>`,
        `rfc822; ${address}`,
        address.replace('@', '=40'),
        `SRS0=h7Gx=4Q=campaign.example=${address.replace(/@.*/, '')}@forwarder.example`,
        `"${address}" <${address}>, someone@else.example`,
      ]) {
        t.equal(readVerp(ctx, text), key, text);
      }
      t.equal(readVerp(other, address), undefined, 'of another installation');
    }),
    { numRuns: 200 },
  );
  t.end();
});

t.test('a code is the same each time, and tells nothing of its neighbours', (t) => {
  t.equal(verpAddress(ctx, BOUNCES, 1), verpAddress(ctx, BOUNCES, 1));
  const codes = Array.from({ length: 200 }, (_, key) => verpAddress(ctx, BOUNCES, key + 1));
  const starts = new Set(codes.map((code) => code.slice(10, 14)));
  t.ok(starts.size > 190, `${starts.size} of 200 begin differently`);
  t.end();
});

t.test('nothing else is a code', (t) => {
  const address = verpAddress(ctx, BOUNCES, 12_345);
  const code = address.slice(address.indexOf('b-'), address.indexOf('@'));
  for (let index = 2; index < code.length; index += 1) {
    for (const letter of 'abcdefghijklmnopqrstuvwxyz234567') {
      if (letter === code[index]) continue;
      const forged = code.slice(0, index) + letter + code.slice(index + 1);
      t.equal(readVerp(ctx, forged), undefined, forged);
    }
  }
  const near = ['', 'b-', code.slice(1), code.slice(0, -1), `${code}a`, `a${code}`, code.replace('-', '_')];
  for (const text of near) t.equal(readVerp(ctx, text), undefined, text);
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => readVerp(ctx, text) === undefined));
  t.equal(readVerp(ctx, `${`b-${'a'.repeat(26)} `.repeat(3)}${address}`), 12_345, 'behind ones that fail');
  const before = performance.now();
  t.equal(readVerp(ctx, `b-${'a'.repeat(26)} `.repeat(40_000)), undefined);
  t.equal(readVerp(ctx, 'b-'.repeat(500_000)), undefined);
  t.ok(performance.now() - before < 2000, 'long texts take no time');
  t.end();
});
