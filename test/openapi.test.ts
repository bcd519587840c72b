import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import addFormats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance, RouteOptions } from 'fastify';
import t from 'tap';
import { parse } from 'yaml';
import { renderDocument } from '../src/cli/openapi.js';
import { ERRORS } from '../src/errors.js';
import { TAGS } from '../src/http/operation.js';
import { engines, start, type Engine } from './helper.js';

type Json = Record<string, any>;

const committed = readFileSync(new URL('../openapi.yaml', import.meta.url), 'utf8');
const document = parse(committed) as Json;

const resolve = (value: Json): Json =>
  typeof value['$ref'] === 'string'
    ? value['$ref']
        .slice(2)
        .split('/')
        .reduce((node: Json, part) => node[part] as Json, document)
    : value;

type Operation = { where: string; path: string; method: string; operation: Json };
const operations: Operation[] = Object.entries(document['paths'] as Json).flatMap(([path, item]) =>
  Object.entries(item as Json).map(([method, operation]) => ({
    where: `${method.toUpperCase()} ${path}`,
    path,
    method,
    operation: operation as Json,
  })),
);

t.test('openapi.yaml is what the routes say', async (t) => {
  const fresh = await renderDocument();
  t.ok(fresh === committed, 'openapi.yaml is old: run `npm run openapi` and commit it');
  t.equal(await renderDocument(), fresh, 'the same each time');
});

t.test('a server serves the same document, with its own address', async (t) => {
  const api = await start(t, engines[0] as Engine);
  const { body: json } = await api.call('GET', '/openapi.json');
  const { text: yaml } = await api.call('GET', '/openapi.yaml');
  t.equal(json.servers[0].url, 'http://undersigned.test');
  t.same({ ...json, servers: document['servers'] }, document);
  t.same(parse(yaml), json);
  t.same(Object.keys(json), ['openapi', 'info', 'servers', 'tags', 'paths', 'components']);
});

t.test('every route is an operation that says all there is to say', async (t) => {
  const routes = await routesOf(t);
  const declared = new Set(operations.map(({ where }) => where));
  for (const { method, url, schema } of routes) {
    const where = `${method} ${url.replace(/:([A-Za-z]+)/g, '{$1}')}`;
    if (method === 'HEAD' || schema?.hide) t.notOk(declared.has(where), `${where} stays out of the document`);
    else t.ok(declared.has(where), `${where}: give it \`schema: operation({ … })\`, or \`schema: { hide: true }\``);
  }

  const ids = new Map<string, string>();
  for (const { where, operation, method, path } of operations) {
    const { operationId: id, tags, summary, description } = operation;
    t.notOk(ids.has(id), `${where}: the operationId ${id} is that of ${ids.get(id)} already`);
    ids.set(id, where);
    t.match(id, /^(?:get|list|create|update|transition|sign|invalidate|restore|revoke)[A-Z][A-Za-z]+$/, `${where}: name it verb and noun`);
    t.ok(tags.length === 1 && tags[0] in TAGS, `${where}: give it one tag of TAGS in src/http/operation.ts`);
    t.ok(summary && !summary.endsWith('.'), `${where}: give it a summary, without a full stop`);
    t.match(description, /\.$/, `${where}: give it a description, in sentences`);
    for (const [, name] of path.matchAll(/\{([a-z_]+)\}/g)) {
      const found = (operation['parameters'] ?? []).map(resolve).find((item: Json) => item['in'] === 'path' && item['name'] === name);
      t.ok(found?.description, `${where}: describe the path parameter ${name} in \`params\``);
    }
    for (const parameter of (operation['parameters'] ?? []).map(resolve)) {
      t.ok(parameter.description, `${where}: describe the parameter ${parameter.name}`);
    }
    t.equal(operation['requestBody'] !== undefined, ['post', 'patch', 'put'].includes(method), `${where}: POST and PATCH have a body, others none`);
  }
});

