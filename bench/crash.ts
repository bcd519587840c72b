/**
 * `npm run bench:crash`: kills the server repeatedly during signing, and looks for every acknowledged signature.
 * `--power` also simulates a power cut of its disk, which loses what the system has not written yet.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../scripts/free-port.js';
import { openFile } from '../src/store/sqlite-driver.js';
import { createChecks } from './checks.js';
import { startLimit, startOurs, type Contender } from './contenders.js';
import { startSigning } from './failover/signers.js';
import { canCutPower, plainDisk, powerDisk, type Disk } from './power-disk.js';
import { build, openStage } from './stage.js';

const HELP = `npm run bench:crash -- [options]
  --cycles <n>    how often the server is ended (5)
  --seconds <n>   how long people sign before each end, at most (2)
  --clients <n>   that sign (100)
  --power         cut the power of its disk, too: Linux, as root. First a server that trusts the system's memory
                  (synchronous=NORMAL) has to lose signatures that way: a check that cannot fail proves nothing.
                  Ends with 3 where the machine does not allow it
  --built         what is in dist is up to date`;

const { values: flags } = parseArgs({
  options: {
    cycles: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    clients: { type: 'string', default: '100' },
    power: { type: 'boolean', default: false },
    built: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const [cycles, seconds, clients] = [flags.cycles, flags.seconds, flags.clients].map(Number) as [
  number,
  number,
  number,
];
if (flags.help || ![cycles, seconds, clients].every((n) => n > 0)) {
  console.log(HELP);
  process.exit(flags.help ? 0 : 2);
}

const MARK = 'UNDERSIGNED_OWN_MOUNTS';
if (!flags.built && process.env[MARK] === undefined) build();
if (flags.power && process.env[MARK] === undefined) {
  if (!canCutPower()) {
    console.log('The power cannot be cut here: that takes Linux, root, mkfs.ext4, and loop mounts.');
    process.exit(3);
  }
  // In a private mount namespace: mounts are invisible to other processes, and disappear with this one.
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const inside = spawnSync('unshare', ['--mount', '--propagation', 'private', ...again], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  process.exit(inside.status ?? 1);
}

type Server = { name: string; start(folder: string, port: number): Promise<Contender>; mayLose: boolean };
type Audit = {
  acknowledged: number;
  lost: number;
  doubled: number;
  rows: number;
  counted: number;
  sound: boolean;
};

const OURS: Server = {
  name: 'ours',
  mayLose: false,
  start: (folder, port) => startOurs(folder, [], { PORT: String(port) }),
};
const { folder, run } = openStage();
const checks = createChecks();
await run(async () => {
  if (flags.power) await control();
  await onDisk(OURS, flags.power ? powerDisk(join(folder, 'ours')) : plainDisk(join(folder, 'ours')));
});
process.exitCode = checks.print() ? 0 : 1;

/** What the system happened to write just before a cut is not lost, so the control has three tries. */
const TRIES = 3;

async function control(): Promise<void> {
  const server = await careless();
  for (let tries = 1; ; tries += 1) {
    const { lost, acknowledged } = await onDisk(server, powerDisk(join(folder, `careless-${tries}`)));
    if (lost === 0 && tries < TRIES) continue;
    const name = `${server.name}: the audit finds what a power cut takes (${lost} of ${acknowledged})`;
    return checks.add(name, lost > 0);
  }
}

/** The control: a hand-written group commit that does not wait for the disk. The audit must find its losses. */
async function careless(): Promise<Server> {
  const template = join(folder, 'template');
  await (await startOurs(template)).stop();
  return {
    name: 'synchronous=NORMAL',
    mayLose: true,
    start: (here, port) => {
      const file = join(here, 'undersigned.db');
      if (!existsSync(file)) {
        copyFileSync(join(template, 'undersigned.db'), file);
        // The file itself must survive the power cut: only signatures may be lost.
        execFileSync('sync', ['--file-system', file]);
      }
      return startLimit('careless', 'l3-group-commit', here, [file, 'NORMAL', String(port)]).then((one) => ({
        ...one,
        file,
      }));
    },
  };
}

async function onDisk(server: Server, disk: Disk): Promise<Audit> {
  try {
    return await trial(server, disk);
  } finally {
    disk.release();
  }
}

async function trial(server: Server, disk: Disk): Promise<Audit> {
  const port = await freePort();
  const ledger = join(disk.path, '..', `acknowledged by ${server.name}`);
  mkdirSync(disk.path, { recursive: true });
  let running = await server.start(disk.path, port);
  const path = '/v1/petitions/save-the-old-mill-meadows';
  const signing = startSigning([`http://127.0.0.1:${port}`], path, clients, ledger);
  for (let cycle = 1; cycle <= cycles; cycle += 1) {
    await sleep((0.2 + Math.random() * 0.8) * seconds * 1000);
    // A machine without power acknowledges nothing more, so the server is stopped first. Otherwise ext4 may report a
    // sync that was in progress during its shutdown as done.
    process.kill(running.pid, 'SIGSTOP');
    disk.cut();
    process.kill(running.pid, 'SIGKILL');
    await running.stop();
    disk.restore();
    console.log(`${server.name}: ended after ${signing.acknowledged.length} acknowledgements`);
    // Not restarted after the last cut: clients would repeat requests, and so replace lost signatures.
    if (cycle < cycles || !server.mayLose) running = await server.start(disk.path, port);
  }
  if (!server.mayLose) await sleep(500);
  await signing.stop();
  await running.stop();
  const found = audit(running.file ?? '', readFileSync(ledger, 'utf8').trim().split('\n'));
  console.log(`${server.name}: ${JSON.stringify(found)}\n`);
  if (!server.mayLose) report(server, found);
  return found;
}

/** Compares what the clients have recorded with the database. */
function audit(file: string, acknowledged: string[]): Audit {
  const db = openFile(file, { timeout: 5000 });
  const times = db
    .prepare(
      `select count(*) from signatures s join supporters p on p.key = s.supporter_key
       where p.identity = ? and s.status = 'confirmed'`,
    )
    .pluck();
  const found = acknowledged.map((email) => times.get(email) as number);
  const one = (sql: string) => db.prepare(sql).pluck().get();
  const result = {
    acknowledged: acknowledged.length,
    lost: found.filter((n) => n === 0).length,
    doubled: found.filter((n) => n > 1).length,
    rows: one(`select count(*) from signatures where status = 'confirmed'`) as number,
    counted: one('select sum(confirmed) from petition_counts') as number,
    sound: one('pragma integrity_check') === 'ok',
  };
  db.close();
  return result;
}

function report({ name }: Server, found: Audit): void {
  const { acknowledged, lost, doubled, rows, counted, sound } = found;
  checks.add(`${name}: ${acknowledged} signatures were acknowledged`, acknowledged >= cycles);
  checks.add(`${name}: none is lost`, lost === 0, `${lost} are`);
  checks.add(`${name}: none is there twice`, doubled === 0, `${doubled} are`);
  checks.add(`${name}: as many counted as there are rows`, rows === counted, `${counted} and ${rows}`);
  checks.add(`${name}: the database is sound`, sound);
}
