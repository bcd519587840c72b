import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { countIsolated } from '../../core/brakes/key-isolations.js';
import { readQueue } from '../../core/mail/outbox.js';
import { pausedNow, type PauseWatch } from '../../core/brakes/pauses.js';
import type { Store } from '../../store/store.js';
import type { SharedState } from '../limits/limit-store.js';

/** The Prometheus metrics of one app. Labels must be operations and statuses, never paths or callers. */
export function createMetrics(store: Store, now: () => Date): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  watchStore(registry, store);
  watchReplica(registry, store);
  watchKeys(registry, store);
  watchOutbox(registry, store, now);
  return registry;
}

function watchStore(registry: Registry, store: Store): void {
  const registers = [registry];
  new Gauge({
    name: 'store_waiting',
    help: 'Transactions that wait for their turn',
    registers,
    collect() {
      this.set(store.stats().waiting);
    },
  });
  new Counter({
    name: 'store_transactions_total',
    help: 'Transactions that were committed',
    registers,
    collect() {
      this.reset();
      this.inc(store.stats().transactions);
    },
  });
  new Counter({
    name: 'store_commits_total',
    help: 'Commits; several transactions may share one',
    registers,
    collect() {
      this.reset();
      this.inc(store.stats().commits);
    },
  });
}

function watchReplica(registry: Registry, store: Store): void {
  if (!store.replica()) return;
  const registers = [registry];
  new Gauge({
    name: 'replica_used',
    help: 'Whether a replica answers callers without a key; 0: the primary does',
    registers,
    collect() {
      this.set(store.replica()?.state === 'used' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'replica_age_seconds',
    help: 'How old what the replica shows is at most',
    registers,
    collect() {
      this.set((store.replica()?.ageMs ?? 0) / 1000);
    },
  });
  const counters = {
    reads: ['replica_reads_total', 'Reads that the replica answered'],
    fallbacks: ['replica_fallbacks_total', 'Reads that the primary answered after the replica could not'],
    outages: ['replica_outages_total', 'How often the replica was lost, or fell too far behind'],
  } as const;
  for (const [what, [name, help]] of Object.entries(counters)) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(store.replica()?.[what as keyof typeof counters] ?? 0);
      },
    });
  }
}

function watchKeys(registry: Registry, { read }: Store): void {
  new Gauge({
    name: 'keys_isolated',
    help: 'Keys that are set apart for a petition, because hardly anything that they bring is confirmed',
    registers: [registry],
    async collect() {
      this.set(await countIsolated(read));
    },
  });
}

function watchOutbox(registry: Registry, { read }: Store, now: () => Date): void {
  const registers = [registry];
  const age = new Gauge({
    name: 'mail_oldest_seconds',
    help: 'For how long the oldest mail in the outbox has waited; 0: none does',
    registers,
  });
  new Gauge({
    name: 'mail_queued',
    help: 'Mails in the outbox that wait or are on their way',
    registers,
    async collect() {
      const { queued, oldestAt } = await readQueue(read);
      this.set(queued);
      age.set(oldestAt ? (now().getTime() - oldestAt.getTime()) / 1000 : 0);
    },
  });
}

/** Which of the things that an operator can pause are paused. */
export function watchPauses(registry: Registry, pauses: Pick<PauseWatch, 'current'>): void {
  new Gauge({
    name: 'paused',
    help: 'Whether the operator has paused this; 0: it goes on',
    labelNames: ['what'] as const,
    registers: [registry],
    collect() {
      for (const [what, is] of Object.entries(pausedNow(pauses))) this.set({ what }, is ? 1 : 0);
    },
  });
}

/** Metrics of live count streams. */
export function watchLive(registry: Registry, live: () => { size: number; dropped: number }): void {
  const registers = [registry];
  new Gauge({
    name: 'live_listeners',
    help: 'Streams of live counts that are open',
    registers,
    collect() {
      this.set(live().size);
    },
  });
  new Counter({
    name: 'live_dropped_total',
    help: 'Streams of live counts that were cut off because their client did not read them',
    registers,
    collect() {
      this.reset();
      this.inc(live().dropped);
    },
  });
}

/** Metrics of rate limits, where several processes share them. */
export function watchLimits(registry: Registry, state: () => SharedState | undefined): void {
  if (!state()) return;
  const registers = [registry];
  new Gauge({
    name: 'limits_shared',
    help: 'Whether limits are counted in Redis; 0: it is lost, and this process counts on its own',
    registers,
    collect() {
      this.set(state()?.shared ? 1 : 0);
    },
  });
  new Counter({
    name: 'limits_redis_outages_total',
    help: 'How often Redis was lost',
    registers,
    collect() {
      this.reset();
      this.inc(state()?.outages ?? 0);
    },
  });
  new Counter({
    name: 'limits_counted_alone_total',
    help: 'Requests that this process counted on its own, because Redis was lost',
    registers,
    collect() {
      this.reset();
      this.inc(state()?.alone ?? 0);
    },
  });
}

/** Lines that the log has lost. */
export function watchLog(registry: Registry, dropped: () => number): void {
  new Counter({
    name: 'log_dropped_total',
    help: 'Lines of the log that could not be written: the disk was full, or the reader of the pipe was too slow',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(dropped());
    },
  });
}

export type MailCounters = { sent: number; failed: number; retried: number };

/** Metrics of the mail worker of this process. */
export function watchMail(registry: Registry, counters: () => MailCounters): void {
  new Counter({
    name: 'mail_total',
    help: 'Mails that this process has sent, given up, or put off after a failure',
    labelNames: ['outcome'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const [outcome, number] of Object.entries(counters())) this.inc({ outcome }, number);
    },
  });
}
