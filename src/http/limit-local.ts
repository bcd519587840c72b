import LocalStore from '@fastify/rate-limit/store/LocalStore.js';
import { leftOf, type Bucket, type Left, type LimitStore, type Policy } from './limit-store.js';

/** How many clients are remembered under each policy: the least recently seen is forgotten first. */
const CLIENTS = 100_000;

/** Counts in this process: the store of @fastify/rate-limit, asked without its promises, which cost more than the count. */
export class LocalLimits implements LimitStore {
  readonly #stores = new Map<Policy, LocalStore>();

  take(buckets: readonly Bucket[]): Left {
    return this.#tightest(buckets, (bucket) => this.#count(bucket));
  }

  look(buckets: readonly Bucket[]): Left {
    return this.#tightest(buckets, (bucket) => this.#peek(bucket));
  }

  state(): undefined {
    return undefined;
  }

  close(): void {
    this.#stores.clear();
  }

  #tightest(buckets: readonly Bucket[], tell: (bucket: Bucket) => Left): Left {
    let tightest: Left | undefined;
    for (const bucket of buckets) {
      const taken = tell(bucket);
      if (!tightest || taken.left < tightest.left) tightest = taken;
      if (taken.left < 0) break;
    }
    return tightest as Left;
  }

  #count({ policy, key }: Bucket): Left {
    let left: Left | undefined;
    const told = (error: Error | null, { current, ttl }: { current: number; ttl: number }) => {
      if (error) throw error;
      left = leftOf(policy, current, ttl);
    };
    this.#storeOf(policy).incr(key, told, policy.seconds * 1000, policy.requests);
    return left as unknown as Left;
  }

  #peek({ policy, key }: Bucket): Left {
    let left: Left | undefined;
    const ms = policy.seconds * 1000;
    const told = (error: Error | null, { current, ttl }: { current: number; ttl: number }) => {
      if (error) throw error;
      left = leftOf(policy, current + 1, ttl || ms);
    };
    this.#storeOf(policy).read(key, told, ms);
    return left as unknown as Left;
  }

  #storeOf(policy: Policy): LocalStore {
    let store = this.#stores.get(policy);
    if (!store) this.#stores.set(policy, (store = new LocalStore(false, false, CLIENTS)));
    return store;
  }
}
