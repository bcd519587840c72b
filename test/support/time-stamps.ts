import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { folderFor } from './deliveries.js';

/* An authority of RFC 3161: `openssl ts` behind a server, which can also misbehave. */

export const MISDEEDS = {
  'it hangs up': (answer) => answer.destroy(),
  'it fails': (answer) => answer.writeHead(500).end(),
  'it says nothing': () => undefined,
  'it begins, and says no more': (answer) => answer.writeHead(200, REPLY).write('0'),
  'it answers with 10 MB': (answer) => answer.writeHead(200, REPLY).end(Buffer.alloc(10_000_000, 0x30)),
  'it answers with a page': (answer) => answer.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
  'it sends somewhere else': (answer) => answer.writeHead(307, { location: '/elsewhere' }).end(),
  'it refuses': (answer) => answer.writeHead(200, REPLY).end(Buffer.from('30053003020102', 'hex')),
  'it says noise': (answer) => answer.writeHead(200, REPLY).end(Buffer.from('3082ffff01', 'hex')),
  'it stamps something else': (answer, { reply }, query) => {
    const other = Buffer.from(query);
    const imprint = other.indexOf(Buffer.from('0420', 'hex')) + 2;
    other[imprint] = (other[imprint] ?? 0) ^ 1;
    answer.writeHead(200, REPLY).end(reply(other));
  },
  'it stamps another request': (answer, { reply }, query) => {
    const other = Buffer.from(query);
    // The nonce is before certReq, which is the last three bytes.
    other[other.length - 4] = (other[other.length - 4] ?? 0) ^ 1;
    answer.writeHead(200, REPLY).end(reply(other));
  },
} as const satisfies Record<string, Act>;

type Act = (
  answer: ServerResponse,
  authority: { reply: (query: Buffer) => Buffer },
  query: Buffer,
) => unknown;
const REPLY = { 'content-type': 'application/timestamp-reply' };

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export type Authority = {
  url: string;
  /** The certificate that verifies its stamps. */
  ca: string;
  misdeed: keyof typeof MISDEEDS | null;
  asked: number;
};

export async function startAuthority(t: Test): Promise<Authority> {
  const folder = folderFor(t);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    ...EC,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-subj',
    '/CN=Test root',
    '-days',
    '9',
  );
  openssl('req', ...EC, '-keyout', 'tsa.key', '-out', 'tsa.csr', '-subj', '/CN=Test authority');
  writeFileSync(join(folder, 'extensions'), 'extendedKeyUsage=critical,timeStamping\n');
  const issued = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', 'extensions'];
  openssl('x509', '-req', '-in', 'tsa.csr', '-out', 'tsa.pem', '-days', '9', ...issued);
  const settings = [
    '[tsa]\ndefault_tsa = own\n[own]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key',
    'signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\nordering = yes\ntsa_name = yes',
  ];
  writeFileSync(join(folder, 'tsa.conf'), `${settings.join('\n')}\n`);
  const reply = (query: Buffer): Buffer => {
    writeFileSync(join(folder, 'query'), query);
    openssl('ts', '-reply', '-config', 'tsa.conf', '-queryfile', 'query', '-out', 'answer');
    return readFileSync(join(folder, 'answer'));
  };
  const authority: Authority = { url: '', ca: join(folder, 'ca.pem'), misdeed: null, asked: 0 };
  const server = createServer((request, answer) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      authority.asked += 1;
      const query = Buffer.concat(chunks);
      if (authority.misdeed) MISDEEDS[authority.misdeed](answer, { reply }, query);
      else answer.writeHead(200, REPLY).end(reply(query));
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  authority.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stamp`;
  return authority;
}
