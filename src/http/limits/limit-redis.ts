import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { Redis, type Result } from 'ioredis';
import { deriveKey } from '../../core/sealer.js';
import { LocalLimits } from './limit-local.js';
import { leftOf, type Bucket, type Left, type LimitStore, type SharedState } from './limit-store.js';

/**
 * How often it is looked who waits, and who still waits at so many looks, after 100 ms, is counted here. Looks and not
 * time, since time in which this process itself was held up is no fault of Redis.
 */
const LOOK_MS = 25;
const LOOKS = 5;
/** How often a lost Redis is tried, and how long it may take to answer then. */
const RETRY_MS = 500;
const PATIENCE_MS = 100;
const CONNECT_MS = 1000;
const PREFIX = 'undersigned:limit:';

/*
 * One round trip for all policies of a request, and nothing comes in between. A window begins with its first request
 * and ends with the key. ARGV: for each key how many requests, and in how many milliseconds; at last 1, or 0 to look what
 * 1 would tell. Answers how many there have been, and when the window ends, up to the first key that is exceeded.
 */
const TAKE = `
local taken = {}
local amount = tonumber(ARGV[#ARGV])
for i, key in ipairs(KEYS) do
  local used = redis.call('incrby', key, amount) + 1 - amount
  local ms = redis.call('pttl', key)
  if ms < 0 then
    ms = tonumber(ARGV[2 * i])
    redis.call('pexpire', key, ms)
  end
  taken[2 * i - 1] = used
  taken[2 * i] = ms
  if used > tonumber(ARGV[2 * i - 1]) then break end
end
return taken`;

declare module 'ioredis' {
  interface RedisCommander<Context> {
    takeLimits(keys: number, ...args: (string | number)[]): Result<number[], Context>;
  }
}

type Logger = Pick<FastifyBaseLogger, 'warn' | 'info'>;
/** 1 counts a request, 0 looks what it would come to. */
type Amount = 0 | 1;
type Waiting = { buckets: readonly Bucket[]; amount: Amount; looks: number; told: (left: Left) => void };

/**
 * Counts in Redis, so that many processes have one limit. While Redis is away or slow, each process counts on its own:
 * the first that are kept waiting find it out, and nobody waits after them until it answers again.
 */
export class RedisLimits implements LimitStore {
  readonly #redis: Redis;
  readonly #alone = new LocalLimits();
  readonly #hashKey: Buffer;
  /** Redis answers in the order in which it was asked: the first has waited longest. */
  readonly #waiting = new Set<Waiting>();
  readonly #state: SharedState = { shared: true, outages: 0, alone: 0 };
  readonly #closing = new AbortController();
  #looking = false;

  private constructor(
    url: string,
    rootKey: Uint8Array,
    private readonly logger: Logger,
  ) {
    this.#hashKey = deriveKey(rootKey, 'limits');
    this.#redis = new Redis(url, {
      lazyConnect: true,
      connectTimeout: CONNECT_MS,
      connectionName: 'undersigned',
      retryStrategy: () => RETRY_MS,
      // What cannot be asked now is counted here: asking later would count it twice.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // After a failover the old primary refuses to write: connecting anew finds the new one.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    });
    this.#redis.defineCommand('takeLimits', { lua: TAKE });
    // It connects again by itself; that it was lost is told once, by #lost.
    this.#redis.on('error', () => undefined);
    this.#redis.on('close', () => this.#lost('the connection is closed'));
  }

  /** Connects. A Redis that is not there is no reason not to start. */
  static async open(url: string, rootKey: Uint8Array, logger: Logger): Promise<RedisLimits> {
    const limits = new RedisLimits(url, rootKey, logger);
    await limits.#redis.connect().catch(() => limits.#lost('it cannot be reached'));
    return limits;
  }

  take(buckets: readonly Bucket[]): Left | Promise<Left> {
    return this.#tell(buckets, 1);
  }

  look(buckets: readonly Bucket[]): Left | Promise<Left> {
    return this.#tell(buckets, 0);
  }

  state(): SharedState {
    return this.#state;
  }

  close(): void {
    this.#closing.abort();
    this.#redis.disconnect();
  }

  #tell(buckets: readonly Bucket[], amount: Amount): Left | Promise<Left> {
    if (!this.#state.shared) return this.#tellAlone(buckets, amount);
    return new Promise((told) => {
      const one: Waiting = { buckets, amount, looks: 0, told };
      this.#waiting.add(one);
      this.#watch();
      this.#ask(buckets, amount).then(
        (left) => {
          if (this.#waiting.delete(one)) told(left);
        },
        () => this.#lost('it refuses'),
      );
    });
  }

  async #ask(buckets: readonly Bucket[], amount: Amount): Promise<Left> {
    const keys = this.#namesOf(buckets);
    const args = buckets.flatMap(({ policy }) => [policy.requests, policy.seconds * 1000]);
    const taken = await this.#redis.takeLimits(keys.length, ...keys, ...args, amount);
    let tightest: Left | undefined;
    for (let i = 0; 2 * i < taken.length; i += 1) {
      const left = leftOf((buckets[i] as Bucket).policy, taken[2 * i] as number, taken[2 * i + 1] as number);
      if (!tightest || left.left < tightest.left) tightest = left;
    }
    return tightest as Left;
  }

  /** Keyed, so that whoever reads Redis cannot find out the address by trying them all. Policies share most keys. */
  #namesOf(buckets: readonly Bucket[]): string[] {
    const hashes = new Map<string, string>();
    return buckets.map(({ policy, key }) => {
      let hash = hashes.get(key);
      if (hash === undefined) {
        hash = createHmac('sha256', this.#hashKey).update(key).digest().toString('base64url', 0, 18);
        hashes.set(key, hash);
      }
      return `${PREFIX}${policy.name}:${hash}`;
    });
  }

  #tellAlone(buckets: readonly Bucket[], amount: Amount): Left {
    this.#state.alone += amount;
    return amount === 1 ? this.#alone.take(buckets) : this.#alone.look(buckets);
  }

  /** One timer for all who wait: one for each would cost as much as the rest of this. */
  #watch(): void {
    if (this.#looking) return;
    this.#looking = true;
    setTimeout(() => {
      // Answers that lie there unread come first.
      setImmediate(() => {
        this.#looking = false;
        const [first] = this.#waiting;
        if (!first) return;
        first.looks += 1;
        if (first.looks >= LOOKS) this.#lost('it is too slow');
        else this.#watch();
      });
    }, LOOK_MS).unref();
  }

  #lost(reason: string): void {
    for (const { buckets, amount, told } of this.#waiting) told(this.#tellAlone(buckets, amount));
    this.#waiting.clear();
    if (!this.#state.shared || this.#closing.signal.aborted) return;
    this.#state.shared = false;
    this.#state.outages += 1;
    this.logger.warn({ reason }, 'Redis is lost: until it is back, limits hold for each process on its own');
    void this.#comeBack();
  }

  /** Asks for the very thing that is wanted: a Redis that is full or read-only answers a ping. */
  async #comeBack(): Promise<void> {
    const policy = { name: 'probe', header: '', requests: 1, seconds: 1, soft: false };
    const probe = [{ policy, key: '' }];
    const { signal } = this.#closing;
    for (;;) {
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      const late = sleep(PATIENCE_MS, false, { ref: false });
      if (await Promise.race([this.#ask(probe, 1).then(() => true), late]).catch(() => false)) break;
    }
    this.#state.shared = true;
    this.logger.info('Redis is back: all processes count together again');
  }
}
