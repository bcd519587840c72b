import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.js';
import type { Caller } from '../core/actor.js';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** Where a request comes from: client, network and origin. */
export function callerOf(request: FastifyRequest): Caller {
  // Kept on the request: behind a proxy, Fastify parses `request.ip` anew on every access.
  return (request.caller ??= callerFrom(clientOf(request.ip), request.headers.origin ?? null));
}

export const callerFrom = (client: string, origin: string | null): Caller => ({
  client,
  network: networkOf(client),
  origin,
  waits: 0,
});

/** Finds the address of a client as Fastify does: behind proxies that are trusted, the one that they name. */
export function addressFinder(trustProxy: Config['trustProxy']): (request: IncomingMessage) => string {
  if (trustProxy.length === 0) return ({ socket }) => socket.remoteAddress ?? '';
  const trusts = proxyAddr.compile(trustProxy);
  return (request) => proxyAddr(request, trusts);
}

/** The client that limits count: an IPv4 address, or the /64 that a provider assigns to one IPv6 line. */
export function clientOf(ip: string): string {
  if (isIPv4(ip)) return ip;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = ip.toLowerCase().split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups =
    tail === undefined
      ? left
      : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':');
}

/** The network of a client: the /24 of an IPv4 address, or the /48 that a site is assigned in IPv6. */
export const networkOf = (client: string): string =>
  client.slice(0, Math.max(client.lastIndexOf('.'), client.lastIndexOf(':')));
