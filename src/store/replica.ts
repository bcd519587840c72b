import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import * as tables from '../../schema/db/postgres.js';
import { isPooled } from './postgres-pooler.js';
import type { Published, Reader, ReplicaState } from './store.js';

/*
 * Reads of a standby, whose age has a bound that needs no two clocks to agree. From time to time the primary is asked how
 * far its log is written, and then the standby how far it has replayed. What was acknowledged before the first question lies
 * before that place of the log, since the store refuses a server that acknowledges before it has written. So once the standby
 * is past it, what it shows is at most as old as that question, by the clock of this process. Without new answers of both
 * the bound is reached by itself, and the primary answers. Nothing has to be told of single commits, and no answer of a
 * standby is kept here.
 */

/** As often as the bound allows several tries, and not more often than is worth it. */
const TRIES = 5;
const [OFTEN_MS, SELDOM_MS] = [20, 1000];
/** A standby that does not answer within this time is away. */
const ANSWER_MS = 1000;

export type ReplicaOptions = {
  url: string;
  poolSize: number;
  maxAgeMs: number;
  onChange: (state: ReplicaState['state']) => void;
};

/** The system that a server belongs to with all its standbys, and the place in its log. */
type Place = { standby: boolean; system: string; at: string | null };

const SYSTEM = `(select system_identifier::text from pg_control_system()) || ' ' ||
  (select oid::text from pg_database where datname = current_database()) as system`;
const WRITTEN = `select pg_is_in_recovery() as standby, ${SYSTEM},
  case when not pg_is_in_recovery() then (pg_current_wal_flush_lsn() - '0/0')::text end as at`;
const REPLAYED = `select pg_is_in_recovery() as standby, ${SYSTEM},
  case when pg_is_in_recovery() then (pg_last_wal_replay_lsn() - '0/0')::text end as at`;

export class Replica {
  readonly #pool: pg.Pool;
  readonly #read: Reader;
  /** Places in the log of the primary, and when it was asked for them; the latest are the last. */
  #asked: { place: bigint; at: number }[] = [];
  /** What was acknowledged before is there. */
  #shows = -Infinity;
  #state: ReplicaState['state'] = 'away';
  #counts = { reads: 0, fallbacks: 0, outages: 0 };
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly primary: pg.Pool,
    private readonly options: ReplicaOptions,
  ) {
    this.#pool = new pg.Pool({
      connectionString: options.url,
      max: options.poolSize,
      connectionTimeoutMillis: ANSWER_MS,
      query_timeout: ANSWER_MS,
      statement_timeout: ANSWER_MS,
      application_name: 'undersigned',
    });
    // See postgres-pool.ts.
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => client.on('error', () => undefined));
    this.#read = { db: drizzle(this.#pool, { casing: 'snake_case' }), tables };
  }

  /** Looks for the first time, and from then on. Throws if the server there can never be the right one. */
  async start(): Promise<void> {
    const wrong = await this.#wrong();
    if (wrong !== undefined) throw new Error(`DATABASE_READ_URL leads to ${wrong}`);
    await this.#look();
  }

  /** Runs it on the standby where that may be, and on the primary after whatever hindered it there. */
  async published<T>(work: (read: Reader) => Promise<T>, primary: Reader): Promise<Published<T>> {
    const ageMs = this.#ageMs();
    if (this.#state === 'used' && ageMs <= this.options.maxAgeMs) {
      try {
        const value = await work(this.#read);
        this.#counts.reads += 1;
        return { value, ageMs };
      } catch {
        // Out of reach, cancelled because its rows were cleaned up, or not there yet: then it is nobody's 404.
        this.#counts.fallbacks += 1;
      }
    }
    return { value: await work(primary), ageMs: undefined };
  }

  state(): ReplicaState {
    return { state: this.#state, ageMs: this.#ageMs(), ...this.#counts };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
    await this.#pool.end();
  }

  #ageMs(): number {
    return performance.now() - this.#shows;
  }

  /** What a server that answers is, if it is none that follows the primary. */
  async #wrong(): Promise<string | undefined> {
    const client = await this.#pool.connect().catch(() => undefined);
    if (!client) return undefined;
    try {
      if (await isPooled(client)) return 'a pooler: it must lead to PostgreSQL itself';
      const [here, there] = [await placeOf(this.primary, WRITTEN), await placeOf(client, REPLAYED)];
      return here.system === there.system ? undefined : 'another database than DATABASE_URL';
    } finally {
      client.release();
    }
  }

  #look(): Promise<void> {
    const pause = Math.min(SELDOM_MS, Math.max(OFTEN_MS, this.options.maxAgeMs / TRIES));
    this.#looking = this.#compare()
      .catch((): ReplicaState['state'] => 'away')
      .then((state) => {
        this.#become(state);
        if (!this.#closed) this.#timer = setTimeout(() => void this.#look(), pause);
      });
    return this.#looking;
  }

  async #compare(): Promise<ReplicaState['state']> {
    const at = performance.now();
    const written = await placeOf(this.primary, WRITTEN);
    if (written.at !== null) this.#asked.push({ place: BigInt(written.at), at });
    const replayed = await placeOf(this.#pool, REPLAYED);
    if (written.system !== replayed.system) return 'other';
    if (replayed.at === null) return 'promoted';
    const there = BigInt(replayed.at);
    const shown = this.#asked.findLastIndex(({ place }) => place <= there);
    if (shown >= 0) this.#shows = this.#asked[shown]?.at ?? -Infinity;
    const useful = performance.now() - this.options.maxAgeMs;
    this.#asked = this.#asked.slice(shown + 1).filter((one) => one.at > useful);
    return this.#ageMs() <= this.options.maxAgeMs ? 'used' : 'behind';
  }

  #become(state: ReplicaState['state']): void {
    const changes = state !== this.#state;
    if (this.#state === 'used' && changes) this.#counts.outages += 1;
    this.#state = state;
    if (changes && !this.#closed) this.options.onChange(state);
  }
}

async function placeOf(on: Pick<pg.ClientBase, 'query'> | pg.Pool, sql: string): Promise<Place> {
  const { rows } = await (on as pg.Pool).query<Place>(sql);
  const [place] = rows;
  if (!place) throw new Error('PostgreSQL does not say where it is');
  return place;
}
