import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Decrypter, generateHybridIdentity, generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { deliveryLines } from '../support/delivery-names.js';
import type { Delivery, DeliveryLine } from '../../src/deliveries/delivery.js';
import { isAgeRecipient } from '../../src/deliveries/seal/encrypt.js';
import { isSignedBy, ManifestSigner, thumbprintOf } from '../../src/deliveries/seal/manifest-signer.js';
import type { Manifest } from '../../src/deliveries/seal/manifest.js';
import { sealDelivery, type SealOptions } from '../../src/deliveries/seal/seal-delivery.js';
import { readTimestamp, timestampRequest } from '../../src/deliveries/seal/timestamp.js';
import { writeDelivery } from '../../src/deliveries/write-delivery.js';
import { deliveryOf, filesIn, folderFor, linesOf } from '../support/deliveries.js';
import { MISDEEDS, startAuthority } from '../support/time-stamps.js';

const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const signer = new ManifestSigner(Buffer.alloc(32, 7));
const now = () => new Date('2026-11-28T13:00:00Z');

async function sealed(
  t: Test,
  lines: DeliveryLine[],
  more: Partial<Delivery> = {},
  options: Partial<SealOptions> = {},
) {
  const folder = folderFor(t);
  const delivery = deliveryOf(lines, more);
  const delivered = await writeDelivery(delivery, lines, { folder });
  const made = await sealDelivery(delivery, delivered, { folder, signer, timestampUrl: '', now, ...options });
  return { folder, delivery, delivered, made, manifest: JSON.parse(made.manifest) as Manifest };
}

