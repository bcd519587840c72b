import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export type PartnerSite = {
  /** Its origin, and the same server by another name. */
  origin: string;
  otherOrigin: string;
  /** Puts a page there and returns its path. */
  page: (body: string, options?: { csp?: string; head?: string; lang?: string }) => string;
};

/** The website of a partner: an origin of its own, with pages that embed a petition. */
export async function partnerSite(t: Test): Promise<PartnerSite> {
  const pages = new Map<string, { html: string; csp: string }>();
  const server = createServer((request, response) => {
    const page = pages.get(String(request.url).split('?')[0] ?? '');
    if (!page) return response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      ...(page.csp === '' ? {} : { 'content-security-policy': page.csp }),
    });
    response.end(page.html);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    otherOrigin: `http://localhost:${port}`,
    page(body, { csp = '', head = '', lang = 'en' } = {}) {
      const path = `/${pages.size + 1}`;
      const html = `<!doctype html><html lang="${lang}"><head><meta charset="utf-8"><title>A partner</title>
<meta name="viewport" content="width=device-width">${head}</head><body><main><h1>Our campaign</h1>${body}</main></body></html>`;
      pages.set(path, { html, csp });
      return path;
    },
  };
}
