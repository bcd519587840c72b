import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import t, { type Test } from 'tap';
import { deliveryLines } from '../support/delivery-names.js';
import { TREE, type Delivery, type DeliveryLine } from '../../src/deliveries/delivery.js';
import { readBranch } from '../../src/deliveries/proof/tree-file.js';
import { ManifestSigner } from '../../src/deliveries/seal/manifest-signer.js';
import { textOf, type Manifest } from '../../src/deliveries/seal/manifest.js';
import { sealDelivery } from '../../src/deliveries/seal/seal-delivery.js';
import { verifyDelivery, type VerifyOptions } from '../../src/deliveries/verify/verify-delivery.js';
import { writeDelivery } from '../../src/deliveries/write-delivery.js';
import { packageRoot } from '../../src/package.js';
import { deliveryOf, folderFor } from '../support/deliveries.js';
import { startAuthority } from '../support/time-stamps.js';

const signer = new ManifestSigner(Buffer.alloc(32, 7));
const keys = new Map([[signer.keyId, signer.publicJwk.x]]);

async function sealed(
  t: Test,
  lines: readonly DeliveryLine[],
  more: Partial<Delivery> = {},
  timestampUrl = '',
) {
  const folder = folderFor(t);
  const delivery = deliveryOf(lines, { columns: ['country', 'city', 'partner'], ...more });
  const delivered = await writeDelivery(delivery, lines, { folder });
  await sealDelivery(delivery, delivered, { folder, signer, timestampUrl });
  return folder;
}

/** What a signer gets about their line. */
async function proofOf(folder: string, line: DeliveryLine) {
  const { delivery, columns, merkle } = manifestIn(folder);
  const index = line.number - 1;
  const cells = Object.fromEntries(columns.map((column) => [column, line[column] ?? null]));
  const { size, branch } = await readBranch(join(folder, TREE), index);
  return { delivery, line: cells, salt: line.salt, index, size, branch, root: merkle.root };
}

const manifestIn = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;

async function failuresIn(folder: string, more: Partial<VerifyOptions> = {}) {
  const findings = await verifyDelivery(folder, { keys, identities: [], ...more });
  return findings.filter(({ level }) => level === 'fails').map(({ about, found }) => `${about}: ${found}`);
}

const lines = [...deliveryLines(250)];

t.test('what was handed over holds, in one volume and in several', async (t) => {
  const authority = await startAuthority(t);
  for (const linesPerVolume of [1_000, 100]) {
    const struck = [{ delivery: 'dlv_1', lines: [1, 2] }];
    const folder = await sealed(t, lines, { linesPerVolume, struck }, authority.url);
    const findings = await verifyDelivery(folder, { keys, identities: [] });
    t.same(new Set(findings.map(({ level }) => level)), new Set(['holds']));
    const about = new Map(findings.map(({ about, found }) => [about, found]));
    t.equal(about.get('root'), manifestIn(folder).merkle.root);
    t.equal(about.get('lines in CSV'), '250');
    t.equal(about.get('lines in JSON'), '250');
    t.equal(about.get('names in JSON'), '245');
    t.ok(about.has('struck.csv'));
    t.match(about.get('time stamp'), /for this manifest/);
  }
});

/** What somebody changes in a folder, and what is said of it. */
const FORGERIES: Record<string, [change: (folder: string) => void, found: RegExp]> = {
  'a byte of a file': [
    (folder) =>
      edit(folder, 'signatures.pdf', (data) => (data[data.length >> 1] = (data[data.length >> 1] ?? 0) ^ 1)),
    /^signatures\.pdf: it was changed$/,
  ],
  'a missing file': [
    (folder) => rmSync(join(folder, 'signatures.csv')),
    /^signatures\.csv: it is not there$/,
  ],
  'a count of the manifest': [
    (folder) => rewrite(folder, (manifest) => (manifest.counts.paper = 9)),
    /^signature: the manifest was changed/,
  ],
  'another signature': [
    (folder) => edit(folder, 'manifest.json.sig', (data) => (data[9] = (data[9] ?? 0) ^ 1)),
    /^signature: /,
  ],
  'a cut signature': [
    (folder) => writeFileSync(join(folder, 'manifest.json.sig'), 'short'),
    /^signature: the manifest was changed/,
  ],
  'no signature': [(folder) => rmSync(join(folder, 'manifest.json.sig')), /^signature: there is no/],
  'no manifest': [(folder) => rmSync(join(folder, 'manifest.json')), /^manifest\.json: there is none/],
  'a manifest that leads elsewhere': [
    (folder) =>
      rewrite(folder, (manifest) => ((manifest.files[0] ?? { name: '' }).name = '../../etc/passwd')),
    /^manifest\.json: it is no manifest/,
  ],
  'a stamp of noise': [
    (folder) => writeFileSync(join(folder, 'manifest.json.tsr'), 'noise'),
    /^time stamp: it is not readable/,
  ],
};

function edit(folder: string, name: string, change: (data: Buffer) => unknown): void {
  const data = readFileSync(join(folder, name));
  change(data);
  writeFileSync(join(folder, name), data);
}

function rewrite(folder: string, change: (manifest: Manifest) => unknown): Manifest {
  const manifest = manifestIn(folder);
  change(manifest);
  writeFileSync(join(folder, 'manifest.json'), textOf(manifest));
  return manifest;
}

