import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { SCOPES } from '../schema/db/tables/organization.js';
import { renderDocument } from '../src/cli/openapi.js';
import { Environment, loadConfig } from '../src/config.js';
import { ERRORS } from '../src/errors.js';
import { packageRoot } from '../src/package.js';
import type { Answer } from './support/helper.js';
import { home, main, serve } from './support/process.js';
import { lookFor, until } from './support/until.js';

/*
 * What the documents say holds. Blocks of `sh` are typed into a shell beside a fresh server, page by page as the README
 * lists them; blocks of `bash` need more than that (a second server, minutes), and only their commands are looked up.
 */

const root = fileURLToPath(packageRoot);
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const markdownOf = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(folder, file));

const PAGES = markdownOf('docs').filter((page) => page !== 'docs/index.md');
const DOCUMENTS = [...markdownOf('.'), ...markdownOf('docs'), 'bench/README.md'];
const README = read('README.md');

const variables = Object.entries(Environment.properties).map(([name, { default: value, description }]) => ({
  name,
  value: String(value),
  description: String(description),
}));

const fences = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, code = '']) => code);
const withoutFences = (text: string) => text.replace(/^```[^]*?^```$/gm, '');
const codeSpans = (text: string) =>
  [...withoutFences(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
/** Everything that is written as code: spans, and lines of blocks. */
const codeOf = (text: string) => [
  ...codeSpans(text),
  ...[...text.matchAll(/^```\w+\n([^]*?)^```$/gm)].flatMap(([, code = '']) => code.split('\n')),
  ...[...withoutFences(text).matchAll(/^ {4}(.+)$/gm)].map(([, code = '']) => code),
];
const linksOf = (text: string) =>
  [...withoutFences(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^https?:/.test(target));
const unique = (items: string[]) => [...new Set(items)];

const sources = ['src', 'schema', 'test', 'scripts', 'bench']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
  )
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map(read)
  .join('\n');

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** What looks like a word or a scope of the API, and is PostgreSQL's or the element's. */
const FOREIGN = [
  ...['pg_dump', 'pg_cancel_backend', 'ignore_startup_parameters', 'shared_buffers'],
  ...['undersigned:signed', 'undersigned:shared', 'undersigned:confirmed'],
];

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

t.test('the tables of variables, limits and scopes repeat the code', async (t) => {
  const rows = (page: string) =>
    [...read(page).matchAll(/^\| `([A-Z_]+)` +\| (?:`([^`]*)`|empty) +\|/gm)].map(([, name, value = '']) => ({
      name,
      value,
    }));
  const wanted = variables.map(({ name, value }) => ({ name, value }));
  t.strictSame(rows('docs/configuration.md'), wanted, 'docs/configuration.md repeats src/config.ts');
  const limits = rows('docs/conventions.md');
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
    [...read('docs/organization.md').matchAll(/^\| `([a-z]+:[a-z]+)`/gm)].map(([, scope]) => scope),
    [...SCOPES],
  );
  for (const page of PAGES) {
    for (const block of fences(read(page), 'ini')) {
      const settings = [...block.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]);
      t.ok(settings.length > 0);
      t.doesNotThrow(
        () => loadConfig(Object.fromEntries(settings), false),
        `${page}: the server takes\n${block}`,
      );
    }
  }
});

type Step = { command: string; status: number | undefined; text: string; body: Answer['body'] };
// Each is there: its match fails where one is missing.
type TourSteps = [
  ...[Step, Step, Step, Step, Step, Step, Step, Step, Step],
  ...[Step, Step, Step, Step, Step, Step, Step, Step],
  ...[Step, Step, Step, Step, Step, Step, Step, Step],
];

/**
 * What stands in for the reader's machine: our commands as they are compiled, a package manager that has run, and a
 * generator that test/sdk.test.ts tries.
 */
const SHELL = `
set -eu -o pipefail
curl() {
  local limit=()
  # A stream has no end: a reader presses Ctrl-C.
  [[ " $* " == *' -N '* ]] && limit=(--max-time 0.3)
  command curl --silent --show-error --write-out '\\n%{http_code}\\n' "\${limit[@]}" "$@" || [[ $? = 28 && \${#limit[@]} -gt 0 ]]
}
node() { [ "$1" = dist/src/cli/main.js ] && command node "$MAIN" "\${@:2}"; }
npm() { if [ "\${*:1:3}" = 'run -s undersigned' ]; then command node "$MAIN" "\${@:5}"; fi; }
npx() { [ -x "$ROOT/node_modules/.bin/$1" ]; }
sqlite3() { NODE_PATH="$ROOT/node_modules" command node -e 'new (require(process.versions.napi >= 10 ? "better-sqlite3" : "better-sqlite3-12"))(process.argv[1]).exec(process.argv[2])' "$@"; }
`;

const isTypedBefore = (block: string) => />> \.env$/m.test(block);

/** Somebody who types what the documents say, and pastes what they have seen where it says `txt_…`. */
class Reader {
  readonly #shell;
  #seen: string;
  #said = '';
  #faults = '';

  constructor(
    t: Test,
    readonly folder: string,
    readonly url: string,
    seen: string,
  ) {
    this.#seen = seen;
    const { PATH = '' } = process.env;
    this.#shell = spawn('bash', { cwd: folder, env: { PATH, MAIN: main, ROOT: root } });
    t.teardown(() => this.#shell.kill());
    this.#shell.stdout.on('data', (data) => (this.#said += String(data)));
    this.#shell.stderr.on('data', (data) => (this.#faults += String(data)));
    this.#shell.stdin.write(SHELL);
  }

  /** The latest word with this prefix that was printed, or mailed. */
  async #latest(prefix: string): Promise<string> {
    const pattern = new RegExp(`\\b${prefix}_[0-9A-Za-z_-]{10,}`, 'g');
    const look = () => `${this.#mails()}\n${this.#seen}`.match(pattern)?.at(-1);
    return until(look, `${prefix}_… printed or mailed`, { everyMs: 50 });
  }

  #mails(): string {
    const folder = join(this.folder, 'data/mail');
    const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith('.eml')) : [];
    return files
      .map((file) =>
        readFileSync(join(folder, file), 'utf8').replace(/=\r?\n|=3D/g, (code) =>
          code === '=3D' ? '=' : '',
        ),
      )
      .join('\n');
  }

  end(): void {
    this.#shell.stdin.end();
  }

  async type(block: string): Promise<Step> {
    let typed = block.replaceAll('http://127.0.0.1:3000', this.url);
    for (const [placeholder, prefix = ''] of typed.matchAll(/\b([a-z]{2,3})_…/g)) {
      typed = typed.replace(placeholder, await this.#latest(prefix));
    }
    this.#said = '';
    this.#shell.stdin.write(`{\n${typed}} </dev/null\nprintf '\\f'\n`);
    await lookFor(() => this.#said.endsWith('\f') || this.#shell.exitCode !== null);
    if (!this.#said.endsWith('\f')) throw new Error(`it failed:\n${typed}\n${this.#said}\n${this.#faults}`);
    const text = this.#said.slice(0, -1);
    this.#seen += text;
    const [, body, code] = /^([^]*)\n(\d{3})\n$/.exec(text) ?? [];
    const isJson = body?.startsWith('{') === true && !/^\d{3}$/m.test(body);
    return {
      command: block,
      status: code ? Number(code) : undefined,
      text,
      body: isJson ? JSON.parse(body) : undefined,
    };
  }
}

const hasTools = ['bash', 'curl'].every((tool) => spawnSync(tool, ['--version']).status === 0);

t.test(
  'a reader types what the documents say',
  { skip: hasTools ? false : 'bash and curl are not there' },
  async (t) => {
    const folder = home(t);
    // The server reads .env when it starts.
    const before = PAGES.flatMap((page) => fences(read(page), 'sh').filter(isTypedBefore));
    spawnSync('bash', { input: before.join('\n'), cwd: folder });

    const running = await serve(t, folder);
    const reader = new Reader(t, folder, running.url, running.output());
    const tour = README.split('\n## A tour in 60 seconds\n')[1]?.split('\n## ')[0] ?? '';
    const steps: Step[] = [];
    for (const block of fences(tour, 'sh')) steps.push(await reader.type(block));
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
      consentText,
      subscribed,
      written,
      checked,
      tested,
      started,
      statistics,
      chart,
      ...more
    ] = steps as TourSteps;
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

    t.match(consentText, { status: 201, body: { id: /^txt_/ } });
    t.match(subscribed, { status: 200, body: { created: 1 } });
    t.match(written, { status: 201, body: { id: /^mlg_/, state: 'draft' } });
    t.match(checked, { status: 200, body: { ready: true, findings: [{ severity: 'warning' }] } });
    t.match(tested, { status: 202, body: { queued: 1 } });
    t.match(started, { status: 200, body: { id: written.body.id, state: 'building' } });
    t.match(statistics, { status: 200, body: { mailing_id: written.body.id } });
    t.match(chart.text, /\n200\n$/);
    t.match(readFileSync(join(folder, 'mailing.svg'), 'utf8'), /^<svg [^]*They decide on Thursday/);

    const listed = unique(linksOf(README).filter((link) => link.startsWith('docs/')));
    t.strictSame([...listed].sort(), [...PAGES].sort(), 'the README lists every page');
    // From the last to the first: no page may live on what a page before it has put there.
    const waiting = listed.toReversed();
    const readPages = async () => {
      for (let page = waiting.shift(); page !== undefined; page = waiting.shift()) {
        // A shell of its own, so that each page can be read alone, after the tour.
        const reader = new Reader(t, folder, running.url, running.output());
        await reader.type('KEY=sk_…\n');
        for (const block of fences(read(page), 'sh')) {
          if (isTypedBefore(block)) continue;
          const { text } = await reader.type(block);
          const statuses = [...text.matchAll(/^(\d{3})$/gm)].map(([, status]) => Number(status));
          const asked = block.match(/^curl /gm)?.length ?? 0;
          const fine = statuses.length >= asked && statuses.every((status) => status < 400);
          t.ok(fine, `${page}: ${block.split('\n')[0]}`, { block, text });
          t.notMatch(text, '"data":[]', `${page} shows something: ${block.split('\n')[0]}`);
        }
        reader.end();
      }
    };
    await Promise.all([readPages(), readPages()]);

    // What the API document does not name is a page.
    const routes = unique(PAGES.flatMap((page) => codeSpans(read(page)))).filter((code) =>
      /^\/[a-z-]+$/.test(code),
    );
    t.ok(routes.includes('/docs') && routes.includes('/manage'));
    for (const route of routes) {
      t.equal((await fetch(`${running.url}${route}`)).status, 200, `${route} is there`);
    }
  },
);

t.test('blocks use what a reader of a fresh checkout has', async (t) => {
  for (const page of DOCUMENTS) {
    const text = read(page);
    const blocks = [...fences(text, 'sh'), ...fences(text, 'bash')].join('\n');
    t.notMatch(blocks, /^undersigned /m, `${page}: in a checkout the command is npm run -s undersigned --`);
    const set = [...blocks.matchAll(/(?:^|\b(?:for|read) )([A-Za-z]+)(?:=| in )/gm)].map(([, name]) => name);
    if (text.includes('README.md#a-tour-in-60-seconds')) set.push('KEY');
    for (const [, name = ''] of blocks.matchAll(/\$\{?([A-Za-z]\w*)/g)) {
      t.ok(
        set.includes(name),
        `${page}: $${name} is set before it is used, or the page says where it comes from`,
      );
    }
  }
});

t.test('what the documents say of the API is in the OpenAPI document', async (t) => {
  const document = await renderDocument();
  const { paths, tags } = parse(document) as {
    paths: Record<string, Record<string, unknown>>;
    tags: { name: string }[];
  };
  for (const { name } of tags) {
    const page = `docs/${name.toLowerCase().replaceAll(' ', '-')}.md`;
    t.ok(PAGES.includes(page), `${name} has its page, ${page}`);
  }
  const templates = Object.keys(paths).map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
  }));
  // As a router does: what is written out comes before a parameter.
  const find = (path: string) =>
    path in paths ? path : templates.find(({ pattern }) => pattern.test(path))?.path;

  for (const file of ['README.md', 'CHANGELOG.md', ...PAGES]) {
    const text = read(file).replace(/\w+_…/g, 'x');
    for (const [path] of text.matchAll(/(?<!\w)\/v1\/[\w{}/-]+(?:\.png)?/g)) {
      t.ok(find(path), `${file}: ${path} is there`);
    }
    const methods = codeSpans(text).flatMap((code) => [
      ...code.matchAll(/\b(GET|POST|PUT|PATCH|DELETE) (\/[\w{}/.-]+)/g),
    ]);
    for (const [, method = '', path = ''] of methods) {
      t.ok(paths[find(path) ?? '']?.[method.toLowerCase()], `${file}: ${method} ${path} is there`);
    }
    const words = unique(codeSpans(text)).filter((code) => /^[a-z]+(?:_[a-z]+)+$/.test(code));
    for (const word of words) {
      const known =
        word in ERRORS || document.includes(word) || sources.includes(word) || FOREIGN.includes(word);
      t.ok(known, `${file}: ${word} is an error or a word of the API`);
    }
    const scopes = unique(codeSpans(text)).filter((code) => /^[a-z]+:[a-z]+$/.test(code));
    for (const scope of scopes) {
      t.ok([...SCOPES, ...Object.keys(scripts), ...FOREIGN].includes(scope), `${file}: ${scope} is a scope`);
    }
  }
});

/** What GitHub makes of a heading, and VitePress as docs/.vitepress/config.ts tells it. */
const anchorsOf = (file: string) => {
  const text = withoutFences(read(file));
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, words = '']) =>
    words
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  );
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)];
};

