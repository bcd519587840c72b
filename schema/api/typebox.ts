import {
  Type,
  type ObjectOptions,
  type SchemaOptions,
  type Static,
  type StringOptions,
  type TProperties,
  type TSchema,
  type TUnsafe,
} from '@sinclair/typebox';

/*
 * The building blocks of all contracts. Every string must have a maximum length and a pattern or format, and every list
 * a maximum: the validator reports all errors at once, and unbounded input would make it expensive.
 */

const registry = new Map<string, TSchema>();

/** A named schema: a component of the API document. Do not rename it: SDKs name their types after it. */
export function component<T extends TSchema>(name: string, schema: T): T {
  if (registry.has(name)) throw new Error(`two schemas are called ${name}`);
  const named = { ...schema, $id: name };
  registry.set(name, named);
  return named;
}

export const components = (): TSchema[] => [...registry.values()];

/** A reference to a named schema, with its type. */
export const ref = <T extends TSchema>(schema: T): TUnsafe<Static<T>> => {
  if (schema.$id === undefined) throw new Error('only a component can be referred to');
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });
};

/** A reference with its own description: keywords beside `$ref` would be lost. */
export const described = <T extends TSchema>(schema: T, description: string): TUnsafe<Static<T>> =>
  Type.Unsafe<Static<T>>({ allOf: [ref(schema)], description });

export const nullableRef = <T extends TSchema>(
  schema: T,
  options: SchemaOptions = {},
): TUnsafe<Static<T> | null> =>
  Type.Unsafe<Static<T> | null>({ anyOf: [ref(schema), { type: 'null' }], ...options });

export const optional = <T extends TSchema>(schema: T) => Type.Optional(schema);

/** A scalar or null. */
export const nullable = <T extends TSchema>(schema: T): TUnsafe<Static<T> | null> =>
  Type.Unsafe<Static<T> | null>({
    ...schema,
    type: [schema['type'] as string, 'null'],
    ...(schema['enum'] ? { enum: [...(schema['enum'] as unknown[]), null] } : {}),
  });

/** An object that refuses unknown members. For what callers send. */
export const closed = <P extends TProperties>(properties: P, options: ObjectOptions = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** An object that allows unknown members, so that members can be added later. For answers. */
export const open = <P extends TProperties>(properties: P, options: ObjectOptions = {}) =>
  Type.Object(properties, options);

export const enumOf = <const T extends readonly string[]>(values: T, options: SchemaOptions = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });

export const CONTROLS = '\\u0000-\\u001F\\u007F\\u202A-\\u202E\\u2066-\\u2069';

/**
 * The schema keywords of this project, implemented in src/http/schema-keywords.ts and left out of the API document.
 * `typed`: how a text from a person is normalised; `visible`: the text has visible characters; `ownDomain`: a wildcard
 * origin is not below a public suffix; `named`: a person has a name, or a part of one.
 */
export const OWN_KEYWORDS = ['visible', 'typed', 'ownDomain', 'named'] as const;
export type OwnKeyword = (typeof OWN_KEYWORDS)[number];

/** How a text from a person is normalised: see src/core/typed-text.ts. */
export type TypedAs =
  'trimmed' | 'line' | 'lines' | 'phone' | 'postal_code' | 'country' | 'locale' | 'code' | 'mailed_token';

/** At least one character that is neither white space nor a control character. */
export const SOMETHING = '[^\\s\\u0000-\\u001F\\u007F]';

/** A line from a program, such as a title: visible, without control characters. Direction marks and outer white space are removed. */
export const line = (maxLength: number, options: StringOptions = {}) =>
  matching(`^\\s*[^\\s${CONTROLS}][^${CONTROLS}]*$`, maxLength, {
    rule: 'Write it on one line, without control characters.',
    typed: 'trimmed',
    visible: true,
    ...options,
  });

/** A line from a person, such as a name: any white space becomes a single space. */
export const typedLine = (maxLength: number, options: StringOptions = {}) =>
  typed('line', maxLength, { visible: true, ...options });

/** A text from a person. `maxLength` applies to the normalised text. */
export const typed = (as: TypedAs, maxLength: number, options: StringOptions = {}) =>
  Type.String({ minLength: 1, maxLength, pattern: SOMETHING, typed: as, ...options });

/** A text of several lines that is not blank. */
export const text = (maxLength: number, options: StringOptions = {}) =>
  Type.String({ minLength: 1, maxLength, pattern: '\\S', visible: true, ...options });

const rules = new Map<string, string>([
  [SOMETHING, 'There is nothing to see: write it in letters, digits or signs.'],
  ['\\S', 'There is nothing to see: write it in letters, digits or signs.'],
]);

/** The rule of a pattern as a sentence, for error messages. */
export const ruleOf = (pattern: string): string | undefined => rules.get(pattern);

/**
 * A text that matches a pattern. `rule` explains the pattern in a sentence with an example; callers get it as the error
 * message.
 */
export function matching(
  pattern: string,
  maxLength: number,
  { rule, ...options }: StringOptions & { rule?: string } = {},
) {
  if (rule !== undefined) rules.set(pattern, rule);
  return Type.String({ pattern, minLength: 1, maxLength, ...options });
}

export const instant = (options: StringOptions = {}) =>
  Type.String({ format: 'date-time', maxLength: 35, ...options });

/** A day without a time, `YYYY-MM-DD`. */
export const day = (options: StringOptions = {}) =>
  Type.String({ format: 'date', minLength: 10, maxLength: 10, examples: ['2026-11-21'], ...options });

/**
 * An absolute http(s) URL without a user: `https://bank.example@evil.example` misleads, and a password would be public.
 */
export const webUrl = (options: StringOptions = {}) =>
  matching('^https?://[^\\s/?#@]+(?:[/?#][^\\s]*)?$', 2048, {
    rule: 'Write a whole URL without a user or password, like https://example.org/page.',
    format: 'uri',
    ...options,
  });

export const int = (minimum: number, maximum: number, options: SchemaOptions = {}) =>
  Type.Integer({ minimum, maximum, format: 'int32', ...options });

export const list = <T extends TSchema>(items: T, maxItems: number, options: SchemaOptions = {}) =>
  Type.Array(items, { maxItems, ...options });

/** A page of a list. */
export const pageOf = <T extends TSchema>(item: T, options: SchemaOptions = {}) =>
  open(
    {
      data: list(ref(item), 100, { description: 'The items, in the order of the sort.' }),
      next_cursor: nullable(
        Type.String({
          maxLength: 512,
          pattern: '^[A-Za-z0-9_-]+$',
          description: 'Send it as `cursor` for the next page; null on the last one.',
        }),
      ),
      has_more: Type.Boolean({ description: 'Whether another page follows.' }),
    },
    options,
  );
