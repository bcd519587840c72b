import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { SCOPES } from '../schema/db/tables/organization.js';
import { renderDocument } from '../src/cli/openapi.js';
import { Environment, loadConfig } from '../src/config.js';
import { ERRORS } from '../src/errors.js';
import type { Answer } from './support/helper.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const README = read('README.md');
const GUIDES = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'];

const variables = Object.entries(Environment.properties).map(([name, { default: value, description }]) => ({
  name,
  value: String(value),
  description: String(description),
}));

/** What stands in the README under a heading of the second level. */
const section = (heading: string) => README.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
const fences = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code);
const withoutFences = (text: string) => text.replace(/^```[^]*?^```$/gm, '');
const codeSpans = (text: string) =>
  [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
const unique = (items: string[]) => [...new Set(items)];

t.test('.env.example names every variable with its default and its words', async (t) => {
  const lines = read('.env.example').split('\n');
  const found = lines.flatMap((line, i) => {
    const [, name, value = ''] = /^#? ?([A-Z_]+)=(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, value, description: lines[i - 1]?.replace(/^# /, '') ?? '' }];
  });
  t.strictSame(found, variables, 'copy name, default and description from src/config.ts');
  t.ok(
    lines.every((line) => line === '' || line.startsWith('# ')),
    'all of it is commented out: a copy changes nothing',
  );
  const asSet = Object.fromEntries(found.map(({ name, value }) => [name, value]));
  t.strictSame(loadConfig(asSet, false), loadConfig({}, false), 'uncommented it says the same');
});

t.test('the README names every variable with its default', async (t) => {
  const rows = (text: string) =>
    [...text.matchAll(/^\| `([A-Z_]+)` +\| (?:`([^`]*)`|empty) +\|/gm)].map(([, name, value = '']) => ({
      name,
      value,
    }));
  const wanted = variables.map(({ name, value }) => ({ name, value }));
  t.strictSame(
    rows(section('Configuration')),
    wanted,
    'the table under "Configuration" repeats src/config.ts',
  );
  const limits = rows(section('Rate limits'));
  t.equal(
    limits.length,
    wanted.filter(({ name }) => name.startsWith('RATE_LIMIT_')).length,
    'every limit is explained',
  );
  for (const limit of limits) {
    t.same(
      wanted.find(({ name }) => name === limit.name),
      limit,
    );
  }
  t.strictSame(
    codeSpans(section('Keys and scopes')).filter((code) => (SCOPES as readonly string[]).includes(code)),
    [...SCOPES],
  );
});

type Running = { url: string; key: string; folder: string };

/** The real server, started as a newcomer does, in an empty folder. */
async function startFresh(t: Test): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-tour-'));
  const { PATH, HOME } = process.env;
  const args = ['--import', import.meta.resolve('tsx'), join(root, 'src/cli/main.ts'), 'serve'];
  const child = spawn(process.execPath, args, { cwd: folder, env: { PATH, HOME, PORT: '0' } });
  t.teardown(async () => {
    if (child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  const listen = (resolve: (found: Running) => void, reject: (reason: Error) => void) => {
    child.stderr.on('data', (chunk) => (said += String(chunk)));
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      const url = /listens on (http:\S+)/.exec(said)?.[1];
      const key = /\bsk_[0-9A-Za-z]{38}\b/.exec(said)?.[0];
      if (url !== undefined && key !== undefined) resolve({ url, key, folder });
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${said}`)));
  };
  return new Promise(listen);
}

type Step = { command: string; status: number | undefined; text: string; body: Answer['body'] };
// Each is there: its match fails where one is missing.
type TourSteps = [
  ...[Step, Step, Step, Step, Step, Step, Step, Step, Step],
  ...[Step, Step, Step, Step, Step, Step, Step, Step],
];