t.test('whatever was changed is found', async (t) => {
  const whole = await sealed(t, lines);
  t.same(await failuresIn(whole), []);
  for (const [what, [change, found]] of Object.entries(FORGERIES)) {
    const folder = folderFor(t);
    cpSync(whole, folder, { recursive: true });
    change(folder);
    const failures = await failuresIn(folder);
    t.ok(
      failures.some((line) => found.test(line)),
      `${what}: ${failures.join('; ')}`,
    );
  }
  t.match(await failuresIn(whole, { keys: undefined }), [/^signature: not checked/]);
  const other = new ManifestSigner(Buffer.alloc(32, 8));
  const others = new Map([[other.keyId, other.publicJwk.x]]);
  t.match(await failuresIn(whole, { keys: others }), [/^signature: the key .* is none of these/]);
});

t.test('lines that the organization itself has changed are found by the root', async (t) => {
  const folder = folderFor(t);
  const few = lines.slice(0, 3);
  const delivery = deliveryOf(few);
  const delivered = await writeDelivery(delivery, few, { folder });
  const json = join(folder, 'signatures.json');
  const [ada = '', ...rest] = [few[1]?.name ?? '', 'Somebody Else'];
  writeFileSync(json, readFileSync(json, 'utf8').replace(ada, rest[0] ?? ''));
  await sealDelivery(delivery, delivered, { folder, signer, timestampUrl: '' });
  // It signs a manifest that has the hash of the changed file, and the root of before.
  const data = readFileSync(json);
  const { createHash } = await import('node:crypto');
  rewrite(folder, ({ files }) => {
    const file = files.find(({ name }) => name === 'signatures.json');
    if (file) {
      Object.assign(file, { bytes: data.length, sha256: createHash('sha256').update(data).digest('hex') });
    }
  });
  writeFileSync(join(folder, 'manifest.json.sig'), signer.sign(readFileSync(join(folder, 'manifest.json'))));
  t.match(await failuresIn(folder), [/^root: that of the lines is [0-9a-f]{64}$/]);
});

t.test('encrypted files are looked into with an identity', async (t) => {
  const identity = await generateIdentity();
  const encryptTo = [await identityToRecipient(identity)];
  const folder = await sealed(t, lines, { encryptTo, linesPerVolume: 100 });
  const without = await verifyDelivery(folder, { keys, identities: [] });
  t.match(
    without.find(({ about }) => about === 'signatures.zip'),
    { level: 'open', found: /encrypted/ },
  );
  t.same(
    without.filter(({ level }) => level === 'fails'),
    [],
  );
  const looked = await verifyDelivery(folder, { keys, identities: [identity] });
  t.same(
    looked.filter(({ level }) => level === 'fails'),
    [],
  );
  t.ok(looked.some(({ about, level }) => about === 'root' && level === 'holds'));
  t.match(await failuresIn(folder, { identities: [await generateIdentity()] }), [
    /^signatures\.zip: it cannot be decrypted with this identity/,
  ]);
  t.notOk(readdirSync(folder).includes('signatures.zip'), 'nothing is left behind');
});

t.test('one line', async (t) => {
  const folder = await sealed(t, lines);
  for (const line of [lines[0], lines[99], lines[249]]) {
    if (!line) continue;
    const branch = await proofOf(folder, line);
    t.same(await failuresIn(folder, { branch }), []);
    const wrong = [
      { ...branch, line: { ...branch.line, name: 'Somebody Else' } },
      { ...branch, line: { ...branch.line, more: 1 } },
      { ...branch, salt: lines[5]?.salt },
      { ...branch, salt: 'short' },
      { ...branch, index: branch.index === 0 ? 1 : 0 },
      { ...branch, size: 251 },
      { ...branch, branch: [] },
      { ...branch, delivery: 'dlv_2' },
      { ...branch, root: '00'.repeat(32) },
      {},
      null,
      7,
    ];
    for (const one of wrong) {
      t.match(await failuresIn(folder, { branch: one }), [/^line: /], JSON.stringify(one)?.slice(0, 60));
    }
  }
});

/** The program of the documents, which has nothing of ours. */
function pythonProgram(t: Test): string {
  const page = readFileSync(new URL('docs/deliveries.md', packageRoot), 'utf8');
  const path = join(folderFor(t), 'verify.py');
  writeFileSync(path, /```python\n([^]*?)```/.exec(page)?.[1] ?? '');
  return path;
}

t.test('Python comes to the same root, and OpenSSL to the same signature', async (t) => {
  const program = pythonProgram(t);
  for (const count of [0, 1, 7, 250]) {
    const some = lines.slice(0, count);
    const folder = await sealed(t, some, { formats: ['json'] });
    const python = (...files: string[]) =>
      execFileSync('python3', [program, ...files], { cwd: folder, encoding: 'utf8' }).trim();
    t.equal(python('manifest.json', 'signatures.json'), 'holds', `${count} lines`);
    for (const line of [some[0], some.at(-1)]) {
      if (!line) continue;
      const proof = await proofOf(folder, line);
      writeFileSync(join(folder, 'line.json'), JSON.stringify(proof));
      t.equal(python('manifest.json', 'line.json'), 'holds', `line ${line.number} of ${count}`);
      writeFileSync(join(folder, 'line.json'), JSON.stringify({ ...proof, salt: saltOfNobody }));
      t.equal(python('manifest.json', 'line.json'), 'fails');
    }
    writeFileSync(
      join(folder, 'key.der'),
      Buffer.concat([
        Buffer.from('302a300506032b6570032100', 'hex'),
        Buffer.from(signer.publicJwk.x, 'base64url'),
      ]),
    );
    const asked = ['pkeyutl', '-verify', '-rawin', '-pubin', '-keyform', 'DER', '-inkey', 'key.der'];
    const openssl = (file: string) =>
      spawnSync('openssl', [...asked, '-in', file, '-sigfile', 'manifest.json.sig'], { cwd: folder }).status;
    t.equal(openssl('manifest.json'), 0);
    t.not(openssl('signatures.json'), 0);
  }
});

const saltOfNobody = Buffer.alloc(16, 9).toString('base64url');
