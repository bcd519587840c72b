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
 * The few shapes that all contracts are made of. Every string has a bound and a pattern or format, every list a bound:
 * the validator reports all errors at once and must not be made to work for nothing.
 */

const registry = new Map<string, TSchema>();

/** A named schema: it stands once in the document, under this name, and SDKs name their type after it. */
export function component<T extends TSchema>(name: string, schema: T): T {
  if (registry.has(name)) throw new Error(`two schemas are called ${name}`);
  const named = { ...schema, $id: name };
  registry.set(name, named);
  return named;
}

export const components = (): TSchema[] => [...registry.values()];

/** A reference to a named schema, typed as what it points at. */
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

/** A closed object: what it does not know it refuses by name. For what callers send. */
export const closed = <P extends TProperties>(properties: P, options: ObjectOptions = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options });

/** An open object, so that members can be added later. For what we answer. */
export const open = <P extends TProperties>(properties: P, options: ObjectOptions = {}) =>
  Type.Object(properties, options);

export const enumOf = <const T extends readonly string[]>(values: T, options: SchemaOptions = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });

const CONTROLS = '\\u0000-\\u001F\\u007F\\u202A-\\u202E\\u2066-\\u2069';

/**
 * Keywords of our own, which src/http/schema-keywords.ts gives their meaning, and which the document does without: `typed`,
 * how a text is read that a person has typed, pasted or exported; `visible`, there is something to see; `ownDomain`, an
 * origin names no public suffix.
 */
export const OWN_KEYWORDS = ['visible', 'typed', 'ownDomain'] as const;
export type OwnKeyword = (typeof OWN_KEYWORDS)[number];

/** How a text is read: see src/core/typed-text.ts. */
export type TypedAs = 'trimmed' | 'line' | 'lines' | 'phone' | 'postal_code' | 'country' | 'code';

/** What must be somewhere in a text. Blanks of all kinds are none; what else cannot be seen `visible` knows. */
const SOMETHING = '[^\\s\\u0000-\\u001F\\u007F]';

/** One line that a program has set, such as a title: no control characters, none that turn the direction of other text. */
export const line = (maxLength: number, options: StringOptions = {}) =>
  matching(`^\\s*[^\\s${CONTROLS}][^${CONTROLS}]*$`, maxLength, {
    rule: 'Write it on one line, without control characters.',
    typed: 'trimmed',
    visible: true,
    ...options,
  });

/** One line that a person has typed, such as a name: whatever white space is in it becomes a space. */
export const typedLine = (maxLength: number, options: StringOptions = {}) =>
  typed('line', maxLength, { visible: true, ...options });

/** Something that a person has typed. Its bounds are those of what it is read as. */
export const typed = (as: TypedAs, maxLength: number, options: StringOptions = {}) =>
  Type.String({ minLength: 1, maxLength, pattern: SOMETHING, typed: as, ...options });

/** Several lines, not blank. */
export const text = (maxLength: number, options: StringOptions = {}) =>
  Type.String({ minLength: 1, maxLength, pattern: '\\S', visible: true, ...options });

const rules = new Map<string, string>([
  [SOMETHING, 'There is nothing to see: write it in letters, digits or signs.'],
  ['\\S', 'There is nothing to see: write it in letters, digits or signs.'],
]);

/** What a pattern asks for, in a sentence for the person who has to write it. */
export const ruleOf = (pattern: string): string | undefined => rules.get(pattern);

/**
 * A text of a certain form. `rule` says in a sentence, with an example, how it is written: callers whose text has another
 * form read that.
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

/** An absolute http(s) URL. One with a user in it would show another site than it leads to, or a password to all. */
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