t.test('who may call is what the document says', async (t) => {
  const api = await start(t, engines[0] as Engine);
  const { key, secret } = await api.organization('River Meadows');
  const weak = await api.newKey(key, 'secret', []);
  const scopes = new Map((await routesOf(t)).map(({ method, url, config }) => [`${method} ${url}`, config?.scope]));

  for (const { where, operation, path, method } of operations) {
    const url = path.replace('{petition}', 'none').replace('{key}', `key_${'0'.repeat(26)}`).replace('{signature}', `sig_${'0'.repeat(26)}`);
    const ask = async (key?: string) => (await api.call(method.toUpperCase(), url, key === undefined ? {} : { key })).body?.code;
    const scope = scopes.get(where.replace(/\{([a-z]+)\}/g, ':$1'));
    const secretOnly = { security: [{ secretKey: [] }] };
    if (operation['tags'][0] === 'Service') {
      t.match(operation, { security: [{}] }, `${where} stands in the service block: \`access: 'service'\``);
      t.not(await ask('nonsense'), 'invalid_key', `${where} looks at no key`);
    } else if ((await ask()) === 'key_required') {
      t.same(operation['security'], secretOnly.security, `${where} stands in the secret block of app.ts: \`access: 'secret'\``);
      const refused = await ask(weak);
      if (operation['operationId'] === 'getOrganization') t.notOk(refused, 'every secret key may ask whose it is');
      else t.equal(refused, scope && 'scope_required', `${where}: give it a \`config.scope\``);
      t.ok(scope || operation['operationId'] === 'getOrganization', `${where}: give it a \`config.scope\``);
      t.not(await ask(secret), 'scope_required');
    } else {
      t.same(operation['security'], [{}, { publishableKey: [] }, { secretKey: [] }], `${where} stands in the open block: \`access: 'open'\``);
      t.notOk(scope, `${where}: an open route asks for no scope`);
      t.equal(await ask('nonsense'), 'invalid_key', `${where} refuses a wrong key`);
    }
  }
});

t.test('every operation declares the errors that it can meet', async (t) => {
  const seen = new Set<string>();
  for (const { where, operation } of operations) {
    const { responses, requestBody, tags } = operation;
    const needed = ['400', '414', '500'];
    if (tags[0] !== 'Service') needed.push('401', '403', '429', '503');
    if (requestBody) needed.push('400', '413', '415', '422', '507');
    for (const status of needed) {
      t.ok(responses[status], `${where} declares ${status}: codes that its \`access\` or \`body\` brings are missing in operation.ts`);
    }
    for (const [status, reference] of Object.entries(responses as Json)) {
      const { content = {}, description, headers } = resolve(reference as Json);
      t.ok(description && headers, `${where} ${status}: say what it means`);
      const problem = content['application/problem+json'] as Json | undefined;
      t.equal(problem !== undefined, Number(status) >= 400, `${where} ${status}: errors, and only they, are problems`);
      for (const [code, example] of Object.entries((problem?.['examples'] ?? {}) as Json)) {
        t.match(resolve(example as Json)['value'], { status: Number(status), code }, `${where} ${status} ${code}: the example fits`);
        seen.add(code);
      }
    }
  }
  // These belong to no operation.
  const apart = ['not_found', 'method_not_allowed', 'headers_too_large', 'request_timeout'];
  for (const code of Object.keys(ERRORS)) {
    t.equal(seen.has(code), !apart.includes(code), `${code}: name it in the \`errors\` of the operations that answer it, or take it out of the catalogue`);
  }
});

