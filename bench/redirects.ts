/** Helpers of the benchmark of share links. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openFile } from '../src/store/sqlite-driver.js';
import type { Contender } from './contenders.js';
import type { createRunner, Plan } from './rounds.js';
import { summarize, type Line, type Sample } from './summary.js';
import type { Order, Report } from './types.js';

const CODE = 'bench23456';
/** How long to wait for the sums, which the server writes every second. */
const PATIENCE_MS = 5000;

/** Inserts a share link of the demo petition. Returns its path. */
export function addShareLink(file: string): string {
  const db = openFile(file);
  const petition = db.prepare('select key from petitions limit 1').pluck().get();
  const variant = db
    .prepare(
      `insert into share_variants (public_id, petition_key, network, text, hash, created_at)
       values (randomblob(16), ?, 'whatsapp', null, randomblob(32), ?) returning key`,
    )
    .pluck()
    .get(petition, Date.now());
  db.prepare('insert into share_links (code, petition_key, variant_key, created_at) values (?, ?, ?, ?)').run(
    CODE,
    petition,
    variant,
    Date.now(),
  );
  db.close();
  return `/s/${CODE}`;
}

/** Saves our server's redirect target as a file, for the limit that sends the same. */
export async function keepRedirect({ port }: Contender, path: string, folder: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { redirect: 'manual' });
  if (answer.status !== 302) throw new Error(`${path} answers ${answer.status}`);
  const file = join(folder, 'location');
  writeFileSync(file, answer.headers.get('location') ?? '');
  return file;
}

type Load = { ask(order: Order): Promise<Report> };

/**
 * Half of the sockets sign, alone and then while the other half follows the link. Both share the server and the
 * machine: signing loses the CPU time of the redirects, but must not wait for them.
 */
export async function followWhileSigning(
  { measure }: ReturnType<typeof createRunner>,
  ours: Contender,
  other: Load,
  plan: Plan,
  signing: string,
): Promise<Line[]> {
  const connections = Math.max(1, Math.round(plan.connections / 2));
  const sign: Plan = { ...plan, kind: 'sign', path: signing, connections };
  const alone: Sample[] = [];
  const signed: Sample[] = [];
  const followed: Sample[] = [];
  for (let round = 1; round <= plan.rounds; round += 1) {
    console.log(`sign and redirect, ${connections} connections each: round ${round} of ${plan.rounds}`);
    alone.push(await measure(ours, sign));
    const both = [measure(ours, sign), measure(ours, { ...plan, connections }, other)];
    const [one, two] = await Promise.all(both);
    if (one && two) {
      signed.push(one);
      followed.push(two);
    }
  }
  const line = (kind: Line['kind'], name: string, samples: Sample[]) =>
    summarize({ kind, connections }, name, samples);
  return [
    line('sign', 'ours, no one follows', alone),
    line('sign', 'ours, others follow', signed),
    line('redirect', 'ours, others sign', followed),
  ];
}

/** Compares the counted requests in the database with the answered ones. Throws if they differ. */
export async function verifyRequests({ file = '', name }: Contender, answered: number): Promise<void> {
  const db = openFile(file, { readonly: true });
  const counted = db.prepare('select coalesce(sum(requests), 0) from share_counts').pluck();
  const until = Date.now() + PATIENCE_MS;
  while (counted.get() !== answered && Date.now() < until) await sleep(100);
  const found = counted.get();
  db.close();
  if (found !== answered) throw new Error(`${name}: ${answered} redirects, and ${String(found)} counted`);
  console.log(`${name}: ${answered} redirects, as many counted`);
}
