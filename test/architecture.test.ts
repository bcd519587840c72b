import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { packageRoot } from '../src/package.js';

/*
 * The rules of ARCHITECTURE.md, read off the source: a request passes three rooms, http → core → store, and no room
 * reaches past the next one. A test that fails here says which line to move where.
 */

type Import = { file: string; line: number; target: string; typeOnly: boolean };
type Source = { file: string; text: string; imports: Import[] };

const filesUnder = (folder: string): string[] =>
  readdirSync(new URL(`${folder}/`, packageRoot), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => name.endsWith('.ts'))
    .sort();

function read(file: string): Source {
  const text = readFileSync(new URL(file, packageRoot), 'utf8');
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
  const imports: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteral(specifier)) return;
    const { text: name } = specifier;
    // A file of ours by its path from the root, a package by its name.
    const target = name.startsWith('.')
      ? posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts')
      : name;
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    imports.push({ file, line, target, typeOnly });
  };
  (function walk(node: ts.Node) {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, bringsTypesAlone(node.importClause));
    if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true);
    }
    ts.forEachChild(node, walk);
  })(source);
  return { file, text, imports };
}

function bringsTypesAlone(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const { name, namedBindings } = clause;
  return (
    !name &&
    !!namedBindings &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every(({ isTypeOnly }) => isTypeOnly)
  );
}

const sources = [...filesUnder('schema'), ...filesUnder('src')].map(read);
const imports = sources.flatMap((source) => source.imports);

const DRIVERS =
  /^(?:better-sqlite3(?:-12)?|pg|drizzle-orm\/(?:better-sqlite3|node-postgres|migrator))(?:\/|$)/;
const HTTP_LIBRARIES = /^(?:fastify$|fastify-plugin|@fastify\/|node:http|http$|https$)/;

type Rule = {
  rule: string;
  from: RegExp;
  never: RegExp;
  /** What passes nevertheless. */
  unless?: (one: Import) => boolean;
  instead: string;
};

const RULES: Rule[] = [
  {
    rule: 'schema imports nothing of src',
    from: /^schema\//,
    never: /^src\//,
    instead: 'declare it in schema, and import it from there',
  },
  {
    rule: 'schema/db knows nothing of the contracts',
    from: /^schema\/db\//,
    never: /^schema\/api\//,
    instead: 'the contracts import the enumerations of the tables, not the other way round',
  },
  {
    rule: 'core knows no HTTP',
    from: /^src\/core\//,
    never: HTTP_LIBRARIES,
    instead: 'hand it over as a plain argument from src/http',
  },
  {
    rule: 'core knows neither contracts nor handlers',
    from: /^src\/core\//,
    never: /^(?:schema\/api\/|src\/http\/|src\/app\.ts|src\/server\.ts|src\/cli\/)/,
    instead: 'map to and from the wire in src/http',
  },
  {
    rule: 'drivers stay in the store',
    from: /^(?!src\/store\/)/,
    never: DRIVERS,
    // drizzle's dialects are needed to declare columns, its drivers are not.
    instead: 'go through the Store: transact, read',
  },
  {
    rule: 'core knows the store by its interface',
    from: /^src\/core\//,
    never: /^src\/store\/(?!(?:store|memo)\.ts$)/,
    instead: 'import from src/store/store.js, or memo.js',
  },
  {
    rule: 'http knows no database',
    from: /^src\/http\//,
    never: /^(?:drizzle-orm|drizzle-kit)(?:\/|$)/,
    instead: 'write the query into the noun’s file of src/core',
  },
  {
    rule: 'http knows the store and the tables by their types',
    from: /^src\/http\//,
    never: /^(?:src\/store\/|schema\/db\/)/,
    unless: ({ typeOnly }) => typeOnly,
    instead: 'import type, and call src/core',
  },
  {
    rule: 'the store knows neither the product nor HTTP',
    from: /^src\/store\//,
    never: /^(?:src\/(?:core|http|cli|demo)\/|src\/app\.ts|schema\/api\/|fastify$|@fastify\/)/,
    instead: 'pass it in from src/core',
  },
  {
    rule: 'pictures know words and numbers, nothing of where they come from',
    from: /^src\/pictures\//,
    never:
      /^(?:schema\/|src\/(?!pictures\/|errors\.ts$|thread-program\.ts$)|fastify$|@fastify\/|drizzle-orm)/,
    instead: 'put it into the PictureContent in src/http/petitions/picture-content.ts',
  },
  {
    rule: 'deliveries know lines and words, nothing of where they come from',
    from: /^src\/deliveries\//,
    never:
      /^(?:schema\/|src\/(?!deliveries\/|package\.ts$|core\/(?:csv|sealer)\.ts$|escape-html\.ts$|thread-program\.ts$)|fastify$|@fastify\/|drizzle-orm)/,
    instead: 'put it into the Delivery that core hands over',
  },
  {
    rule: 'mail knows neither the server nor HTTP',
    from: /^src\/mail\//,
    never:
      /^(?:src\/(?:app|server|start-mail|mail-thread|start-mailings|mailing-thread|worker-thread)\.ts$|src\/http\/|fastify$|@fastify\/)/,
    instead: 'put it beside src/jobs.ts',
  },
  {
    rule: 'workers know nothing of the product',
    from: /^src\/workers\//,
    never: /^(?:schema\/|src\/(?:core|app|server|cli|demo|pictures)[/.]|fastify$|@fastify\/|drizzle-orm)/,
    instead: 'the server tells them, in src/workers/messages.ts or in a header of its answer',
  },
  {
    rule: 'only the command line knows the command line',
    from: /^(?!src\/cli\/)/,
    never: /^(?:src\/cli\/|commander$)/,
    instead: 'move what is shared out of src/cli',
  },
  {
    rule: 'the widget is a program of its own',
    from: /^src\/embed\//,
    never: /^(?!src\/embed\/|openapi-fetch$|dist\/embed\/openapi\.ts$)/,
    instead: 'it runs in browsers, and knows the API by its document alone',
  },
  {
    rule: 'nobody imports the widget',
    from: /^(?!src\/embed\/)/,
    never: /^(?:src\/embed\/|openapi-fetch$)/,
    instead: 'it is built by scripts/embed.ts',
  },
  {
    rule: 'nothing but tests imports what is for development',
    from: /./,
    never: /^(?:test\/|bench\/|scripts\/|tap$|tsx$|typescript$|autocannon$|fast-check$)/,
    instead: 'it is not there in production',
  },
];

