import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { PrimaryClient } from './primary.js';

/** Commits of so long go into one notification. */
const PACE_MS = 250;
/** PostgreSQL takes payloads below 8000 bytes; beyond this many keys it says "any of them". */
const MOST_KEYS = 600;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
const CONNECT_MS = 3000;
const CHANNEL = 'undersigned';

export type PostgresNotifyOptions = {
  url: string;
  statementTimeoutMs: number;
  /** What another process has told; for when it is not known what was missed, `lost`. */
  heard: (column: string, keys: number[] | null) => void;
  lost: () => void;
};

/**
 * Tells the other processes on this PostgreSQL what commits wrote, and hears it from them.
 *
 * A NOTIFY holds a lock of the whole database while it commits: in the transactions of signers it would make them queue
 * for each other. So it is sent afterwards, a few times a second, over a connection of its own. One that is lost does no
 * harm but a delay: whoever watches also looks by itself now and then.
 */
export class PostgresNotify {
  readonly #pending = new Map<string, Set<number>>();
  #client: pg.Client | undefined;
  #pid = 0;
  #pause = FIRST_PAUSE_MS;
  #listening = false;
  #closing = new AbortController();
  #working: Promise<void> | undefined;

  constructor(private readonly options: PostgresNotifyOptions) {}

  /** To be told to the others soon. */
  tell(column: string, key: number): void {
    const keys = this.#pending.get(column);
    if (!keys) this.#pending.set(column, new Set([key]));
    else if (keys.size <= MOST_KEYS) keys.add(key);
    this.#work();
  }

  /** Whether there is somebody here who wants to hear. */
  listen(listening: boolean): void {
    this.#listening = listening;
    if (listening) this.#work();
  }

  /** Tells what is pending if it can be told now. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  /** Connects and tells until there is nothing left to do; only one does so at a time. */
  #work(): void {
    if (this.#working || this.#closing.signal.aborted) return;
    this.#working = this.#run().finally(() => {
      this.#working = undefined;
      if (this.#pending.size > 0 || (this.#listening && !this.#client)) this.#work();
    });
  }

  async #run(): Promise<void> {
    try {
      this.#client ??= await this.#connect();
      while (this.#pending.size > 0) {
        await this.#flush(this.#client);
        await this.#rest(PACE_MS);
      }
      this.#pause = FIRST_PAUSE_MS;
    } catch {
      // It is out of reach, or broke meanwhile: what is pending stays, and the next turn connects anew.
      await this.#rest(this.#pause * (0.5 + Math.random()));
      this.#pause = Math.min(LONGEST_PAUSE_MS, this.#pause * 2);
    }
  }

  async #flush(client: pg.Client): Promise<void> {
    for (const [column, keys] of [...this.#pending]) {
      this.#pending.delete(column);
      const payload = keys.size > MOST_KEYS ? column : [column, ...keys].join(' ');
      try {
        await client.query({ name: 'tell', text: 'select pg_notify($1, $2)', values: [CHANNEL, payload] });
      } catch (error) {
        for (const key of keys) this.tell(column, key);
        throw error;
      }
    }
  }

  async #connect(): Promise<pg.Client> {
    const client = new PrimaryClient({
      connectionString: this.options.url,
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: this.options.statementTimeoutMs,
      keepAlive: true,
      application_name: 'undersigned notify',
    });
    const forget = () => {
      if (this.#client !== client) return;
      this.#client = undefined;
      if (this.#listening) this.#work();
    };
    // A connection that breaks fails its query too; without a listener it would end the process.
    client.on('error', forget);
    client.on('end', forget);
    client.on('notification', ({ processId, payload = '' }) => {
      if (processId !== this.#pid) this.#hear(payload);
    });
    try {
      await client.connect();
      // A notification that a power cut takes is none that anybody misses.
      await client.query(`set synchronous_commit = off; listen ${CHANNEL}`);
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      this.#pid = rows[0]?.pid ?? 0;
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    // What was told while nobody listened here is lost.
    this.options.lost();
    return client;
  }

  #hear(payload: string): void {
    const [column = '', ...keys] = payload.split(' ');
    this.options.heard(column, keys.length === 0 ? null : keys.map(Number));
  }

  /** Cut short by closing. */
  #rest(ms: number): Promise<unknown> {
    return sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}
