/* Requests to servers that need not be trusted: encrypted on the way, and bounded in time and size. */

/** Whether it may be asked: with TLS, or on the machine itself. */
export function isSecureUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
  );
}

export type Bounds = {
  types: readonly string[];
  mostBytes: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
};

/** The body of a good answer of one of these media types. Throws for every other answer, redirects too. */
export async function fetchBounded(
  url: string,
  request: RequestInit,
  { types, mostBytes, timeoutMs, signal }: Bounds,
): Promise<Buffer> {
  if (!isSecureUrl(url)) throw new Error('the URL is not https');
  const timeout = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, {
    ...request,
    redirect: 'error',
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  });
  const { ok, body, headers } = response;
  const type = headers.get('content-type')?.split(';')[0]?.trim() ?? '';
  if (!ok || !types.includes(type)) {
    await body?.cancel();
    throw new Error(`the server did not answer with ${types[0]}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop early ends the connection.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
