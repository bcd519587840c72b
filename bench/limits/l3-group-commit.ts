/**
 * L3: node:http and a group commit, both written by hand, with the same rows: no framework, no validation, no limits,
 * no keys, no query builder. It is the minimal cost of a durable signature.
 */
import { performance } from 'node:perf_hooks';
import { accept, readSigner, serve } from './http.js';
import { answer, openRows, type Signer } from './rows.js';

const [file = '', synchronous, port] = process.argv.slice(2);
const MAX_WAIT_MS = 2;

const rows = openRows(file, synchronous === 'NORMAL' ? 'NORMAL' : 'FULL');
let signers: Signer[] = [];
let replies: (() => void)[] = [];
let arrivals = 0;
let since = 0;
let seen = 0;
let seenArrivals = 0;

// The same waiting rule as ours: wait while the last event loop iteration brought more requests, up to MAX_WAIT_MS.
function tick() {
  const growing = signers.length > seen || arrivals > seenArrivals;
  if (growing && performance.now() - since < MAX_WAIT_MS) {
    seen = signers.length;
    seenArrivals = arrivals;
    setImmediate(tick);
    return;
  }
  const [batch, waiting] = [signers, replies];
  signers = [];
  replies = [];
  rows.insert(batch);
  for (const reply of waiting) reply();
}

const server = serve(
  (request, response) =>
    readSigner(request, (signer) => {
      if (signers.length === 0) {
        since = performance.now();
        seen = 0;
        seenArrivals = arrivals;
        setImmediate(tick);
      }
      signers.push(signer);
      replies.push(() => accept(response, answer));
    }),
  Number(port ?? 0),
);
server.on('connection', () => (arrivals += 1));
