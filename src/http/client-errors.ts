import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { ERRORS, type ErrorCode } from '../errors.js';
import type { ConstantHeaders } from './headers.js';
import { isLong } from './long-bodies.js';
import { problemJson } from './problem-json.js';

/** Answers what Node's HTTP parser refuses, before there is a Fastify request. */
export function clientErrorHandler(publicUrl: string, constant: ConstantHeaders['data']) {
  const codes: Record<string, ErrorCode> = {
    HPE_HEADER_OVERFLOW: 'headers_too_large',
    ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  };
  return (error: Error & { code?: string }, socket: Socket): void => {
    // Streamed bodies are exempt from Node's time limit for a whole request.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && isLong(socket)) return;
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const code = codes[error.code ?? ''] ?? 'invalid_request';
    const [status] = ERRORS[code];
    const body = problemJson(publicUrl, code, 'none');
    const headers = {
      ...constant,
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      connection: 'close',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
  };
}
