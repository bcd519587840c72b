import { execFile } from 'node:child_process';
import { say, type Finding } from './finding.js';

const WAIT_MS = 3000;

/** Whether the system keeps its clock right; nothing is said where it cannot be asked. */
export async function checkClock(): Promise<Finding[]> {
  const synchronized = await new Promise<string>((resolve) =>
    execFile('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'], { timeout: WAIT_MS }, (_, out) =>
      resolve(out.trim()),
    ),
  );
  const { ok, warning } = say('clock');
  if (synchronized === 'yes') return [ok('the system keeps it right')];
  if (synchronized !== 'no') return [];
  return [warning('nothing keeps it right', 'Switch on NTP (timedatectl set-ntp true): links expire by it.')];
}