t.test('links, files, scripts and variables that the documents name exist', async (t) => {
  const ci = read('.ci/run');
  for (const file of DOCUMENTS) {
    const text = read(file);
    const ran = [...text.matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(test|start)\b)/g)].map(
      ([, run, short]) => run ?? short ?? '',
    );
    for (const script of unique(ran)) {
      t.ok(script in scripts, `${file}: npm run ${script} is in package.json`);
    }

    for (const link of unique(linksOf(text))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? file : normalize(join(dirname(file), path));
      t.ok(existsSync(join(root, target)), `${file}: ${link} exists`);
      if (anchor !== undefined) t.ok(anchorsOf(target).includes(anchor), `${file}: ${link} is a heading`);
    }
    const files = codeSpans(text).filter((code) =>
      /^(?!data\/)(?:\.?[\w-]+\/)*(?:[\w.-]+\.(?:ts|md|yaml|cfg)|(?<=\/))$/.test(code),
    );
    for (const name of unique(files)) {
      const places = [join(root, name), join(root, dirname(file), name)];
      t.ok(places.some(existsSync), `${file}: ${name} exists`);
    }
    const names = codeOf(text).flatMap(
      (code) => code.match(/(?<![\w$'-])[A-Z]+(?:_[A-Z0-9]+)+(?![\w…])/g) ?? [],
    );
    for (const name of unique(names)) {
      const known = name in Environment.properties || sources.includes(name) || ci.includes(name);
      t.ok(known, `${file}: ${name} is a variable`);
    }
  }
});

t.test('the site has every page', async (t) => {
  const config = read('docs/.vitepress/config.ts');
  for (const page of PAGES) {
    t.match(config, `'${page.slice('docs/'.length, -'.md'.length)}'`, `${page} is in the sidebar`);
  }
  for (const [, link = ''] of read('docs/index.md').matchAll(/^ +link: \/(\S+)$/gm)) {
    const [page = '', anchor] = link.split('#');
    const file = page === 'getting-started' ? 'README.md' : `docs/${page}.md`;
    t.ok(existsSync(join(root, file)) && (!anchor || anchorsOf(file).includes(anchor)), `/${link} is there`);
  }
  t.ok(README.split('\n').length < 250, 'the README is short: the rest has pages');
});

/** The commands of src/cli/main.ts and the files of commands beside it, each with its options. */
function definedCommands(): Map<string, string[]> {
  // Those about keys, mailings and deliveries are made in functions, one level deeper.
  const inFunctions = ['key-commands', 'mailing-commands', 'delivery-commands'].map((name) =>
    read(`src/cli/${name}.ts`).replace(/^ {2}/gm, ''),
  );
  const code = [read('src/cli/main.ts'), ...inFunctions].join('\n');
  const groups = new Map(
    [...code.matchAll(/const (\w+) = program\s*\.command\('([\w-]+)'\)/g)].map(([, name = '', word = '']) => [
      name,
      word,
    ]),
  );
  const found = new Map<string, string[]>();
  const optionsIn = (chain: string) =>
    [...chain.matchAll(/[oO]ption\(\s*'(--[\w-]+)/g)].map(([, option = '']) => option);
  const ofFiles = optionsIn(read('src/cli/import-options.ts').replace(/new Option/g, 'option'));
  // Commands that take a file stand in brackets, behind the function that gives them its options.
  const plain = code.replace(
    /^takesFile\(\n {2}(\w+)\n((?: {4}.*\n)+)\)/gm,
    (_, start: string, chain: string) =>
      `${start}\n${chain}${ofFiles.map((option) => `  .option('${option}')\n`).join('')}  `,
  );
  for (const [, start = '', chain = ''] of plain.matchAll(/^(\w+)\n((?: {2}.*\n)+)/gm)) {
    const words = [
      groups.get(start) ?? '',
      ...[...chain.matchAll(/\.command\('([\w-]+)'\)/g)].map(([, word]) => word),
    ];
    found.set(words.join(' ').trim(), optionsIn(chain));
  }
  return found;
}

t.test('commands that the documents name exist', async (t) => {
  const defined = definedCommands();
  const groups = unique([...defined.keys()].map((command) => command.split(' ')[0] ?? ''));
  const table = [...read('docs/command-line.md').matchAll(/^\| `([a-z-]+(?: [a-z][a-z-]*)?)([^`]*)`/gm)];
  t.strictSame(
    Object.fromEntries(
      table.map(([, command = '', rest = '']) => [command, rest.match(/--[\w-]+/g)?.sort() ?? []]),
    ),
    Object.fromEntries([...defined].sort().map(([command, options]) => [command, [...options].sort()])),
    'docs/command-line.md repeats the commands of src/cli',
  );
  const named =
    /(?:(?<![\w/-])undersigned(?: --)?|dist\/src\/cli\/main\.js) ([a-z][a-z-]*)( [a-z][a-z-]*)?([^|]*)/g;
  for (const file of DOCUMENTS) {
    for (const [said, one = '', two = '', rest = ''] of codeOf(read(file)).flatMap((code) => [
      ...code.matchAll(named),
    ])) {
      const options = defined.get(one + two) ?? defined.get(one);
      t.ok(options ?? groups.includes(one), `${file}: ${said} is a command`);
      for (const option of rest.match(/--[\w-]+/g) ?? []) t.ok(options?.includes(option), `${file}: ${said}`);
    }
  }
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
