import type { Client } from 'openapi-fetch';
import type { paths } from '../../dist/embed/openapi.js';

type Init = RequestInit & {
  params?: { path?: Record<string, string>; header?: Record<string, string> };
  body?: unknown;
};

/**
 * The two methods of openapi-fetch that the element calls, with its types. Its own code would be an eighth of the
 * element, and most of that is for calls that the element does not make.
 */
export function createClient(baseUrl: string): Pick<Client<paths>, 'GET' | 'POST'> {
  const calling =
    (method: string) =>
    async (path: string, { params, body, headers, ...init }: Init = {}) => {
      const url = path.replace(/\{(\w+)\}/g, (_, name: string) =>
        encodeURIComponent(params?.path?.[name] ?? ''),
      );
      const response = await fetch(baseUrl + url, {
        ...init,
        method,
        credentials: 'omit',
        headers: {
          ...(body ? { 'content-type': 'application/json' } : {}),
          ...headers,
          ...params?.header,
        } as HeadersInit,
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      if (response.ok) return { data: (await response.json()) as unknown, response };
      // What a proxy answers need not be JSON.
      return { error: (await response.json().catch(() => ({}))) as unknown, response };
    };
  return { GET: calling('GET'), POST: calling('POST') } as unknown as Pick<Client<paths>, 'GET' | 'POST'>;
}
