import { createHash } from 'node:crypto';
import { onEveryEngine, start } from '../../support/helper.js';

onEveryEngine('the keys that sign deliveries', async (t, engine) => {
  const api = await start(t, engine);

  await t.test('getSigningKeys 200: the public half alone', async (t) => {
    const { status, headers, text } = await api.call('GET', '/.well-known/undersigned-keys.json');
    t.equal(status, 200);
    t.match(headers, {
      'content-type': 'application/jwk-set+json',
      'cache-control': 'public, max-age=300',
      'access-control-allow-origin': '*',
    });
    const { keys } = JSON.parse(text) as { keys: Record<string, string>[] };
    t.equal(keys.length, 1);
    const [{ kty, crv, x = '', kid, alg, use, ...more } = {}] = keys;
    t.same([kty, crv, alg, use, more], ['OKP', 'Ed25519', 'EdDSA', 'sig', {}], 'no `d`');
    const thumbprint = createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`);
    t.equal(kid, thumbprint.digest('base64url'));
  });
});
