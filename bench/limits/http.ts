import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Signer } from './rows.js';

/** Tells the parent where the server is, in the words that our own server uses. */
export const announce = (port: number): void => console.log(`listens on http://127.0.0.1:${port} `);

/** The least that serves requests: node:http, and `handle` does the rest. */
export function serve(handle: (request: IncomingMessage, response: ServerResponse) => void, port = 0) {
  const server = createServer(handle);
  server.keepAliveTimeout = 72_000;
  server.listen(port, '127.0.0.1', () => announce((server.address() as AddressInfo).port));
  return server;
}

/** Reads a JSON body and hands it on, without any checks. */
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
