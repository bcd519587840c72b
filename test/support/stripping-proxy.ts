import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export type StrippingProxy = {
  /** The public address: an origin with a path. */
  url: string;
  /** Sends what comes in below the path to this server, without the path. */
  to: (server: string) => void;
  /** Requests outside of the path: links and forms that have lost it. */
  strays: string[];
};

/** A reverse proxy that serves an application below a path and strips it, as nginx does with `proxy_pass …/;`. */
export async function strippingProxy(t: Test, prefix: string): Promise<StrippingProxy> {
  let upstream = '';
  const strays: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '';
    if (!path.startsWith(`${prefix}/`)) {
      strays.push(`${incoming.method} ${path}`);
      return outgoing.writeHead(404, { 'content-type': 'text/plain' }).end('not below the path');
    }
    const { method, headers } = incoming;
    const onwards = forward(upstream + path.slice(prefix.length), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onwards.on('error', () => outgoing.destroy());
    incoming.pipe(onwards);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}${prefix}`, to: (url) => void (upstream = url), strays };
}
