import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Writes the TypeScript of these folders as JavaScript into `target`, each file at the path that it has here. It must be a
 * folder of this package: that is where dependencies, migrations and locales are found. Types are not checked.
 */
export function compile(folders: string[], target: string): void {
  const sources = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(folder, name)),
  );
  buildSync({
    absWorkingDir: root,
    entryPoints: sources,
    outbase: root,
    outdir: target,
    format: 'esm',
    platform: 'node',
    // So that a failure is shown at its line of the TypeScript.
    sourcemap: 'linked',
    sourcesContent: false,
  });
}
