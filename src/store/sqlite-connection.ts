import { performance } from 'node:perf_hooks';
import type Database from 'better-sqlite3';
import { DiskFailed } from './disk-failed.js';
import { isSqliteError, openFile } from './sqlite-driver.js';

/* SQLite connections, with the settings that durability and erasure depend on. `selfTest` verifies them. */

/** Older versions could reset a write-ahead log under a reader and lose pages (https://sqlite.org/wal.html). */
const OLDEST_SQLITE = [3, 51, 3] as const;

/** From this many frames (one per written page) on, the log is moved into the database. */
export const LOG_FRAMES = 4000;

const FULL = 2;
const NORMAL = 1;

const PRAGMAS = {
  journal_mode: 'wal',
  // FULL, because in WAL mode the default acknowledges commits that a power cut can undo.
  synchronous: FULL,
  foreign_keys: 1,
  wal_autocheckpoint: LOG_FRAMES,
  temp_store: 2,
  // Overwrites deleted data, so that erased people are not left in unused space of the file.
  secure_delete: 1,
};

/**
 * The settings of the writer: LogSync waits for the disk instead of SQLite, and Checkpointer moves the log; SQLite does
 * so only if the log grows much larger.
 */
const WRITING = { ...PRAGMAS, synchronous: NORMAL, wal_autocheckpoint: 4 * LOG_FRAMES };

const BUSY_MS = 5000;

const PAGE_CACHE_MIB = 32;

/** Opens a connection with the settings that durability and erasure depend on. `file` is a path, not a URL. */
export function connect(file: string, pageCacheMiB = PAGE_CACHE_MIB): Database.Database {
  const connection = openFile(file, { timeout: BUSY_MS });
  try {
    connection.pragma(`cache_size = ${-1024 * pageCacheMiB}`);
    for (const [name, value] of Object.entries(PRAGMAS)) {
      patiently(() => connection.pragma(`${name} = ${value}`));
    }
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

/**
 * Repeats what SQLite refuses as busy. Where two connections would deadlock, as when both switch a new file to WAL, it
 * refuses one at once, whatever the timeout.
 */
function patiently(act: () => void): void {
  const until = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (!sqliteCode(error)?.startsWith('SQLITE_BUSY') || performance.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5 + Math.random() * 20);
    }
  }
}

/** Counts the frames of the log that are not in the database yet. */
export function frameCounter(connection: Database.Database): () => number {
  const look = connection.prepare<[], { log: number; checkpointed: number }>('pragma wal_checkpoint(noop)');
  return () => {
    const { log, checkpointed } = look.get() ?? { log: 0, checkpointed: 0 };
    return log - checkpointed;
  };
}

/** Makes a connection the writer of this process. */
export function makeWriter(connection: Database.Database): void {
  // better-sqlite3 silently sets `synchronous` at the first write to a WAL: write first, then set and check it.
  connection.exec('begin immediate; commit');
  for (const name of ['synchronous', 'wal_autocheckpoint'] as const) {
    connection.pragma(`${name} = ${WRITING[name]}`);
  }
  selfTest(connection, WRITING);
}

/** Refuses to run on a SQLite version, or with settings, that could lose acknowledged commits. */
export function selfTest(connection: Database.Database, settings: typeof PRAGMAS = PRAGMAS): void {
  const version = connection.prepare('select sqlite_version()').pluck().get() as string;
  const parts = version.split('.').map(Number);
  const older = OLDEST_SQLITE.map((least, i) => Math.sign((parts[i] ?? 0) - least)).find(
    (sign) => sign !== 0,
  );
  if (older === -1) {
    throw new Error(`SQLite ${version} is too old: ${OLDEST_SQLITE.join('.')} or later is needed`);
  }
  for (const [name, wanted] of Object.entries(settings)) {
    const found: unknown = connection.pragma(name, { simple: true });
    if (found !== wanted) {
      throw new Error(`SQLite refused the setting ${name} = ${wanted} (it is ${String(found)})`);
    }
  }
}

export const sqliteCode = (error: unknown): string | undefined => {
  const cause = error instanceof Error && isSqliteError(error.cause) ? error.cause : error;
  return isSqliteError(cause) ? cause.code : undefined;
};

export const isIoCode = (code: string | undefined) =>
  code?.startsWith('SQLITE_IOERR') === true || code === 'SQLITE_CORRUPT';

/** After such an error the content of the disk is unknown. */
export const isIoError = (error: unknown) => error instanceof DiskFailed || isIoCode(sqliteCode(error));