t.test('imports run one way', (t) => {
  for (const { rule, from, never, unless = () => false, instead } of RULES) {
    const subject = imports.filter(({ file }) => from.test(file));
    const broken = subject
      .filter((one) => never.test(one.target) && !unless(one))
      .map(({ file, line, target }) => `${file}:${line} imports ${target}: ${instead}`);
    t.ok(subject.length > 0, `${rule}: there is something to look at`);
    t.same(broken, [], rule);
  }
  t.end();
});

t.test('a worker loads little', (t) => {
  const loaded = new Set(['src/workers/worker.ts']);
  // Sets also yield what is added meanwhile.
  for (const file of loaded) {
    for (const one of imports) if (one.file === file && !one.typeOnly) loaded.add(one.target);
  }
  const heavy = [...loaded].filter((name) =>
    /^(?:fastify$|@fastify\/(?!proxy-addr$)|drizzle-orm|schema\/)/.test(name),
  );
  t.same(heavy, [], 'its memory is paid once for each core');
  t.ok(loaded.size < 40, `${loaded.size} files and packages`);
  t.end();
});

t.test('a signature begins to count in one place', (t) => {
  const callers = sources.filter(({ text }) => /\bmoveCounts\b/.test(text)).map(({ file }) => file);
  t.same(
    callers,
    ['src/core/counts/counting-once.ts', 'src/core/counts/counts.ts'],
    'call beginToCount, or changeCounts',
  );
  t.end();
});

