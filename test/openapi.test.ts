import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import addFormats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance, RouteOptions } from 'fastify';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { ruleOf } from '../schema/api/typebox.js';
import { renderDocument } from '../src/cli/openapi.js';
import { ERRORS } from '../src/errors.js';
import { TAGS } from '../src/http/openapi/operation.js';
import { packageRoot } from '../src/package.js';
import { engines, start, type Engine } from './support/helper.js';

type Json = Record<string, any>;

const committed = readFileSync(new URL('openapi.yaml', packageRoot), 'utf8');
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

/** Collects what is wrong, each with what to do about it: all of it is shown at once. */
function review(t: Test) {
  const faults: string[] = [];
  return {
    must: (holds: unknown, advice: string) => void (holds || faults.push(advice)),
    done: () => t.same(faults, [], faults.join('\n')),
  };
}

t.test('every route is an operation that says all there is to say', async (t) => {
  const { must, done } = review(t);
  const declared = new Set(operations.map(({ where }) => where));
  for (const { method, url, schema } of await routesOf(t)) {
    const where = `${method} ${url.replace(/:([A-Za-z_]+)/g, '{$1}')}`;
    if (method === 'HEAD' || schema?.hide) must(!declared.has(where), `${where} stays out of the document`);
    else {
      must(
        declared.has(where),
        `${where}: give it \`schema: operation({ … })\`, or \`schema: { hide: true }\``,
      );
    }
  }

  const ids = new Map<string, string>();
  for (const { where, operation, method, path } of operations) {
    const { operationId: id, tags, summary, description, requestBody } = operation;
    const parameters = ((operation['parameters'] ?? []) as Json[]).map(resolve);
    must(!ids.has(id), `${where}: the operationId ${id} is that of ${ids.get(id)} already`);
    ids.set(id, where);
    must(
      VERB_AND_NOUN.test(id),
      `${where}: name it verb and noun, like listPetitions (a new verb: add it to VERB_AND_NOUN)`,
    );
    must(
      tags.length === 1 && tags[0] in TAGS,
      `${where}: give it one tag of TAGS in src/http/openapi/operation.ts`,
    );
    must(summary && !summary.endsWith('.'), `${where}: give it a summary, without a full stop`);
    must(description?.endsWith('.'), `${where}: give it a description, in sentences`);
    for (const [, name] of path.matchAll(/\{([a-z_]+)\}/g)) {
      const there = parameters.some((parameter) => parameter['in'] === 'path' && parameter['name'] === name);
      must(there, `${where}: describe the path parameter ${name} in its \`params\``);
    }
    for (const { name, description } of parameters) {
      must(description, `${where}: describe the parameter ${name}`);
    }
    const takesBody =
      ['post', 'patch', 'put'].includes(method) && !BODILESS.includes(operation['operationId'] as string);
    must(takesBody === (requestBody !== undefined), `${where}: POST and PATCH have a \`body\`, others none`);
    const service = operation['tags'][0] === 'Service';
    must(
      JSON.stringify(resolve((operation['responses']['503'] ?? {}) as Json)).includes('`paused`') ===
        (method !== 'get' && !service),
      `${where}: what changes something can be paused: \`changes: true\` in its operation`,
    );
    if (method !== 'patch') continue;
    const types = Object.keys(requestBody?.content as Json);
    must(
      types.join() === 'application/merge-patch+json,application/json',
      `${where}: a patch comes in either type`,
    );
  }
  done();
});

/** Every secret key may ask whose it is, and what its organization takes part in. All else needs a scope. */
const OF_EVERY_KEY = ['getOrganization', 'getPartnerStatistics', 'listPartnerships', 'getPartnership'];

/** Mail providers send what RFC 8058 lets them send, and nobody looks at it; a release or a move has nothing to say. */
const BODILESS = [
  'unsubscribeByLink',
  'releaseIsolatedKey',
  'confirmMySignature',
  'startMailing',
  'unscheduleMailing',
  'pauseMailing',
  'resumeMailing',
  'cancelMailing',
  'prepareDelivery',
  'cancelDelivery',
];

