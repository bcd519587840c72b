import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Sends an answer that is ready, with one list of headers, around Fastify's hooks and serializer: those cost more
     * than the rest of a hot request. `headers` are names and values in turn.
     */
    sendNow(status: number, headers: readonly string[], body: string | Buffer): void;
  }
}

/** For the hot paths. The constant headers, the request id and what hooks have set go with it like everywhere. */
export function enableSendNow(app: FastifyInstance, constant: Record<string, string>): void {
  const always = Object.entries(constant).flat();
  app.decorateReply('sendNow', function (status, headers, body) {
    const all = [...always, 'x-request-id', this.request.id, ...headers];
    const set = this.getHeaders();
    for (const name in set) all.push(name, String(set[name]));
    if (status !== 304) all.push('content-length', String(Buffer.byteLength(body)));
    this.hijack();
    this.raw.writeHead(status, all);
    this.raw.end(body);
  });
}
