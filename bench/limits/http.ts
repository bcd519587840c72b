import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Signer } from './rows.js';

/** Prints where the server listens, in the same form as our own server. */
export const announce = (port: number): void => console.log(`listens on http://127.0.0.1:${port} `);

/** A minimal server on node:http. */
export function serve(handle: (request: IncomingMessage, response: ServerResponse) => void, port = 0) {
  const server = createServer(handle);
  server.keepAliveTimeout = 72_000;
  server.listen(port, '127.0.0.1', () => announce((server.address() as AddressInfo).port));
  return server;
}

/** Parses a JSON body without validation. */
export function readSigner(request: IncomingMessage, then: (signer: Signer) => void): void {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (chunk: string) => (body += chunk));
  request.on('end', () => then(JSON.parse(body) as Signer));
}

export function accept(response: ServerResponse, answer: string): void {
  response.writeHead(202, { 'content-type': 'application/json', 'content-length': answer.length });
  response.end(answer);
}