const VERB_AND_NOUN =
  /^(?:get|list|create|update|transition|sign|invalidate|restore|revoke|withdraw|cancel|export|erase|confirm|undo|refuse|resend|unsubscribe|report|import|end|follow|invite|accept|decline|release|preview|moderate|quarantine|write|delete|remove|count|start|schedule|unschedule|pause|resume|check|test|receive|draw|choose|record|prepare|send)[A-Z][A-Za-z]+$/;

t.test('who may call is what the document says', async (t) => {
  const { must, done } = review(t);
  const api = await start(t, engines[0] as Engine);
  const { key } = await api.organization('River Meadows');
  const weak = await api.newKey(key, 'secret', []);
  const configs = new Map((await routesOf(t)).map(({ method, url, config }) => [`${method} ${url}`, config]));

  for (const { where, operation, path, method } of operations) {
    const ids = {
      petition: 'none',
      key: `key_${'0'.repeat(26)}`,
      signature: `sig_${'0'.repeat(26)}`,
      subscription: `sub_${'0'.repeat(26)}`,
      consent_text: `txt_${'0'.repeat(26)}`,
      mailing: `mlg_${'0'.repeat(26)}`,
      partnership: `ptn_${'0'.repeat(26)}`,
      paper_signature: `pap_${'0'.repeat(26)}`,
      batch: `pba_${'0'.repeat(26)}`,
      offset: `ofs_${'0'.repeat(26)}`,
      response: `rsp_${'0'.repeat(26)}`,
    } as Json;
    const url = path.replace(/\{([a-z_]+)\}/g, (_match, name: string) => ids[name] as string);
    const ask = async (key?: string) => (await api.call(method.toUpperCase(), url, { key })).body?.code;
    const scope = configs.get(where.replace(/\{([a-z_]+)\}/g, ':$1'))?.scope;
    const security = JSON.stringify(operation['security']);
    if (operation['tags'][0] === 'Service') {
      must(
        (await ask()) === undefined && (await ask('nonsense')) === 'invalid_key',
        `${where} is a service: it needs no key, and refuses a wrong one`,
      );
    } else if ((await ask()) === 'key_required') {
      must(
        security === '[{"secretKey":[]}]',
        `${where} stands in the secret block of routes.ts: \`access: 'secret'\``,
      );
      if (OF_EVERY_KEY.includes(operation['operationId'] as string)) continue;
      must(scope, `${where}: give the route a \`config.scope\``);
      must(
        (await ask(weak)) === 'scope_required',
        `${where}: its \`config.scope\` does not keep out a key without it`,
      );
    } else if ((await ask()) === 'admin_key_required') {
      must(
        security === '[{"adminKey":[]}]',
        `${where} stands in the admin block of routes.ts: \`access: 'admin'\``,
      );
      must(
        (await ask(weak)) === 'admin_key_required' && (await ask('ak_nonsense')) === 'invalid_key',
        `${where} must refuse other keys, and admin keys that are none`,
      );
    } else if ((await ask()) === 'session_required') {
      must(
        security === '[{"session":[]}]',
        `${where} stands in the session block of routes.ts: \`access: 'session'\``,
      );
      must(
        (await ask(weak)) === 'session_required' && (await ask('ps_nonsense')) === 'invalid_session',
        `${where} must refuse keys, and sessions that are none`,
      );
    } else {
      must(
        security === '[{},{"publishableKey":[]},{"secretKey":[]}]',
        `${where} stands in the open block of routes.ts: \`access: 'open'\``,
      );
      must(
        !scope,
        `${where} is open to all: take out its \`config.scope\`, or move it to the secret block of routes.ts`,
      );
      must(
        (await ask('nonsense')) === 'invalid_key',
        `${where} must refuse a wrong key: is it in a block of routes.ts?`,
      );
    }
  }
  done();
});

