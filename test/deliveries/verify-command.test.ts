import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import t from 'tap';
import { deliveryLines } from '../support/delivery-names.js';
import { ManifestSigner } from '../../src/deliveries/seal/manifest-signer.js';
import { sealDelivery } from '../../src/deliveries/seal/seal-delivery.js';
import { writeDelivery } from '../../src/deliveries/write-delivery.js';
import { deliveryOf } from '../support/deliveries.js';
import { cli, home } from '../support/process.js';

t.test('deliveries verify', async (t) => {
  const root = home(t);
  const folder = join(root, 'delivery');
  mkdirSync(folder);
  const signer = new ManifestSigner(Buffer.alloc(32, 7));
  const identity = await generateIdentity();
  const lines = [...deliveryLines(30)];
  const delivery = deliveryOf(lines, {
    encryptTo: [await identityToRecipient(identity)],
    formats: ['csv', 'json'],
  });
  const delivered = await writeDelivery(delivery, lines, { folder });
  await sealDelivery(delivery, delivered, { folder, signer, timestampUrl: '' });
  const keySet = JSON.stringify({ keys: [signer.publicJwk] });
  writeFileSync(join(root, 'keys.json'), keySet);
  writeFileSync(join(root, 'identity.txt'), `# created: today\n# public key: age1…\n${identity}\n`);
  const verify = (...args: string[]) => cli(root, {}, 'deliveries', 'verify', 'delivery', ...args);

  const whole = await verify('--keys', 'keys.json', '--identity', 'identity.txt');
  t.equal(whole.code, 0, whole.stdout + whole.stderr);
  t.match(whole.stdout, /^holds {2}manifest\.json: dlv_\w+, 30 lines for The Mayor, as of 2026-/m);
  t.match(whole.stdout, new RegExp(`^holds {2}signature: by the key ${signer.keyId}$`, 'm'));
  t.match(whole.stdout, /^open {3}time stamp: there is none$/m);
  t.match(whole.stdout, new RegExp(`^holds {2}root: ${delivered.root}$`, 'm'));
  t.match(whole.stdout, /\nThe delivery holds\.\n$/);
  t.notMatch(whole.stdout + whole.stderr, /Lovelace|AGE-SECRET/);

  const server = createServer((request, answer) =>
    answer
      .writeHead(request.url === '/moved' ? 302 : 200, {
        'content-type': 'application/jwk-set+json',
        location: '/keys',
      })
      .end(keySet),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  t.match(await verify('--keys', `${url}/keys`), { code: 0, stdout: /open {3}signatures\.json: encrypted/ });

  const wrong = [
    [['--keys', `${url}/moved`], /the keys could not be fetched/],
    [['--keys', 'http://192.0.2.1/keys'], /keys are read from a file or from https/],
    [['--keys', 'identity.txt'], /these are no keys/],
    [['--keys', 'keys.json', '--identity', 'keys.json'], /holds no identity of age/],
    [['--keys', 'keys.json', '--branch', 'identity.txt'], /the file of --branch is no JSON/],
    [['--keys', 'nowhere.json'], /it failed with ENOENT/],
  ] as const;
  for (const [args, said] of wrong) {
    const { code, stderr } = await verify(...args);
    t.equal(code, 1, args.join(' '));
    t.match(stderr, said);
    t.equal(stderr.split('\n').length, 2, 'one line');
  }
  t.match(await verify(), { code: 1, stdout: /^fails {2}signature: not checked: name the keys/m });
  const path = join(folder, 'manifest.json');
  writeFileSync(path, readFileSync(path, 'utf8').replace('The Mayor', '\\u001b[2JMayor'));
  const forged = await verify('--keys', 'keys.json');
  t.equal(forged.code, 1);
  t.match(forged.stdout, /^fails {2}signature: the manifest was changed/m);
  t.match(forged.stdout, /\nWhat does not hold: 1\.\n$/);
  t.notOk(forged.stdout.includes('\u001b'), 'nothing moves the cursor');
  rmSync(path);
  t.match(await verify('--keys', 'keys.json'), {
    code: 1,
    stdout: /^fails {2}manifest\.json: there is none$/m,
  });
});
