import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { isPooled } from './postgres-pooler.js';
import { PrimaryClient } from './primary.js';

/** Commits within this time share a notification. */
const PACE_MS = 250;
/** PostgreSQL limits payloads to 8000 bytes; beyond this many keys a notification means "any of them". */
const MOST_KEYS = 600;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
const CONNECT_MS = 3000;
const CHANNEL = 'undersigned';

export type PostgresNotifyOptions = {
  url: string;
  /** No pooler may be between. */
  mustBeDirect: boolean;
  statementTimeoutMs: number;
  /** `heard`: another process wrote these keys (null: unknown ones). `lost`: notifications may have been missed. */
  heard: (column: string, keys: number[] | null) => void;
  lost: () => void;
};

/**
 * Tells other processes on this PostgreSQL what was written, and receives the same from them.
 *
 * A NOTIFY takes a database-wide lock while its transaction commits, so in the transactions of signers it would make
 * them queue. It is therefore sent afterwards, a few times per second, over its own connection. A lost one only causes
 * a delay, since watchers also look regularly.
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

  /** Announces a key to the other processes soon. */
  tell(column: string, key: number): void {
    const keys = this.#pending.get(column);
    if (!keys) this.#pending.set(column, new Set([key]));
    else if (keys.size <= MOST_KEYS) keys.add(key);
    this.#work();
  }

  /** Whether this process has watchers, and so needs notifications. */
  listen(listening: boolean): void {
    this.#listening = listening;
    if (listening) this.#work();
  }

  /** Closes the connection, after sending what is pending if that is possible now. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#working;
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  /** Connects and sends until nothing is left to do. Only one run is active at a time. */
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
      // Out of reach, or the connection broke: what is pending is kept, and the next run connects again.
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
    // The query that uses the connection fails as well; without a listener the error would end the process.
    client.on('error', forget);
    client.on('end', forget);
    client.on('notification', ({ processId, payload = '' }) => {
      if (processId !== this.#pid) this.#hear(payload);
    });
    try {
      await client.connect();
      if (this.options.mustBeDirect && (await isPooled(client))) throw new Error('a pooler is between');
      // A notification need not survive a power cut.
      await client.query(`set synchronous_commit = off; listen ${CHANNEL}`);
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      this.#pid = rows[0]?.pid ?? 0;
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
    // Notifications from before this connection may have been missed.
    this.options.lost();
    return client;
  }

  #hear(payload: string): void {
    const [column = '', ...keys] = payload.split(' ');
    this.options.heard(column, keys.length === 0 ? null : keys.map(Number));
  }

  /** Ends early when closing. */
  #rest(ms: number): Promise<unknown> {
    return sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
  }
}
