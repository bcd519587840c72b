import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The disk of a server's database, with simulated failures. */
export type Disk = {
  path: string;
  /** From now on no write reaches it. */
  cut(): void;
  /** Mounts it again, as after a restart of the machine. */
  restore(): void;
  release(): void;
};

/** The machine's own disk, without failures: the system writes everything that it was given. */
export const plainDisk = (path: string): Disk => {
  const nothing = () => undefined;
  return { path, cut: nothing, restore: nothing, release: nothing };
};

/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: the file system stops as if the power had gone. */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack("i", 2))`;

/** Whether this machine can mount a file as a disk in a private namespace, and shut it down. */
export function canCutPower(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-power-'));
  const [image, path] = [join(folder, 'img'), join(folder, 'disk')];
  mkdirSync(path);
  const steps = [
    `truncate -s 16M ${image}`,
    `mkfs.ext4 -q -F ${image}`,
    `mount -o loop ${image} ${path}`,
    `python3 -c '${SHUTDOWN}' ${path}`,
    `umount ${path}`,
  ];
  try {
    const inside = ['--mount', '--propagation', 'private', 'sh', '-ec', steps.join('\n')];
    return spawnSync('unshare', inside, { stdio: 'ignore' }).status === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A small ext4 in a file. The caller must run in a private mount namespace: see unshare(1). */
export function powerDisk(folder: string): Disk {
  const image = `${folder}.img`;
  const path = join(folder, 'disk');
  mkdirSync(path, { recursive: true });
  const run = (command: string, ...args: string[]) => void execFileSync(command, args);
  const mount = () => run('mount', '-o', 'loop', image, path);
  run('truncate', '-s', '512M', image);
  run('mkfs.ext4', '-q', '-F', image);
  mount();
  return {
    path,
    cut: () => run('python3', '-c', SHUTDOWN, path),
    restore() {
      // The killed server may still be held by the system for a moment, in a write that the cut has stopped.
      for (let tries = 1; spawnSync('umount', [path]).status !== 0; tries += 1) {
        if (tries === 50) throw new Error(`${path} cannot be unmounted`);
        execFileSync('sleep', ['0.2']);
      }
      mount();
    },
    release: () => void spawnSync('umount', [path]),
  };
}
