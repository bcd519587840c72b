import { readdirSync, readFileSync } from 'node:fs';
import type { Usage } from './types.js';

/** /proc counts CPU time in hundredths of a second, whatever the kernel's own tick rate. */
const TICKS = 100;
const KTHREADD = 2;

/** The CPU ticks and the parent of a process; all its threads together. */
function processOf(
  pid: number | string,
): { ticks: number; parent: number; ofDeadChildren: number } | undefined {
  try {
    // The process name is in brackets and may hold any character: the fields follow the last bracket.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [user, system, childUser, childSystem] = fields.slice(11, 15).map(Number) as [
      number,
      number,
      number,
      number,
    ];
    return { parent: Number(fields[1]), ticks: user + system, ofDeadChildren: childUser + childSystem };
  } catch {
    return undefined;
  }
}

const ticksOf = (pid: number): number => processOf(pid)?.ticks ?? 0;

/** All ticks that were not idle, including those stolen by other guests of the host. */
function busyTicks(): number | undefined {
  try {
    const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line
      .split(/ +/)
      .slice(1)
      .map(Number);
    return user + nice + system + irq + softirq + steal;
  } catch {
    return undefined;
  }
}

/** The ticks of kernel threads (journal, writeback), which work for the server and are not foreign load. */
const kernelTicks = (): number =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(processOf)
    .reduce((sum, found) => sum + (found?.parent === KTHREADD ? found.ticks : 0), 0);

/** Reads the clocks of the server, of this process and of the machine, now and at `stop`. */
export function startMeter(server: number): { stop(): Usage } {
  const read = () => {
    const busy = busyTicks();
    if (busy === undefined) return undefined;
    const [ours, load] = [ticksOf(server), server === process.pid ? 0 : ticksOf(process.pid)];
    return { ours, load, other: busy - ours - load - kernelTicks() };
  };
  const before = read();
  return {
    stop() {
      const after = read();
      if (!before || !after) return { serverCpu: 0, loadCpu: 0, otherCpu: 0, metered: false };
      return {
        serverCpu: (after.ours - before.ours) / TICKS,
        loadCpu: (after.load - before.load) / TICKS,
        otherCpu: Math.max(0, (after.other - before.other) / TICKS),
        metered: true,
      };
    },
  };
}

/** The CPU seconds of the parent of a process and of all its children, those included that have ended meanwhile. Linux. */
export function startFamilyMeter(child: number): { stop(): number } {
  const pid = processOf(child)?.parent ?? NaN;
  const read = () => {
    const self = processOf(pid);
    const children = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(processOf)
      .reduce((sum, found) => sum + (found?.parent === pid ? found.ticks : 0), 0);
    return children + (self ? self.ticks + self.ofDeadChildren : NaN);
  };
  const before = read();
  return { stop: () => (read() - before) / TICKS };
}

/** The resident memory of a process in MB, now and at its highest; undefined without /proc. */
export function memoryOf(pid: number): { rss: number; peak: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const mb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
    return { rss: mb('VmRSS'), peak: mb('VmHWM') };
  } catch {
    return undefined;
  }
}
