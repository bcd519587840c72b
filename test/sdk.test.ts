import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import openapiTypescript, { astToString } from 'openapi-typescript';
import t from 'tap';
import ts from 'typescript';
import { packageRoot } from '../src/package.js';
import { onEveryEngine, start } from './support/helper.js';

/*
 * What the document is for: somebody generates a client from it and writes a program. The program is
 * `fixtures/sdk-consumer.ts`; it must compile under the strictest settings, and then work against a real server.
 */

type Story = (keys: { url: string; secret: string; publishable: string }) => Promise<Record<string, unknown>>;

// Inside node_modules, so that the program finds its packages.
const cache = fileURLToPath(new URL('node_modules/.cache/', packageRoot));
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'undersigned-sdk-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

const STRICT: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  // Of the packages' own types; the generated client is a source here, and is checked.
  skipLibCheck: true,
  types: [],
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts', 'lib.dom.asynciterable.d.ts'],
  outDir: folder,
};

/** Generates the client, compiles the program against it and returns what the compiler says. */
async function compile(): Promise<string[]> {
  const client = await openapiTypescript(new URL('openapi.yaml', packageRoot), { silent: true });
  writeFileSync(join(folder, 'client.ts'), astToString(client));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const program = join(folder, 'consumer.ts');
  copyFileSync(new URL('test/fixtures/sdk-consumer.ts', packageRoot), program);
  const compiled = ts.createProgram([program], STRICT);
  const { diagnostics } = compiled.emit();
  return [...ts.getPreEmitDiagnostics(compiled), ...diagnostics].map(({ file, start: at, messageText }) => {
    const line = file && at !== undefined ? file.getLineAndCharacterOfPosition(at).line + 1 : 0;
    return `${file?.fileName.split('/').at(-1) ?? ''}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

t.before(async () => {
  const faults = await compile();
  if (faults.length > 0) {
    throw new Error(`a program against the generated client does not compile:\n${faults.join('\n')}`);
  }
});

onEveryEngine('a generated client leads a petition through its life', async (t, engine) => {
  const api = await start(t, engine);
  const url = await api.app.listen({ port: 0, host: '127.0.0.1' });
  const { key, secret } = await api.organization('River Meadows');
  const publishable = await api.newKey(key, 'publishable');
  const { story } = (await import(pathToFileURL(join(folder, 'consumer.js')).href)) as { story: Story };

  t.same(await story({ url, secret, publishable }), {
    created: [201, 'draft', 'W26-17', true],
    retried: [201, true],
    hidden: [404, 'petition_not_found'],
    published: [200, 'published', true],
    read: [true, null, 10],
    list: [[true, 0]],
    anonymous: [202, false],
    attributed: 202,
    entered: [201, true, 'confirmed'],
    repeated: [200, false],
    publicList: ['C. Y.', 'B. A.', 'A. O.'],
    pages: [true, false],
    ownList: ['Cem Yıldız', 'cem@example.org', 'newsletter'],
    counts: [3, 2, 3, 1, 5],
    history: [3],
    moderated: ['invalidated', 'confirmed'],
    changed: [200, 'Keep the Old Mill Meadows wet'],
    stale: [412, 'precondition_failed'],
    unchanged: 304,
    files: [[1, 1], ['Ada Okonkwo', 'Ben Adeyemi', 'Cem Yıldız', 'Dee Larsen'], ''],
    mailing: [
      [201, 'It can still be changed.'],
      ['Thursday', 'en', true],
      [false, ['audience_empty']],
      [409, 'mailing_not_ready', ['/segment']],
      [0, 0, 'confirmed_signatures', 2],
      true,
    ],
    closed: ['closed', 'victory'],
    late: [409, 409, 'petition_closed', true],
    advice: 'It cannot be signed any more.',
  });
});
