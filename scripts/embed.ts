/**
 * `build` makes the script that browsers get of src/embed, and fails when it has grown over its limit. It also takes the
 * script of the API reference out of its package, which so is needed for building alone.
 * `types` makes the types that src/embed is held against, of openapi.yaml: the compiler and the linter need them.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url);
const at = (path: string) => new URL(path, root);
const DOCUMENT = at('openapi.yaml');
const TYPES = at('dist/embed/openapi.d.ts');
const SCRIPT = at('dist/embed/v1.js');
const REFERENCE = at('dist/reference/');

/** What a page pays for embedding, compressed. */
const MOST_BYTES = 15_000;

/** Takes seconds: so not again while the document is the same. */
async function writeTypes(): Promise<void> {
  if (existsSync(TYPES) && statSync(TYPES).mtimeMs > statSync(DOCUMENT).mtimeMs) return;
  const { default: typesOf, astToString } = await import('openapi-typescript');
  writeFileSync(TYPES, astToString(await typesOf(DOCUMENT, { silent: true })));
}

/** Safari 16.4 (2023) is the first with style sheets that a strict CSP allows: for older ones nothing is worth it. */
async function writeScript(): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(at('src/embed/element.ts'))],
    outfile: fileURLToPath(SCRIPT),
    bundle: true,
    minify: true,
    format: 'iife',
    target: ['es2022', 'safari16.4'],
    charset: 'utf8',
    sourcemap: 'external',
    legalComments: 'none',
    tsconfig: fileURLToPath(at('src/embed/tsconfig.json')),
    // Nothing on stdout: `npm run -s undersigned -- openapi > file` builds first.
    logLevel: 'warning',
  });
}

function assertSmall(): void {
  const bytes = gzipSync(readFileSync(SCRIPT)).length;
  if (bytes > MOST_BYTES) {
    throw new Error(`the widget has ${bytes} bytes compressed: at most ${MOST_BYTES} are allowed`);
  }
}

function copyReference(): void {
  mkdirSync(REFERENCE, { recursive: true });
  const index = import.meta.resolve('@scalar/fastify-api-reference');
  copyFileSync(new URL('js/standalone.js', index), new URL('scalar.js', REFERENCE));
  copyFileSync(new URL('../LICENSE', index), new URL('LICENSE', REFERENCE));
}

mkdirSync(at('dist/embed/'), { recursive: true });
if (process.argv[2] === 'types') await writeTypes();
else {
  await writeScript();
  assertSmall();
  copyReference();
}
