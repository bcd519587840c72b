import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import { RESPONSE_HEADERS } from '../../src/http/openapi/document-headers.js';
import { documentOf } from '../../src/http/openapi/openapi.js';

type Json = Record<string, any>;

const escape = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

type Contract = {
  document: Json;
  /** What is wrong with an answer; undefined: nothing. */
  check: (method: string, path: string, status: number, headers: Json, text: string) => string | undefined;
};

/** All apps of a process have the same routes: the document is made, and its schemas compiled, for the first. */
let contract: Contract | undefined;

function contractOf(app: FastifyInstance): Contract {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addFormat('int32', true);
  const document = JSON.parse(JSON.stringify(documentOf(app))) as Json;
  ajv.addSchema(document, 'spec');
  const validators = new Map<string, ValidateFunction>();

  const resolve = (value: Json): Json =>
    typeof value['$ref'] === 'string'
      ? value['$ref']
          .slice(2)
          .split('/')
          .reduce((node: Json, part: string) => node[part] as Json, document)
      : value;

  function check(
    method: string,
    path: string,
    status: number,
    headers: Json,
    text: string,
  ): string | undefined {
    const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
    const operation = document['paths']?.[path]?.[method] as Json | undefined;
    if (!operation) return 'no such operation';
    if (!operation['responses'][status]) return 'the status is not declared';
    const declared = resolve(operation['responses'][status] as Json)['headers'] as Json;
    const isShared = String(headers['cache-control']).startsWith('public');
    for (const name of Object.keys(RESPONSE_HEADERS)) {
      const sent = headers[name.toLowerCase()] !== undefined;
      if (sent && !declared[name]) return `the header ${name} is not declared`;
      if (sent && isShared && OF_ONE_REQUEST.includes(name)) return `caches would share the header ${name}`;
      const mayBeAbsent = isOptional(name, status) || (isShared && OF_ONE_REQUEST.includes(name));
      if (!sent && declared[name] && !mayBeAbsent) return `the header ${name} is missing`;
    }
    const content = resolve(operation['responses'][status] as Json)['content'] as Json | undefined;
    if (!content) return text === '' ? undefined : 'a body is not declared';
    if (text === '' && [204, 304, 308].includes(status)) return undefined;
    // People in a browser get errors as pages.
    if (type === 'text/html' && content['application/problem+json']) return undefined;
    if (!content[type]) return `the media type ${type} is not declared`;
    if (!type.endsWith('json')) return undefined;
    const reference = operation['responses'][status]['$ref'] as string | undefined;
    const place = reference ?? `#/paths/${escape(path)}/${method}/responses/${status}`;
    const isLines = type === 'application/x-ndjson';
    // A file of lines is a text, whose `contentSchema` is that of a line.
    const pointer = `spec${place}/content/${escape(type)}/schema${isLines ? '/contentSchema' : ''}`;
    const validate = validators.get(pointer) ?? ajv.compile({ $ref: pointer });
    validators.set(pointer, validate);
    if (isLines) {
      const wrong = text.split('\n').find((one) => one !== '' && !validate(JSON.parse(one)));
      return wrong === undefined ? undefined : ajv.errorsText(validate.errors);
    }
    const body = JSON.parse(text) as Json;
    const codes = type === 'application/problem+json' ? (content[type].examples as Json) : undefined;
    if (codes && !codes[body['code']]) return `the code ${body['code']} is not declared`;
    return validate(body) ? undefined : ajv.errorsText(validate.errors);
  }

  return { document, check };
}

/** Holds every answer of `app.inject` against the OpenAPI document: it rejects on a breach. */
export function watchContract(app: FastifyInstance): void {
  const { document, check } = (contract ??= contractOf(app));
  // The app is ready, and hooks cannot be added any more: so its answers are watched where they leave `inject`.
  const inject = app.inject.bind(app) as (...args: any[]) => any;
  (app as Json)['inject'] = async (options: Json) => {
    const response = await inject(options);
    const method = String(options['method']).toLowerCase();
    const path = templateOf(document, String(options['url']).split('?')[0] ?? '');
    // 404 and 405 of what is no route, and preflights, are not operations.
    if (path && document['paths'][path][method]) {
      const breach = check(
        method,
        path,
        response.statusCode as number,
        response.headers as Json,
        response.body as string,
      );
      if (breach) throw new Error(`breach of contract: ${method} ${path} ${response.statusCode}: ${breach}`);
    }
    return response;
  };
}

/** They would tell others about one request. */
const OF_ONE_REQUEST = ['X-Request-Id', 'RateLimit', 'RateLimit-Policy'];

/** Limits may be off, the primary may have answered, a page may be the last, and of the problems that share a status only some say when to come again. */
const isOptional = (name: string, status: number) =>
  name.startsWith('RateLimit') ||
  ['Link', 'Age', 'Content-Language'].includes(name) ||
  (name === 'Retry-After' && status === 409);

/** The path template of the document that a path fits, the one with the fewest parameters first. */
function templateOf(document: Json, path: string): string | undefined {
  return Object.keys(document['paths'] as Json)
    .filter((template) => new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path))
    .sort((a, b) => a.split('{').length - b.split('{').length)[0];
}
