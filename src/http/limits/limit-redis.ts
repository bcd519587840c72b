import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { Redis, type Result } from 'ioredis';
import { deriveKey } from '../../core/sealer.js';
import { LocalLimits } from './limit-local.js';
import { leftOf, type Bucket, type Left, type LimitStore, type SharedState } from './limit-store.js';

/**
 * Every LOOK_MS the oldest waiting request is looked at. At LOOKS looks, after about 100 ms, Redis counts as lost.
 * Looks are counted rather than time, since Redis is not to blame for time in which this process itself was blocked.
 */
const LOOK_MS = 25;
const LOOKS = 5;
/** How often a lost Redis is tried again, and how long it may then take to answer. */
const RETRY_MS = 500;
const PATIENCE_MS = 100;
const CONNECT_MS = 1000;
const PREFIX = 'undersigned:limit:';

/*
 * Counts a request under all of its policies, atomically and in one round trip. A window begins with its first request,
 * and ends when the key expires. ARGV: for each key the number of requests and the milliseconds of its policy; then the
 * amount: 1 to count, 0 to return what 1 would return without counting. Returns for each key, up to the first that is
 * exceeded, the requests so far and the milliseconds left in the window.
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
/** 1 counts a request, 0 only looks what counting it would return. */
type Amount = 0 | 1;
type Waiting = { buckets: readonly Bucket[]; amount: Amount; looks: number; told: (left: Left) => void };

/**
 * Counts requests in Redis, so that many processes share one limit. While Redis is unreachable or slow, each process
 * counts alone: only the requests that discover the outage wait for Redis, and none after them until it answers again.
 */
export class RedisLimits implements LimitStore {
  readonly #redis: Redis;
  readonly #alone = new LocalLimits();
  readonly #hashKey: Buffer;
  /** In the order in which Redis was asked, which is the order of its answers: the first has waited longest. */
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
      // Requests that Redis cannot count now are counted in this process: a later retry would count them twice.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // After a failover the old primary refuses writes: a new connection finds the new one.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    });
    this.#redis.defineCommand('takeLimits', { lua: TAKE });
    // ioredis reconnects automatically, and #lost logs the outage once.
    this.#redis.on('error', () => undefined);
    this.#redis.on('close', () => this.#lost('the connection is closed'));
  }

  /** Connects. Where Redis cannot be reached, it starts by counting alone. */
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

  /** Keyed hashes: without the root key, an IP address cannot be recovered from Redis by trying all of them. */
  #namesOf(buckets: readonly Bucket[]): string[] {
    // Most policies of a request share a key: each is hashed once.
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

  /** One timer for all waiting requests: one for each would cost as much as the rest of this class. */
  #watch(): void {
    if (this.#looking) return;
    this.#looking = true;
    setTimeout(() => {
      // After the I/O phase: answers that have arrived but were not read yet come first.
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

  /** Probes with a real count rather than a ping: a Redis that is full or read-only would answer a ping. */
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
