import { Resolver } from 'node:dns/promises';
import { loadConfig } from '../config.js';
import { examine } from '../doctor/doctor.js';
import type { Asked } from '../doctor/finding.js';

export type DoctorFlags = Asked & { json?: true };

const DNS_MS = 3000;

/** Says what is wrong with the installation, and what to do. The exit code is 1 if there is a problem. */
export async function doctorCommand({ json, ...asked }: DoctorFlags): Promise<void> {
  const resolver = new Resolver({ timeout: DNS_MS, tries: 2 });
  const findings = await examine(loadConfig(), resolver, asked);
  const problems = findings.filter(({ level }) => level === 'problem').length;
  if (problems > 0) process.exitCode = 1;
  if (json) return console.log(JSON.stringify({ problems, findings }, null, 2));
  for (const { level, about, found, advice } of findings) {
    console.log(
      `${level.padEnd(7)}  ${about}: ${found}${advice === undefined ? '' : `\n         ${advice}`}`,
    );
  }
  console.log(problems === 0 ? '\nNo problems.' : `\nProblems: ${problems}.`);
}
