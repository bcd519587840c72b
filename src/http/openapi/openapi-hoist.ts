import { OWN_KEYWORDS } from '../../../schema/api/typebox.js';
import type { RequestHeader } from './document-headers.js';
import { pascal, problemName } from './response-names.js';

type Json = Record<string, unknown>;
export type Schemas = Record<string, { examples?: unknown[] }>;
export type Content = Record<string, { schema: { $ref?: string }; examples?: Json }>;
type Reference = { $ref: string };
type Parameter = Json & { name: string; in: string; required: boolean; description: string };
type Response = { description: string; headers?: Json; content?: Content };
export type Operation = {
  operationId: string;
  tags: string[];
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, Response>;
  'x-request-headers'?: RequestHeader[];
  'x-required-headers'?: RequestHeader[];
};
export type Document = {
  openapi: string;
  info: Json;
  servers: Json[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Json>;
};

/**
 * Moves what several operations share into `components`: examples, problems, and identical parameters. It also sorts
 * the document, so that it reads well and does not depend on the order of imports.
 */
export function hoist(document: Document): Document {
  const pools: Record<'parameters' | 'responses' | 'examples', Json> = {
    parameters: {},
    responses: {},
    examples: {},
  };

  /** Returns a reference to the pool, or the value itself where the pool has another value under that name. */
  function put<T>(kind: keyof typeof pools, name: string, value: T): T | Reference {
    const known = (pools[kind][name] ??= value);
    return JSON.stringify(known) === JSON.stringify(value) ? { $ref: `#/components/${kind}/${name}` } : value;
  }

  const hoistContent = (content: Content): Content =>
    mapValues(content, ({ schema, examples }) => ({
      schema: tidy(schema),
      ...(examples
        ? { examples: mapValues(examples, (example, name) => put('examples', name, example)) }
        : {}),
    }));

  const hoistResponse = (response: Response, status: string, operationId: string): Response => {
    const { content, ...rest } = response;
    const done = content ? { ...rest, content: hoistContent(content) } : rest;
    const name = nameOf(response, status, operationId);
    return name === undefined ? done : (put('responses', name, done) as Response);
  };

  const shared = repeated(document);
  const hoistParameter = (parameter: Parameter): Parameter => {
    const done = { ...parameter, schema: tidy(parameter['schema']) };
    return shared(parameter) ? (put('parameters', pascal(parameter.name), done) as Parameter) : done;
  };

  const paths = mapValues(document.paths, (path) =>
    mapValues(path, ({ parameters, requestBody, responses, ...words }) => ({
      ...words,
      ...(parameters ? { parameters: parameters.map(hoistParameter) } : {}),
      ...(requestBody ? { requestBody: { ...requestBody, content: hoistContent(requestBody.content) } } : {}),
      responses: mapValues(responses, (response, status) =>
        hoistResponse(response, status, words.operationId),
      ),
    })),
  );
  const { securitySchemes = {}, schemas = {}, headers = {} } = document.components;
  const components = {
    securitySchemes,
    ...mapValues({ ...pools, headers, schemas: mapValues(schemas, tidy) }, sorted),
  };
  return { ...document, paths, components };
}

/** Whether an identical parameter occurs more than once. */
function repeated({ paths }: Document): (parameter: Parameter) => boolean {
  const seen = new Map<string, number>();
  const all = Object.values(paths).flatMap((path) =>
    Object.values(path).flatMap(({ parameters = [] }) => parameters),
  );
  for (const parameter of all) {
    const text = JSON.stringify(parameter);
    seen.set(text, (seen.get(text) ?? 0) + 1);
  }
  return (parameter) => (seen.get(JSON.stringify(parameter)) ?? 0) > 1;
}

function nameOf(
  { headers = {}, content }: Response,
  status: string,
  operationId: string,
): string | undefined {
  if (!content) {
    return 'Location' in headers ? 'Moved' : 'Link' in headers ? 'PageNotModified' : 'NotModified';
  }
  const examples = content['application/problem+json']?.examples;
  return examples && problemName(operationId, status, Object.keys(examples));
}

const mapValues = <T, Out>(
  object: Record<string, T>,
  map: (value: T, key: string) => Out,
): Record<string, Out> =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));

const sorted = <T>(object: Record<string, T>): Record<string, T> =>
  Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Keywords that come first, and last. */
const FIRST = ['$ref', 'type', 'description', 'format', 'enum', 'pattern'];
const LAST = ['required', 'additionalProperties', 'properties', 'examples'];
const rankOf = (keyword: string) =>
  FIRST.includes(keyword) ? FIRST.indexOf(keyword) - FIRST.length : LAST.indexOf(keyword) + 1;

const isOwn = (keyword: string) => (OWN_KEYWORDS as readonly string[]).includes(keyword);

/**
 * An enumeration or null as two alternatives. With null among the values, as messages to callers need it, generators
 * forget the null, or make a client that does not compile.
 */
function spellNull(schema: Json): Json {
  const { type, enum: values, ...rest } = schema;
  if (!Array.isArray(type) || !Array.isArray(values)) return schema;
  const alternatives = type.map((one: string) =>
    one === 'null' ? { type: one } : { type: one, enum: values.filter((value) => value !== null) },
  );
  return { ...rest, anyOf: alternatives };
}

/** A schema with its keywords sorted, and without those of this project (schema-keywords.ts). */
function tidy<T>(schema: T): T {
  if (Array.isArray(schema)) return schema.map(tidy) as T;
  if (typeof schema !== 'object' || schema === null) return schema;
  const said = Object.entries(spellNull(schema as Json)).filter(([keyword]) => !isOwn(keyword));
  const keywords = said.sort(([a], [b]) => rankOf(a) - rankOf(b));
  return Object.fromEntries(
    keywords.map(([keyword, value]) => [
      keyword,
      keyword === 'properties'
        ? mapValues(value as Json, tidy)
        : keyword === 'examples' || keyword === 'required' || keyword === 'enum'
          ? value
          : tidy(value),
    ]),
  ) as T;
}
