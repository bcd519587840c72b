import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { ERRORS } from '../../errors.js';
import { version } from '../../package.js';
import { REQUEST_HEADERS, RESPONSE_HEADERS } from './document-headers.js';
import { hoist, type Content, type Document, type Operation, type Schemas } from './openapi-hoist.js';
import { TAGS } from './operation.js';

const INFO = {
  title: 'Undersigned',
  version,
  description: `A headless petition API: publish a petition, sign it, count it.

**Keys.** Reading and signing need none. A publishable key (\`pk_…\`) may stand in a web page: it says through which
organization a signature came. A secret key (\`sk_…\`) acts for an organization and never belongs into a page.
An admin key (\`ak_…\`) creates organizations, and nothing else.

**Errors** are \`application/problem+json\` (RFC 9457): branch on \`code\`, of which each operation names just its own.

**Lists** come in pages: send \`next_cursor\` back as \`cursor\`, or follow \`Link\`.

**Changes** are JSON Merge Patches (RFC 7396) and need \`If-Match\`. Every POST of JSON takes an \`Idempotency-Key\`.

**Times** are RFC 3339 in UTC; ids are opaque. Members may be added to answers: ignore what you do not know.`,
  contact: { name: 'Undersigned', url: 'https://undersigned.example' },
  license: { name: 'MIT', identifier: 'MIT' },
};

const SECURITY_SCHEMES = {
  secretKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'sk_…',
    description:
      'A secret key: acts for its organization, within its scopes. Refused from web pages; /docs says whether it may send one.',
  },
  publishableKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'pk_…',
    description: 'A publishable key: attributes signatures to its organization, and allows nothing more.',
  },
  adminKey: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'ak_…',
    description:
      'An admin key: sets up an installation, and belongs to no organization. Made on the command line.',
  },
  session: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'ps_…',
    description: 'A supporter’s session of 15 minutes: see `createSession`.',
  },
} as const;

/** Collects the OpenAPI document. Call it before the routes are registered. */
export async function openapi(app: FastifyInstance, publicUrl: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: INFO,
      servers: [
        {
          url: publicUrl,
          description: 'Your server, in production or local: its PUBLIC_URL.',
          'x-internal': false,
        } as { url: string },
      ],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { headers: RESPONSE_HEADERS, securitySchemes: SECURITY_SCHEMES } as object,
    },
    stripBasePath: false,
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, i) =>
        typeof schema.$id === 'string' ? schema.$id : `def-${i}`,
    },
    transformObject: (made) =>
      finish((made as unknown as { openapiObject: Document }).openapiObject) as object,
  });
}

/** The OpenAPI document of an app that is ready. */
export const documentOf = (app: FastifyInstance): object => app.swagger();

/** Adds what the plugin cannot express: headers, examples, both media types of a patch. */
function finish(made: Document): Document {
  const { openapi, info, servers, tags, paths, components } = structuredClone(made);
  // Clients branch on the code, so the schema lists all of them.
  const { Problem: problem } = components['schemas'] as Record<
    string,
    { properties: Record<string, object> }
  >;
  if (problem) problem.properties['code'] = { ...problem.properties['code'], enum: Object.keys(ERRORS) };
  for (const path of Object.values(paths)) {
    for (const [method, operation] of Object.entries(path)) {
      path[method] = finishOperation(method, operation, components['schemas'] as Schemas);
    }
  }
  const rank = (path: Record<string, Operation>) =>
    tags.findIndex(({ name }) => Object.values(path)[0]?.tags[0] === name);
  const inOrder = Object.entries(paths).sort(([, a], [, b]) => rank(a) - rank(b));
  return hoist({ openapi, info, servers, tags, paths: Object.fromEntries(inOrder), components });
}

function finishOperation(method: string, made: Operation, schemas: Schemas): Operation {
  const { 'x-request-headers': names = [], 'x-required-headers': needed = [], ...rest } = made;
  const { parameters = [], requestBody, responses, ...words } = rest;
  const headers = names.map((name) => {
    const header = REQUEST_HEADERS[name];
    return { name, in: 'header', ...header, required: header.required || needed.includes(name) };
  });
  const all = [...parameters, ...headers].map(({ name, in: place, required, description, ...rest }) => ({
    name,
    in: place,
    required,
    description,
    ...rest,
  }));
  return {
    ...words,
    ...(all.length > 0 ? { parameters: all } : {}),
    ...(requestBody
      ? { requestBody: { ...requestBody, content: bodyOf(method, requestBody.content, schemas) } }
      : {}),
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, { description, headers = {}, content }]) => [
        status,
        {
          description,
          headers: Object.fromEntries(
            Object.keys(headers).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
          ),
          ...(content ? { content: withExamples(content, schemas) } : {}),
        },
      ]),
    ),
  };
}

function bodyOf(method: string, content: Content, schemas: Schemas): Content {
  const { 'application/json': json, ...files } = withExamples(content, schemas);
  if (!json) return files;
  // Merge patches have their own media type; application/json is accepted too.
  return method === 'patch'
    ? { 'application/merge-patch+json': json, 'application/json': json }
    : { 'application/json': json };
}

/** Adds the first example of a component wherever that component is a body. */
function withExamples(content: Content, schemas: Schemas): Content {
  return Object.fromEntries(
    Object.entries(content).map(([type, media]) => {
      const name = media.schema.$ref?.split('/').at(-1) ?? '';
      const example = schemas[name]?.examples?.[0];
      return [
        type,
        media.examples || example === undefined
          ? media
          : { ...media, examples: { [name]: { value: example } } },
      ];
    }),
  );
}