t.test('the manifest says what was handed over, and nothing about signers', async (t) => {
  const lines = linesOf('Ada Lovelace', null, 'Grace Hopper');
  const { folder, delivered, made, manifest } = await sealed(t, lines, {
    formats: ['csv', 'json'],
    unlisted: { hidden: 4, partners: [{ name: 'River Watch', count: 7 }], paper: 11, elsewhere: 13 },
    weeded: [{ reason: 'Spam of Ada Lovelace', count: 2 }],
    struck: [{ delivery: 'dlv_1', lines: [3, 4] }],
    after: { id: 'dlv_1', root: 'ab'.repeat(32) },
  });
  t.same(manifest, {
    version: 1,
    delivery: 'dlv_01j00000000000000000000001',
    petition: 'pet_01j00000000000000000000001',
    organization: 'River Meadows e.V.',
    recipient: 'The Mayor',
    cut_at: '2026-11-28T12:00:00Z',
    made_at: '2026-11-28T13:00:00.000Z',
    software: `undersigned ${process.env['npm_package_version'] ?? '0.1.0'}`,
    key_id: signer.keyId,
    statement_sha256: sha256('We ask the council to **keep** the meadow.'),
    columns: ['number', 'name', 'country'],
    counts: {
      listed: 3,
      named: 2,
      unnamed: 1,
      hidden: 4,
      partners: [{ name: 'River Watch', count: 7 }],
      paper: 11,
      elsewhere: 13,
      weeded: 2,
      struck: 2,
    },
    files: delivered.files.map((file) => ({ ...file, encrypted: null })),
    merkle: { hash: 'sha-256', root: delivered.root, size: 3 },
    after: { id: 'dlv_1', root: 'ab'.repeat(32) },
  });
  t.notMatch(made.manifest, /Ada|Grace|Spam/);
  t.ok(made.manifest.startsWith('{\n  "after": {\n    "id"'), 'its keys are sorted');
  t.same(readdirSync(folder).sort(), [
    'manifest.json',
    'manifest.json.sig',
    'signatures.csv',
    'signatures.json',
    'signatures.tree',
    'struck.csv',
  ]);
  for (const { name, bytes, sha256: said } of made.files) {
    const data = readFileSync(join(folder, name));
    t.same([data.length, sha256(data)], [bytes, said], name);
    t.equal(statSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  t.equal(readFileSync(join(folder, 'manifest.json'), 'utf8'), made.manifest);
  t.equal(made.manifestSha256, sha256(made.manifest));
  t.equal(readFileSync(join(folder, 'manifest.json.sig')).toString('base64'), made.signature);
  t.equal(readFileSync(join(folder, 'struck.csv'), 'utf8'), '\ufeffdelivery,line\r\ndlv_1,3\r\ndlv_1,4\r\n');
  t.equal(made.timestamp, 'none');
});

t.test('a signer', async (t) => {
  const bytes = Buffer.from('of the manifest');
  t.ok(isSignedBy(signer.publicJwk.x, bytes, signer.sign(bytes)));
  t.notOk(isSignedBy(signer.publicJwk.x, Buffer.from('of another'), signer.sign(bytes)));
  t.same(new ManifestSigner(Buffer.alloc(32, 7)).publicJwk, signer.publicJwk, 'the same on every server');
  const other = new ManifestSigner(Buffer.alloc(32, 8));
  t.not(other.keyId, signer.keyId);
  t.notOk(isSignedBy(other.publicJwk.x, bytes, signer.sign(bytes)));
  // RFC 8037, A.3.
  const thumbprint = thumbprintOf('11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo');
  t.equal(thumbprint, 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
});

t.test('an authority stamps it, as openssl confirms', async (t) => {
  const authority = await startAuthority(t);
  const options = { timestampUrl: authority.url };
  const { folder, made } = await sealed(t, linesOf('Ada'), { formats: ['csv'] }, options);
  t.equal(made.timestamp, 'stamped');
  t.ok(made.files.some(({ name }) => name === 'manifest.json.tsr'));
  const verify = (file: string) =>
    execFileSync(
      'openssl',
      ['ts', '-verify', '-data', file, '-in', 'manifest.json.tsr', '-CAfile', authority.ca],
      { cwd: folder, stdio: 'pipe', encoding: 'utf8' },
    );
  t.match(verify('manifest.json'), /Verification: OK/);
  t.throws(() => verify('signatures.csv'));
  const stamp = readTimestamp(readFileSync(join(folder, 'manifest.json.tsr')));
  t.equal(stamp.imprint, made.manifestSha256);
  t.ok(Math.abs(Date.parse(stamp.at) - Date.now()) < 60_000);
});

t.test('an authority that fails or lies keeps no delivery from being sealed', async (t) => {
  const authority = await startAuthority(t);
  const lines = linesOf('Ada');
  const folder = folderFor(t);
  const delivery = deliveryOf(lines, { formats: ['csv'] });
  const delivered = await writeDelivery(delivery, lines, { folder });
  const options = { folder, signer, timestampUrl: authority.url, now, timestampMs: 5_000 };
  for (const misdeed of Object.keys(MISDEEDS) as (keyof typeof MISDEEDS)[]) {
    authority.misdeed = misdeed;
    // Real time: it waits for a server that says nothing.
    const isSlow = /says no/.test(misdeed);
    const begun = performance.now();
    const made = await sealDelivery(delivery, delivered, { ...options, timestampMs: isSlow ? 300 : 5_000 });
    t.equal(made.timestamp, 'failed', misdeed);
    if (isSlow) t.ok(performance.now() - begun < 4_000, misdeed);
    t.notOk(readdirSync(folder).includes('manifest.json.tsr'));
  }
  t.equal(authority.asked, Object.keys(MISDEEDS).length, 'none was asked twice');
  for (const timestampUrl of [
    'http://127.0.0.1:1/',
    'http://192.0.2.1/stamp',
    'ftp://x/',
    'https://a:b@127.0.0.1:1/',
  ]) {
    const made = await sealDelivery(delivery, delivered, { ...options, timestampUrl });
    t.equal(made.timestamp, 'failed', timestampUrl);
  }
  authority.misdeed = 'it says nothing';
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const before = readdirSync(folder).sort();
  await t.rejects(sealDelivery(delivery, delivered, { ...options, signal: controller.signal }), {
    name: 'AbortError',
  });
  t.same(readdirSync(folder).sort(), before, 'cancelled, and as before');
});

t.test('answers of an authority: any bytes are refused, never more', async (t) => {
  const authority = await startAuthority(t);
  const request = timestampRequest(createHash('sha256').update('x').digest(), Buffer.from([0, 0, 200, 1]));
  const response = await fetch(authority.url, { method: 'POST', body: new Uint8Array(request) });
  const good = Buffer.from(await response.arrayBuffer());
  t.equal(readTimestamp(good).nonce, '00c801');
  const refuses = (bytes: Buffer) => {
    try {
      return typeof readTimestamp(bytes).imprint === 'string';
    } catch (error) {
      return error instanceof Error && !(error instanceof RangeError) && !(error instanceof TypeError);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => refuses(Buffer.from(bytes))));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
      const changed = Buffer.from(good);
      changed[at] = byte;
      return refuses(changed) && refuses(good.subarray(0, at));
    }),
    { numRuns: 2_000 },
  );
});