t.test('the environment is read in one place', (t) => {
  const readers = sources
    .filter(({ text }) => /\bprocess\.env\b|['"]node:process['"]/.test(text))
    .map(({ file }) => file);
  t.same(readers, ['src/config.ts'], 'read the environment in src/config.ts and pass on what it says');
  t.end();
});

/**
 * The folders of core, floor by floor from the ground: one imports the files beside the folders, and what is on floors
 * below its own. Types too: what needs to know a type leans on it.
 */
const FLOORS: string[][] = [
  ['counts', 'links'],
  ['petitions', 'supporters'],
  ['brakes', 'live', 'organization', 'words'],
  ['mail', 'partners'],
  ['sharing', 'subscriptions'],
  ['signatures'],
  ['paper', 'segments'],
  ['deliveries', 'mailings'],
  ['sending'],
  ['mailing-results'],
  ['my-data'],
  ['confirmation', 'letters'],
  ['verbs'],
];

const floorOf = new Map(
  FLOORS.flatMap((folders, floor) => folders.map((folder) => [folder, floor] as const)),
);

/** The folder of a file inside a layer; '' for what lies beside the folders. */
const folderIn = (layer: string, file: string): string | undefined =>
  file.startsWith(`${layer}/`) ? file.slice(layer.length + 1).replace(/\/?[^/]*$/, '') : undefined;

const foldersOf = (layer: string): string[] =>
  [...new Set(sources.map(({ file }) => folderIn(layer, file) ?? ''))].filter((folder) => folder !== '');

/** Imports between the folders of a layer that do not go down. */
const upwards = (layer: string, floors: ReadonlyMap<string, number>, everybody: readonly string[] = []) =>
  imports.flatMap(({ file, line, target }) => {
    const [from, to] = [folderIn(layer, file), folderIn(layer, target)];
    if (from === undefined || to === undefined || from === to || to === '' || everybody.includes(to)) {
      return [];
    }
    const isDown = from !== '' && (floors.get(to) ?? Infinity) < (floors.get(from) ?? -1);
    return isDown ? [] : [`${file}:${line} imports ${target}`];
  });

t.test('core stands on floors', (t) => {
  t.same(foldersOf('src/core').sort(), [...floorOf.keys()].sort(), 'every folder has its floor');
  // A Context is made of parts, which lie with their nouns.
  const broken = upwards('src/core', floorOf).filter((line) => !line.startsWith('src/core/context.ts:'));
  t.same(broken, [], 'move it to a floor below, or what needs it to one above');
  const parts = imports.filter(({ file, typeOnly }) => file === 'src/core/context.ts' && !typeOnly);
  t.same(parts, [], 'context.ts imports types alone');
  t.end();
});

t.test('nouns have the same folders in each layer', (t) => {
  const nouns = [...floorOf.keys()];
  const only = (layer: string, ...more: string[]) =>
    foldersOf(layer).filter((folder) => ![...nouns, ...more].includes(folder));
  t.same(only('src/http', 'front', 'limits', 'openapi', 'pages', 'service'), [], 'src/http');
  t.same(only('schema/api', 'service'), [], 'schema/api');
  const tables = filesUnder('schema/db/tables').map((file) => posix.basename(file, '.ts'));
  t.same(
    tables.filter((name) => ![...nouns, 'idempotency'].includes(name)),
    [],
    'schema/db/tables',
  );
  const floors = new Map([...floorOf, ['service', 0], ['pages', FLOORS.length]]);
  const broken = upwards('src/http', floors, ['front', 'limits', 'openapi']);
  t.same(broken, [], 'what two nouns need lies in src/http, beside the folders');
  t.end();
});

t.test('what is tested is found at the same path', (t) => {
  const known = new Set(sources.map(({ file }) => posix.dirname(file)));
  for (const file of filesUnder('test/http').concat(filesUnder('test/core'))) {
    const folder = posix.dirname(file).replace(/^test/, 'src');
    t.ok(known.has(folder), `${file}: there is no ${folder}`);
  }
  t.end();
});

t.test('no files in a circle, types included', (t) => {
  const next = new Map<string, Set<string>>(sources.map(({ file }) => [file, new Set<string>()]));
  for (const { file, target } of imports) if (next.has(target)) next.get(file)?.add(target);
  // What nothing imports that is left cannot be in a circle; nor what then nothing imports.
  for (let before = -1; before !== next.size;) {
    before = next.size;
    const imported = new Set([...next.values()].flatMap((targets) => [...targets]));
    for (const file of [...next.keys()]) if (!imported.has(file)) next.delete(file);
    for (const [file, targets] of next) {
      if ([...targets].every((target) => !next.has(target))) next.delete(file);
    }
  }
  const left = [...next].map(
    ([file, targets]) => `${file} -> ${[...targets].filter((one) => next.has(one)).join(', ')}`,
  );
  t.same(left, [], 'move what both need into a file of its own');
  t.end();
});

/** Lists of routes and of tables are read from top to bottom, whatever their length. */
const isList = (file: string, name: string): boolean =>
  /^src\/http\/.*(?:Routes|Pages)$/.test(`${posix.dirname(file)}/${name}`) || /^define\w+Tables$/.test(name);

t.test('functions are short', (t) => {
  const LONGEST = 60;
  const long: string[] = [];
  for (const { file, text } of sources) {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true);
    const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line;
    (function walk(node: ts.Node, name: string) {
      const own = ts.isFunctionLike(node) || ts.isVariableDeclaration(node) || ts.isPropertyAssignment(node);
      const inside = (own && node.name?.getText()) || name;
      if (ts.isFunctionLike(node) && !isList(file, inside)) {
        const lines = lineOf(node.end) - lineOf(node.getStart()) + 1;
        if (lines > LONGEST) long.push(`${file}: ${inside} has ${lines} lines`);
      }
      ts.forEachChild(node, (child) => walk(child, inside));
    })(source, '');
  }
  t.same(long, [], `split them by what they do (at most ${LONGEST} lines)`);
  t.end();
});

t.test('files are named after what is in them, and short', (t) => {
  const LONGEST = 300;
  for (const { file, text } of sources) {
    const name = posix.basename(file);
    if (/^index\./.test(name)) t.fail(`${file}: import from the file itself, there are no barrels`);
    if (/^(?:utils?|helpers?|misc|common-utils)\./.test(name)) t.fail(`${file}: name it after its subject`);
    if (/^export \* from /m.test(text)) t.fail(`${file}: import from the file itself, there are no barrels`);
    const lines = text.split('\n').length - 1;
    if (lines > LONGEST) {
      t.fail(`${file} has ${lines} lines: split it by subject (at most ${LONGEST})`);
    }
  }
  t.pass(`${sources.length} files were looked at`);
  t.end();
});

t.test('npm takes better-sqlite3 13 as it comes', (t) => {
  const lock = JSON.parse(readFileSync(new URL('package-lock.json', packageRoot), 'utf8')) as {
    packages: Record<string, { gypfile?: boolean }>;
  };
  // Its own package.json says so, but npm ci does not read that: it would compile, and, without a compiler, take away
  // what it could not compile. `npm install` forgets the line: put it back by hand.
  t.match(
    lock.packages['node_modules/better-sqlite3'],
    { gypfile: false },
    '"gypfile": false in package-lock.json',
  );
  t.end();
});
