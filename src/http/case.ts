type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;
type CamelKeys<T> = { [Name in keyof T as Name extends string ? Camel<Name> : never]: T[Name] };

const camel = (name: string) => name.replace(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase());
const names = new Map<string, string>();

/**
 * Renames the top-level members of a body from snake_case to camelCase: `page_url` to `pageUrl`. Nested members keep
 * their names, since JSON columns store them in snake_case, as on the wire.
 */
export function camelKeys<T extends object>(body: T): CamelKeys<T> {
  const out: Record<string, unknown> = {};
  for (const name in body) {
    let known = names.get(name);
    if (known === undefined) names.set(name, (known = camel(name)));
    out[known] = body[name];
  }
  return out as CamelKeys<T>;
}

/** Parses a timestamp of a request; null and undefined are returned unchanged. */
export const date = <T extends string | null | undefined>(text: T) =>
  (typeof text === 'string' ? new Date(text) : text) as T extends string ? Date : T;

export const iso = <T extends Date | null>(instant: T) =>
  (instant === null ? null : instant.toISOString()) as T extends Date ? string : T;
