import { promises as dns } from 'node:dns';
import { loadConfig } from '../config.js';
import { examine } from '../doctor/doctor.js';

/** Says what is wrong with the installation, and what to do. The exit code is 1 if there is a problem. */
export async function doctorCommand(): Promise<void> {
  const findings = await examine(loadConfig(), dns);
  for (const { level, about, found, advice } of findings) {
    console.log(
      `${level.padEnd(7)}  ${about}: ${found}${advice === undefined ? '' : `\n         ${advice}`}`,
    );
  }
  const problems = findings.filter(({ level }) => level === 'problem').length;
  console.log(problems === 0 ? '\nNo problems.' : `\nProblems: ${problems}.`);
  if (problems > 0) process.exitCode = 1;
}
