/**
 * `npm run test:nodes`: checks on each Node that package.json supports (lowest and newest versions) that npm ci prints
 * no warnings, and that a server starts, signs with all threads at work, stops on SIGTERM, and has lost nothing.
 * Unsupported versions must print which Node is needed. Each is tried several times, since crashes are not
 * deterministic.
 *
 *     npm run test:nodes -- --only 24,26.5.0 --rounds 10 --signatures 20000
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fetchNode, fetchNpm, install, lowest, misfits, run } from './install.js';
import { trial } from './trial.js';

/** The major version of npm that comes with this Node. */
const npmOf = (node: string) => (Number.parseInt(node) < 24 ? '10' : '11');

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: [lowest(), '22.14.0', '22', '24', '26'].join() },
    rounds: { type: 'string', default: '2' },
    signatures: { type: 'string', default: '3000' },
    'too-old': { type: 'string', default: '20.18.3,22.13.1' },
  },
});
const listed = (text: string) => text.split(',').filter((one) => one !== '');
const work = mkdtempSync(join(tmpdir(), 'undersigned-nodes-'));
const clear = () => rmSync(work, { recursive: true, force: true, maxRetries: 5 });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    clear();
    process.exit(130);
  });
}

let failed = 0;
async function check(name: string, work: () => Promise<string>): Promise<void> {
  const begun = performance.now();
  let text: string;
  try {
    text = `ok      ${name}: ${await work()}`;
  } catch (error) {
    failed += 1;
    text = `FAILED  ${name}: ${(error as Error).message}`;
  }
  console.log(`${text} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
}

/** Checks that the program refuses to run with one sentence. */
async function refuses(bin: string, main: string, wanted: RegExp): Promise<string> {
  const { code, output } = await run(bin, [main, 'migrate'], work);
  if (code === 1 && wanted.test(output)) return output.trim();
  throw new Error(`it ended with ${code}: ${output}`);
}

try {
  const mains: string[] = [];
  for (const wanted of listed(values.only)) {
    const node = await fetchNode(work, wanted);
    const npm = await fetchNpm(work, npmOf(wanted));
    let main = '';
    await check(`Node ${node.version}, npm ci`, async () => {
      if (wanted === lowest()) {
        const packages = await misfits(node, npm);
        if (packages.length > 0) throw new Error(`not made for it: ${packages.join(', ')}`);
      }
      main = join(await install(work, node, npm), 'dist/src/cli/main.js');
      return 'no warnings';
    });
    if (main === '') continue;
    mains.push(main);
    for (let round = 1; round <= Number(values.rounds); round += 1) {
      await check(`Node ${node.version}, life ${round}`, async () => {
        const home = join(work, `home-${node.version}-${round}`);
        const { signatures, mails } = await trial(node.bin, main, home, Number(values.signatures));
        rmSync(home, { recursive: true });
        return `${signatures} signatures and ${mails} mails, all kept`;
      });
    }
    if (mains.length > 1 && node.nodeApi >= 10) {
      await check(`Node ${node.version}, installed with another`, () =>
        refuses(node.bin, mains[0] ?? '', /^undersigned: better-sqlite3,[^\n]*: run npm ci[^\n]*\n$/),
      );
    }
  }
  for (const wanted of listed(values['too-old'])) {
    const { bin, version } = await fetchNode(work, wanted);
    await check(`Node ${version} is too old`, () =>
      refuses(bin, mains[0] ?? '', /^undersigned: this is Node\.js [\d.]+: it needs 20\.19[^\n]*\n$/),
    );
  }
} finally {
  clear();
}
process.exitCode = failed > 0 ? 1 : 0;
