import { readFileSync } from 'node:fs';
import addFormats from 'ajv-formats';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

export type Json = Record<string, any>;
export type Parameter = { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Json };
export type Operation = {
  id: string;
  method: string;
  path: string;
  parameters: Parameter[];
  /** By media type. */
  bodies: [string, Json][];
  access: 'open' | 'secret' | 'session' | 'admin';
};

export const document = parse(
  readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8'),
) as Json;

export const resolve = (value: Json): Json =>
  typeof value['$ref'] === 'string'
    ? resolve(
        value['$ref']
          .slice(2)
          .split('/')
          .reduce((node: Json, part) => node[part] as Json, document),
      )
    : value;

const METHODS = ['get', 'put', 'post', 'delete', 'patch'];

export const operations: Operation[] = Object.entries(document['paths'] as Record<string, Json>).flatMap(
  ([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]: [string, Json]) => ({
        id: operation['operationId'] as string,
        method: method.toUpperCase(),
        path,
        parameters: [...(item['parameters'] ?? []), ...(operation['parameters'] ?? [])].map(
          (one) => resolve(one as Json) as Parameter,
        ),
        bodies: Object.entries((operation['requestBody']?.content ?? {}) as Record<string, Json>).map(
          // Of a file of lines, the schema of a line.
          ([type, { schema }]) => [type, (schema['contentSchema'] ?? schema) as Json] as [string, Json],
        ),
        access: accessOf(operation['security'] as Json[]),
      })),
);

function accessOf(security: Json[]): Operation['access'] {
  const names = security.flatMap((one) => Object.keys(one));
  return names.includes('session')
    ? 'session'
    : names.includes('adminKey')
      ? 'admin'
      : security.some((one) => Object.keys(one).length === 0)
        ? 'open'
        : 'secret';
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);
ajv.addFormat('int32', true);
ajv.addSchema(document, 'spec');
const validators = new Map<string, ValidateFunction>();
const escape = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));

function validate(pointer: string, value: unknown): string | undefined {
  const check = validators.get(pointer) ?? ajv.compile({ $ref: `spec${pointer}` });
  validators.set(pointer, check);
  return check(value) ? undefined : ajv.errorsText(check.errors).slice(0, 300);
}

export const problemBreach = (body: unknown): string | undefined =>
  validate('#/components/schemas/Problem', body);

/** What of an answer the document does not say; undefined: it says all of it. */
export function breach(
  { path, method }: Operation,
  status: number,
  contentType: string,
  text: string | undefined,
): string | undefined {
  const declared = document['paths'][path][method.toLowerCase()].responses[status] as Json | undefined;
  if (!declared) return `the status ${status} is not declared`;
  const content = resolve(declared)['content'] as Json | undefined;
  if (!content) return text === '' || text === undefined ? undefined : 'a body is not declared';
  if (text === '' && [204, 304, 308].includes(status)) return undefined;
  const type = contentType.split(';')[0] ?? '';
  if (!content[type]) return `the media type ${type} is not declared`;
  if (!type.endsWith('json') || text === undefined) return undefined;
  const place =
    (declared['$ref'] as string | undefined) ??
    `#/paths/${escape(path)}/${method.toLowerCase()}/responses/${status}`;
  const isLines = type === 'application/x-ndjson';
  const pointer = `${place}/content/${escape(type)}/schema${isLines ? '/contentSchema' : ''}`;
  if (isLines) {
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => validate(pointer, JSON.parse(line)))
      .find(Boolean);
  }
  const body = JSON.parse(text) as Json;
  if (type === 'application/problem+json' && !content[type].examples?.[body['code'] as string]) {
    return `the code ${body['code']} is not declared`;
  }
  return validate(pointer, body);
}
