/** Installs other versions of Node, and the package with each of them, in a temporary folder. */
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** The files of the package that a server needs, besides its dependencies. */
const FILES = ['package.json', 'package-lock.json', 'dist', 'drizzle', 'locales', 'openapi.yaml'];
const ADDON = 'node_modules/better-sqlite3-12/build/Release/better_sqlite3.node';
const INSTALL_MS = 300_000;

export type Node = { bin: string; folder: string; version: string; abi: string; nodeApi: number };
type Ended = { code: number; output: string };

export const run = (bin: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}): Promise<Ended> =>
  new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: INSTALL_MS, maxBuffer: 1e8 };
    execFile(bin, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, output: `${stdout}${stderr}` });
    });
  });

async function must(bin: string, args: string[], cwd: string, env?: NodeJS.ProcessEnv): Promise<string> {
  const { code, output } = await run(bin, args, cwd, env);
  if (code !== 0) throw new Error(`${[bin, ...args].join(' ')} ended with ${code}:\n${output.slice(-4000)}`);
  return output;
}

/** Installs a package into its own folder, and returns the path. */
async function fetchPackage(work: string, name: string, version: string): Promise<string> {
  const folder = join(work, `${name}-${version}`);
  mkdirSync(folder, { recursive: true });
  const quiet = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts'];
  await must('npm', ['install', '--prefix', folder, ...quiet, `${name}@${version}`], folder);
  return join(folder, 'node_modules', name);
}

/** Installs Node from the registry: an exact version, or the newest of a major version. */
export async function fetchNode(work: string, wanted: string): Promise<Node> {
  const folder = await fetchPackage(work, `node-${process.platform}-${process.arch}`, wanted);
  const bin = join(folder, 'bin/node');
  const { node, modules, napi } = JSON.parse(
    await must(bin, ['-p', 'JSON.stringify(process.versions)'], folder),
  ) as Record<'node' | 'modules' | 'napi', string>;
  return { bin, folder, version: node, abi: modules, nodeApi: Number(napi) };
}

/** Installs npm, and returns the path of its program. */
export const fetchNpm = async (work: string, version: string): Promise<string> =>
  join(await fetchPackage(work, 'npm', version), 'bin/npm-cli.js');

const withNode = (node: Node, env: NodeJS.ProcessEnv = {}) => ({
  PATH: `${dirname(node.bin)}${delimiter}${process.env['PATH'] ?? ''}`,
  // The headers of this Node: node-gyp would download them.
  npm_config_nodedir: node.folder,
  ...env,
});

/** The packages, including development dependencies, that do not support this Node. */
export async function misfits(node: Node, npm: string): Promise<string[]> {
  const args = [npm, 'ci', '--dry-run', '--no-audit', '--no-fund', '--loglevel=warn'];
  const output = await must(node.bin, args, root, withNode(node));
  return [...output.matchAll(/EBADENGINE +package: '([^']+)'/g)].map(([, name]) => name ?? '');
}

/** Runs `npm ci` for the built package, as on a server. Returns its path. */
export async function install(work: string, node: Node, npm: string): Promise<string> {
  const folder = join(work, `undersigned-${node.version}`);
  mkdirSync(folder);
  for (const name of FILES) cpSync(join(root, name), join(folder, name), { recursive: true });
  const ci = (...more: string[]) => [
    npm,
    'ci',
    '--omit=dev',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    ...more,
  ];
  if (node.nodeApi < 10 && node.abi === process.versions.modules && existsSync(join(root, ADDON))) {
    // Compiling takes a minute: reuses the addon that was compiled for the same ABI.
    await must(node.bin, ci('--ignore-scripts'), folder, withNode(node));
    mkdirSync(dirname(join(folder, ADDON)), { recursive: true });
    copyFileSync(join(root, ADDON), join(folder, ADDON));
  } else {
    // Where version 13 runs, 12 may be missing: simulates a machine without a compiler and without prebuilt binaries.
    const bare = node.nodeApi < 10 ? {} : { npm_config_build_from_source: 'true', MAKE: '/nowhere' };
    const output = await must(node.bin, ci(), folder, withNode(node, bare));
    if (output.includes('EBADENGINE')) throw new Error(`npm ci says:\n${output}`);
    if (node.nodeApi >= 10 && existsSync(join(folder, ADDON))) throw new Error('12 was built all the same');
  }
  return folder;
}

/** The lowest version in `engines` of package.json. */
export const lowest = (): string => {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  return /^\^([\d.]+)/.exec(engines.node)?.[1] ?? '';
};