t.test('every request and answer in JSON has an example, and every example is true', async (t) => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat('int32', true);
  ajv.addSchema(document, 'spec');
  let count = 0;
  const fits = (pointer: string, value: unknown) => {
    count += 1;
    const validate = ajv.compile({ $ref: `spec#${pointer}` });
    if (!validate(value)) t.fail(`the example of ${pointer}: ${ajv.errorsText(validate.errors)}`);
  };
  const escape = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

  (function walk(node: unknown, pointer: string, parent: string) {
    if (typeof node !== 'object' || node === null) return;
    const { schema, example, examples, content } = node as Json;
    if (schema && example !== undefined) fits(`${pointer}/schema`, example);
    if (schema && examples) for (const one of Object.values(examples as Json)) fits(`${pointer}/schema`, resolve(one as Json)['value']);
    if (!schema && Array.isArray(examples) && parent !== 'properties') for (const one of examples) fits(pointer, one);
    if (content && parent !== 'properties') {
      for (const [type, media] of Object.entries(content as Json)) {
        if (/json$/.test(type)) t.ok(media.examples, `${pointer} ${type}: give the component an example in schema/api`);
      }
    }
    // What is inside an example is no schema.
    for (const [name, child] of Object.entries(node)) {
      if (name !== 'example' && (name !== 'examples' || parent === 'properties')) walk(child, `${pointer}/${escape(name)}`, pointer.split('/').at(-1) ?? '');
    }
  })({ paths: document['paths'], components: { ...document['components'], examples: {} } }, '', '');
  t.ok(count > 200, `${count} examples were looked at`);
});

t.test('every schema and every property says what it means, and is bounded', async (t) => {
  const pointsElsewhere = (schema: Json) => schema['$ref'] || schema['anyOf']?.some((branch: Json) => branch['$ref']);
  const walk = (schema: Json, where: string) => {
    const types = [schema['type']].flat();
    if (types.includes('string')) {
      t.ok(schema['maxLength'] || schema['enum'], `${where}: give it a maxLength`);
      t.ok(schema['pattern'] || schema['format'] || schema['enum'], `${where}: give it a pattern, a format or an enum`);
    }
    if (types.includes('array')) t.ok(schema['maxItems'], `${where}: give it maxItems`);
    if (types.includes('integer')) t.ok('minimum' in schema && 'maximum' in schema, `${where}: give it a minimum and a maximum`);
    for (const [name, property] of Object.entries((schema['properties'] ?? {}) as Json)) {
      t.ok(property.description || pointsElsewhere(property as Json), `${where}.${name}: give it a description in schema/api`);
      t.notOk([property.type].flat().includes('object') && property.properties, `${where}.${name}: make it a component, so that SDKs can name it`);
      walk(property as Json, `${where}.${name}`);
    }
    if (schema['items']) walk(schema['items'] as Json, `${where}[]`);
  };
  for (const [name, schema] of Object.entries(document['components'].schemas as Json)) {
    t.match(name, /^[A-Z][A-Za-z]+$/);
    t.ok(schema.description, `${name}: give it a description in schema/api`);
    t.ok(schema.examples, `${name}: give it an example in schema/api`);
    walk(schema as Json, name);
  }
  const references = [...committed.matchAll(/\$ref: "([^"]+)"/g)].map(([, target]) => target as string);
  for (const target of new Set(references)) {
    t.match(target, /^#\/components\/[a-z]+\/[A-Za-z_-]+$/);
    t.ok(resolve({ $ref: target }), `${target} exists`);
  }
});

type Route = Pick<RouteOptions, 'url' | 'schema' | 'config'> & { method: string };

/** Every route that the production app registers, hidden ones too. */
async function routesOf(t: Parameters<typeof start>[0]): Promise<Route[]> {
  const routes = new Map<FastifyInstance, Route[]>();
  const watch = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance };
    const found: Route[] = [];
    routes.set(fastify, found);
    fastify.addHook('onRoute', ({ method, url, schema, config }) => {
      for (const one of [method].flat()) found.push({ method: one, url, ...(schema ? { schema } : {}), ...(config ? { config } : {}) });
    });
  };
  subscribe('fastify.initialization', watch);
  await start(t, engines[0] as Engine);
  unsubscribe('fastify.initialization', watch);
  // There is a second instance, which is asked for headers at boot.
  return [...routes.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}