t.test('every operation declares the errors that it can meet', async (t) => {
  const { must, done } = review(t);
  const seen = new Set<string>();
  for (const { where, operation } of operations) {
    const { responses, requestBody, tags } = operation;
    const needed = ['400', '414', '500'];
    if (tags[0] !== 'Service') needed.push('401', '429', '503');
    // A session is for pages: it is no key that could be in the wrong place.
    if (tags[0] !== 'Service' && !operation['security'][0].session) needed.push('403');
    if (requestBody) needed.push('413', '415', '422', '507');
    for (const status of needed) {
      must(
        responses[status],
        `${where} must declare ${status}: see what operation.ts adds for its \`access\` and \`body\``,
      );
    }
    for (const [status, reference] of Object.entries(responses as Json)) {
      const { content = {}, description } = resolve(reference as Json);
      must(description, `${where} ${status}: say what it means`);
      const problem = content['application/problem+json'] as Json | undefined;
      must(
        (problem !== undefined) === Number(status) >= 400,
        `${where} ${status}: errors, and they alone, are problems`,
      );
      const examples = (problem?.['examples'] ?? {}) as Json;
      must(
        !problem || problem['schema'].allOf[1].properties.code.enum.join() === Object.keys(examples).join(),
        `${where} ${status}: its \`code\` is one of just its codes`,
      );
      const name = String((reference as Json)['$ref'] ?? '').replace('#/components/responses/', '');
      must(
        !problem || (name !== '' && name.length <= 35),
        `${where} ${status}: give ${name || 'its errors'} a short name in src/http/openapi/response-names.ts`,
      );
      for (const [code, example] of Object.entries(examples)) {
        const { value } = resolve(example as Json);
        must(
          value.code === code && String(value.status) === status,
          `${where} ${status}: the example of ${code} in src/http/openapi/problem-examples.ts does not fit`,
        );
        seen.add(code);
      }
    }
  }
  for (const code of Object.keys(ERRORS)) {
    must(
      seen.has(code) !== OF_NO_OPERATION.includes(code),
      `${code}: name it in the \`errors\` of the operations that answer it, or take it out of the catalogue`,
    );
  }
  done();
});

/** Answered before there is an operation. */
const OF_NO_OPERATION = ['method_not_allowed', 'headers_too_large', 'request_timeout'];

t.test('every request and answer in JSON has an example, and every example is true', async (t) => {
  const { must, done } = review(t);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat('int32', true);
  ajv.addSchema(document, 'spec');
  let count = 0;
  const check = (pointer: string, value: unknown) => {
    count += 1;
    const validate = ajv.compile({ $ref: `spec#${pointer}` });
    must(validate(value), `the example of ${pointer}: ${ajv.errorsText(validate.errors)}`);
  };
  const escape = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

  /** `names`: the keys of the node are names that somebody chose, not keywords. */
  const walk = (node: unknown, pointer: string, names: boolean) => {
    if (typeof node !== 'object' || node === null) return;
    const { schema, example, examples, content } = (names ? {} : node) as Json;
    if (schema) {
      if (example !== undefined) check(`${pointer}/schema`, example);
      for (const one of Object.values((examples ?? {}) as Json)) {
        check(`${pointer}/schema`, resolve(one as Json)['value']);
      }
    } else if (Array.isArray(examples)) {
      for (const one of examples) check(pointer, one);
    }
    for (const [type, media] of Object.entries((content ?? {}) as Json)) {
      // Files of JSON lines are texts: their schemas hold the examples.
      if (type.endsWith('json') && !type.endsWith('ndjson')) {
        must(media.examples, `${pointer} ${type}: give its component an example in schema/api`);
      }
    }
    for (const [name, child] of Object.entries(node)) {
      // What stands in an example is no schema.
      if (!names && (name === 'example' || name === 'examples')) continue;
      walk(child, `${pointer}/${escape(name)}`, !names && NAMED.includes(name));
    }
  };
  walk(document['paths'], '/paths', true);
  const { examples: _examples, ...components } = document['components'] as Json;
  for (const [kind, some] of Object.entries(components)) walk(some, `/components/${kind}`, true);
  t.ok(count > 150, `${count} examples were looked at`);
  done();
});