/** Types every block of the tour into one shell and returns what each printed. */
function typeTour({ url, key, folder }: Running): Step[] {
  const blocks = fences(section('A tour in 60 seconds'), 'sh');
  const typed = blocks.map((block) =>
    block.replaceAll('http://127.0.0.1:3000', url).replace(/^KEY=sk_…$/m, `KEY=${key}`),
  );
  // As curl, but it also prints the status that it got.
  const curl = `curl() { command curl --silent --show-error --write-out '\\n%{http_code}' "$@"; }`;
  const script = ['set -eu -o pipefail', curl, ...typed.map((block) => `${block}\nprintf '\\f'`)].join('\n');
  const { stdout, stderr, status } = spawnSync('bash', {
    input: script,
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (status !== 0) throw new Error(`the shell ended with ${status}: ${stderr}`);
  return stdout
    .split('\f')
    .slice(0, -1)
    .map((text, i) => {
      const [, body, code] = /^([^]*)\n(\d{3})$/.exec(text) ?? [];
      return {
        command: blocks[i] ?? '',
        status: code ? Number(code) : undefined,
        text,
        body: body ? JSON.parse(body) : undefined,
      };
    });
}

const hasTools = ['bash', 'curl'].every((tool) => spawnSync(tool, ['--version']).status === 0);

t.test(
  "the README's tour works on a fresh start",
  { skip: hasTools ? false : 'bash and curl are not there' },
  async (t) => {
    const running = await startFresh(t);
    const [
      readIt,
      sign,
      again,
      ,
      asOrganiser,
      counts,
      everybody,
      organiser,
      create,
      publish,
      ,
      patch,
      signTrains,
      mail,
      code,
      confirm,
      trainCounts,
      ...more
    ] = typeTour(running) as TourSteps;
    t.same(more, [], 'every block is looked at here');

    t.match(readIt, {
      status: 200,
      body: { slug: 'save-the-old-mill-meadows', open: true, counts: { confirmed: 0 } },
    });
    t.match(sign, { status: 202, body: { next: 'done', receipt: /^rc_/ } });
    t.equal(again.command, sign.command);
    t.match(again, { status: 202, body: { ...sign.body, receipt: /^rc_/ } }, 'the same answer');
    t.not(again.body.receipt, sign.body.receipt, 'but for its receipt');
    t.match(asOrganiser, { status: 201, body: { created: true, status: 'confirmed', count: 2 } });
    t.match(counts, { status: 200, body: { confirmed: 2, next_milestone: 10 } });
    t.match(everybody, {
      status: 200,
      body: { data: [{ display_name: 'Bo Lindgren' }, { display_name: 'A. O.' }] },
    });
    t.notMatch(everybody.text, /@/, 'no addresses');
    t.match(organiser, {
      status: 200,
      body: { data: [{ email: 'bo@example.org' }, { email: 'ada@example.org' }] },
    });
    t.match(create, { status: 201, body: { status: 'draft', open: false } });
    t.match(publish, { status: 200, body: { id: create.body.id, status: 'published', open: true } });
    t.match(patch, { status: 200, body: { id: create.body.id, title: 'Bring the night trains back' } });

    t.match(signTrains, { status: 202, body: { next: 'confirm_email', count: 0 } });
    t.match(mail.text, /^\S+\.eml\n$/, 'one mail was written');
    t.match(code.text, /^\d{6}\n$/);
    t.match(confirm, { status: 200, body: { kind: 'signature', petition_id: create.body.id } });
    t.match(trainCounts, { status: 200, body: { confirmed: 1, pending: null } });

    const shown = await fetch(`${running.url}/docs/`);
    t.equal(shown.status, 200, '/docs, which the README names, is there');
  },
);

t.test('what the README says of the API is in the OpenAPI document', async (t) => {
  const text = await renderDocument();
  const { paths } = parse(text) as { paths: Record<string, Record<string, unknown>> };
  const templates = Object.keys(paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
  }));
  // As a router does: what is written out comes before a parameter.
  const find = (path: string) =>
    path in paths ? path : templates.find(({ pattern }) => pattern.test(path))?.path;

  const versioned = unique([...README.matchAll(/\/v1\/[\w{}/-]+(?:\.png)?/g)].map(([path]) => path));
  const spans = codeSpans(README);
  const service = unique(spans.flatMap((code) => /^(?:[A-Z]+ )?(\/[a-z.]+)$/.exec(code)?.[1] ?? []));
  t.ok(versioned.length > 10 && service.length > 5, 'the README names paths');
  for (const path of [...versioned, ...service.filter((path) => path !== '/docs')]) {
    t.ok(find(path), `${path} is there`);
  }

  const methods = spans.flatMap((code) => [
    ...code.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/[\w{}/.-]+)/g),
  ]);
  for (const [, method = '', path = ''] of methods) {
    t.ok(paths[find(path) ?? '']?.[method.toLowerCase()], `${method} ${path} is there`);
  }

  const [beforeRunning = ''] = README.split('\n## Running it in production\n');
  const words = unique(codeSpans(beforeRunning).filter((code) => /^[a-z]+(?:_[a-z]+)+$/.test(code)));
  for (const word of words) {
    t.ok(word in ERRORS || text.includes(word), `${word} is an error or a word of the API`);
  }
});

for (const guide of GUIDES) {
  t.test(`files and scripts that ${guide} names exist`, async (t) => {
    const text = read(guide);
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const ran = [...text.matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(test|start)\b)/g)].map(
      ([, run, short]) => run ?? short ?? '',
    );
    t.ok(ran.length > 0);
    for (const script of unique(ran)) t.ok(script in scripts, `npm run ${script} is in package.json`);

    const links = [...withoutFences(text).matchAll(/\]\(([^)]+)\)/g)].map(([, target = '']) => target);
    const files = codeSpans(text).filter((code) =>
      /^(?!data\/)(?:\.?[\w-]+\/)*(?:[\w.-]+\.(?:ts|md|yaml)|(?<=\/))$/.test(code),
    );
    const local = links.filter((target) => !/^(?:https?:|#)/.test(target));
    t.ok(files.length + local.length > 0);
    for (const file of unique([...files, ...local])) t.ok(existsSync(join(root, file)), `${file} exists`);

    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, words = '']) =>
      words
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    const anchors = [...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id);
    for (const target of links.filter((link) => link.startsWith('#'))) {
      t.ok([...headings, ...anchors].includes(target.slice(1)), `${target} is a heading`);
    }
  });
}

t.test('commands that the README names exist', async (t) => {
  const main = read('src/cli/main.ts');
  const commands = [...section('Command line').matchAll(/^\| `([a-z-]+)( [a-z][a-z-]*)?/gm)].map(
    ([, one = '', two]) => (two ?? one).trim(),
  );
  const defined = [...main.matchAll(/\.command\('([a-z-]+)'\)/g)].map(([, name = '']) => name);
  const groups = [
    'organizations',
    'keys',
    'link-keys',
    'bounces',
    'erasures',
    'retention',
    'do-not-contact',
    'signatures',
  ];
  t.same(unique(commands).sort(), unique(defined.filter((name) => !groups.includes(name))).sort());
});

t.test('functions that ARCHITECTURE.md names exist', async (t) => {
  const sources = ['src', 'schema', 'test']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        join(folder, file),
      ),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map(read)
    .join('\n');
  const names = codeSpans(read('ARCHITECTURE.md')).flatMap(
    (code) => /^(?:\w+\.)?([A-Za-z]\w+)(?:\(.*\))?$/.exec(code)?.[1] ?? [],
  );
  t.ok(names.length > 10);
  for (const name of unique(names)) t.match(sources, new RegExp(`\\b${name}\\b`), `${name} is in the code`);
});
