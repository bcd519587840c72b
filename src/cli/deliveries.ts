import { readKeys } from '../deliveries/verify/keys.js';
import { readSmall } from '../deliveries/verify/read-small.js';
import { verifyDelivery } from '../deliveries/verify/verify-delivery.js';

export type VerifyFlags = { keys?: string; identity?: string; branch?: string };

const MOST_BYTES = 1_000_000;

/** Says what holds of a delivery, and what does not. The exit code is 1 if anything fails. */
export async function verifyDeliveryCommand(folder: string, flags: VerifyFlags): Promise<void> {
  const findings = await verifyDelivery(folder, {
    keys: flags.keys === undefined ? undefined : await readKeys(flags.keys),
    identities: flags.identity === undefined ? [] : await readIdentities(flags.identity),
    ...(flags.branch === undefined ? {} : { branch: await readJson(flags.branch) }),
  });
  for (const { level, about, found } of findings) console.log(`${level.padEnd(6)} ${about}: ${found}`);
  const failed = findings.filter(({ level }) => level === 'fails').length;
  console.log(failed === 0 ? '\nThe delivery holds.' : `\nWhat does not hold: ${failed}.`);
  if (failed > 0) process.exitCode = 1;
}

/** As age-keygen writes them: one to a line, between comments. */
async function readIdentities(file: string): Promise<string[]> {
  const lines = (await readSmall(file, MOST_BYTES)).toString().split(/\r?\n/);
  const identities = lines.map((line) => line.trim()).filter((line) => /^AGE-SECRET-KEY-/.test(line));
  if (identities.length === 0) throw new Error('the file holds no identity of age');
  return identities;
}

async function readJson(file: string): Promise<unknown> {
  const text = (await readSmall(file, MOST_BYTES)).toString();
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the file of --branch is no JSON');
  }
}