const NAMED = ['properties', 'content', 'headers', 'responses'];

t.test('every schema and every property says what it means, and is bounded', async (t) => {
  const { must, done } = review(t);
  const walk = (schema: Json, where: string) => {
    const types = [schema['type']].flat();
    if (types.includes('string')) {
      must(schema['maxLength'] || schema['enum'], `${where}: give it a maxLength`);
      must(
        schema['pattern'] || schema['format'] || schema['enum'],
        `${where}: give it a pattern, a format or an enum`,
      );
    }
    if (types.includes('array')) must(schema['maxItems'], `${where}: give it maxItems`);
    if (types.includes('integer')) {
      must('minimum' in schema && 'maximum' in schema, `${where}: give it a minimum and a maximum`);
    }
    for (const [name, property] of Object.entries((schema['properties'] ?? {}) as Record<string, Json>)) {
      const place = `${where}.${name}`;
      // A reference has the description of what it points at.
      const refers = property['$ref'] ?? property['anyOf']?.some((branch: Json) => branch['$ref']);
      must(property['description'] ?? refers, `${place}: give it a description in schema/api`);
      must(!property['properties'], `${place}: make it a component, so that SDKs can name it`);
      walk(property, place);
    }
    if (schema['items']) walk(schema['items'] as Json, `${where}[]`);
  };
  for (const [name, schema] of Object.entries(document['components'].schemas as Json)) {
    must(schema.description, `${name}: give it a description in schema/api`);
    must(schema.examples, `${name}: give it an example in schema/api`);
    walk(schema as Json, name);
  }
  for (const [, target = ''] of committed.matchAll(/\$ref: "([^"]+)"/g)) {
    must(
      /^#\/components\/[a-z]+\/[A-Za-z_-]+$/.test(target) && resolve({ $ref: target }),
      `${target} points nowhere`,
    );
  }
  done();
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
      for (const one of [method].flat()) {
        found.push({ method: one, url, ...(schema ? { schema } : {}), ...(config ? { config } : {}) });
      }
    });
  };
  subscribe('fastify.initialization', watch);
  await start(t, engines[0] as Engine);
  unsubscribe('fastify.initialization', watch);
  // There is a second instance, which is asked for headers at boot.
  return [...routes.values()].sort((a, b) => b.length - a.length)[0] ?? [];
}

t.test('every pattern of a request has a rule in words', (t) => {
  const patterns = new Map<string, string>();
  const seen = new Set<string>();
  const walk = (node: Json, where: string): void => {
    if (typeof node['$ref'] === 'string') {
      if (seen.has(node['$ref'])) return;
      seen.add(node['$ref']);
      const target = node['$ref']
        .slice(2)
        .split('/')
        .reduce<Json>((at, step) => at[step] as Json, document);
      return walk(target, node['$ref']);
    }
    if (typeof node['pattern'] === 'string') patterns.set(node['pattern'], where);
    for (const [name, value] of Object.entries(node)) {
      if (typeof value === 'object' && value !== null && name !== 'examples') {
        walk(value as Json, `${where}/${name}`);
      }
    }
  };
  for (const [path, item] of Object.entries(document['paths'] as Json)) {
    for (const [method, operation] of Object.entries(item as Json)) {
      const { parameters = [], requestBody = {} } = operation as Json;
      // Headers and tokens in paths have errors of their own; files are read line by line.
      const json = (requestBody as Json)['content']?.['application/json'] ?? {};
      const query = (parameters as Json[]).filter((one) => one['in'] === 'query');
      walk({ query, json }, `${method} ${path}`);
    }
  }
  const silent = [...patterns].filter(([pattern]) => ruleOf(pattern) === undefined);
  t.ok(patterns.size > 10, 'there are patterns');
  t.same(silent, [], 'give `matching` a rule: callers read it as the error');
  t.end();
});