async function decryptedBy(identity: string, data: Uint8Array): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return Buffer.from(await decrypter.decrypt(data));
}

t.test('encrypted for two recipients: each can read it, and nobody else', async (t) => {
  const [one, two, other] = await Promise.all([
    generateIdentity(),
    generateHybridIdentity(),
    generateIdentity(),
  ]);
  const encryptTo = await Promise.all([one, two].map(identityToRecipient));
  const lines = [...deliveryLines(3_000)];
  const { folder, delivered, made, manifest } = await sealed(t, lines, { encryptTo, linesPerVolume: 2_000 });
  t.same(readdirSync(folder).sort(), [
    'manifest.json',
    'manifest.json.sig',
    'signatures.tree',
    'signatures.zip.age',
  ]);
  const cipher = readFileSync(join(folder, 'signatures.zip.age'));
  const zip = delivered.files.find(({ name }) => name === 'signatures.zip');
  t.same(
    manifest.files.find(({ name }) => name === 'signatures.zip'),
    {
      ...zip,
      encrypted: { name: 'signatures.zip.age', bytes: cipher.length, sha256: sha256(cipher) },
    },
  );
  t.match(
    made.files.find(({ name }) => name === 'signatures.zip.age'),
    { sha256: sha256(cipher) },
  );
  t.notOk(
    made.files.some(({ name }) => name === 'signatures.zip'),
    'it is not there any more',
  );
  for (const identity of [one, two]) t.equal(sha256(await decryptedBy(identity, cipher)), zip?.sha256);
  await t.rejects(decryptedBy(other, cipher));
  const plain = join(folder, 'plain.zip');
  writeFileSync(plain, await decryptedBy(one, cipher));
  t.match(filesIn(plain).get('signatures-1.csv')?.toString(), /Lovelace/);
});

t.test('a file that was changed before it is sealed is not lost', async (t) => {
  const folder = folderFor(t);
  const lines = linesOf('Ada');
  const encryptTo = [await identityToRecipient(await generateIdentity())];
  const delivery = deliveryOf(lines, { formats: ['csv', 'json'], encryptTo });
  const delivered = await writeDelivery(delivery, lines, { folder });
  for (const content of ['', 'something else']) {
    writeFileSync(join(folder, 'signatures.json'), content);
    await t.rejects(sealDelivery(delivery, delivered, { folder, signer, timestampUrl: '' }), {
      name: 'DeliveryError',
    });
    t.same(readdirSync(folder).sort(), ['signatures.csv', 'signatures.json', 'signatures.tree']);
  }
  rmSync(join(folder, 'signatures.json'));
  const sealing = sealDelivery(delivery, delivered, { folder, signer, timestampUrl: '' });
  await t.rejects(sealing, { code: 'ENOENT' });
  t.same(readdirSync(folder).sort(), ['signatures.csv', 'signatures.tree']);
  const controller = new AbortController();
  const cancelled = sealDelivery(delivery, delivered, {
    folder,
    signer,
    timestampUrl: '',
    signal: controller.signal,
  });
  controller.abort();
  await t.rejects(cancelled, { name: 'AbortError' });
  t.same(readdirSync(folder).sort(), ['signatures.csv', 'signatures.tree']);
});

t.test('who can be a recipient', async (t) => {
  const good = await identityToRecipient(await generateIdentity());
  const hybrid = await identityToRecipient(await generateHybridIdentity());
  t.ok(isAgeRecipient(good));
  t.ok(isAgeRecipient(hybrid));
  const changed = `${good.slice(0, -1)}${good.endsWith('q') ? 'p' : 'q'}`;
  for (const wrong of [
    '',
    'age1',
    changed,
    good.toUpperCase(),
    `${good} `,
    `${good}\n`,
    await generateIdentity(),
    'ssh-ed25519 AAAA',
  ]) {
    t.notOk(isAgeRecipient(wrong), wrong.slice(0, 20));
  }
  const folder = folderFor(t);
  const delivery = deliveryOf([], { formats: ['csv'], encryptTo: [good, changed] });
  const delivered = await writeDelivery(delivery, [], { folder });
  await t.rejects(sealDelivery(delivery, delivered, { folder, signer, timestampUrl: '' }), {
    name: 'DeliveryError',
    message: 'a recipient of age is invalid',
  });
  t.same(readdirSync(folder).sort(), ['signatures.csv', 'signatures.tree'], 'nothing is lost');
});
