/**
 * `build` bundles src/embed for browsers, and fails if the script exceeds its size limit. It also copies the script of
 * the API reference out of its package, which is therefore needed only for building.
 * `types` generates types for src/embed from openapi.yaml: the compiler and the linter need them.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync } from 'node:zlib';
import { build, transform, type Plugin } from 'esbuild';

const root = new URL('..', import.meta.url);
const at = (path: string) => new URL(path, root);
const DOCUMENT = at('openapi.yaml');
const TYPES = at('dist/embed/openapi.d.ts');
const SCRIPT = at('dist/embed/v1.js');
const REFERENCE = at('dist/reference/');

/** The size limit of the script, compressed. */
const MOST_BYTES = 15_000;

/** Takes seconds, so it is skipped while the document has not changed. */
async function writeTypes(): Promise<void> {
  if (existsSync(TYPES) && statSync(TYPES).mtimeMs > statSync(DOCUMENT).mtimeMs) return;
  const { default: typesOf, astToString } = await import('openapi-typescript');
  writeFileSync(TYPES, astToString(await typesOf(DOCUMENT, { silent: true })));
}

/** Targets Safari 16.4 (2023), the first with constructed style sheets, which a strict CSP allows. */
const TARGET = ['es2022', 'safari16.4'];

/** A style sheet is imported as its text, minified. */
const styles: Plugin = {
  name: 'styles',
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, 'utf8'), {
        loader: 'css',
        minify: true,
        target: TARGET,
      });
      return { contents: code.trim(), loader: 'text' };
    });
  },
};

async function writeScript(): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(at('src/embed/element.ts'))],
    outfile: fileURLToPath(SCRIPT),
    bundle: true,
    minify: true,
    format: 'iife',
    target: TARGET,
    plugins: [styles],
    charset: 'utf8',
    sourcemap: 'external',
    legalComments: 'none',
    tsconfig: fileURLToPath(at('src/embed/tsconfig.json')),
    // Nothing on stdout: `npm run -s undersigned -- openapi > file` builds first.
    logLevel: 'warning',
  });
}

function assertSmall(): void {
  const bytes = gzipSync(readFileSync(SCRIPT), { level: constants.Z_BEST_COMPRESSION }).length;
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
