import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from './core/context.js';
import type { Delivery as DeliveryRow } from './core/deliveries/cut.js';
import {
  beginMaking,
  claimDelivery,
  completeDelivery,
  failDelivery,
  fateOf,
  Overtaken,
  recordFilesDeleted,
  renewClaim,
  storeLines,
  storeStrikes,
  triedTooOften,
  type Making,
  type PlacedLine,
} from './core/deliveries/making.js';
import type { Tallied } from './core/deliveries/tally.js';
import { folderName } from './core/deliveries/files.js';
import { saidBy } from './core/deliveries/entries.js';
import { DeliverySpool } from './delivery-spool.js';
import { deliveryOf, groupOf } from './delivery-content.js';
import { TREE, type DeliveryLine } from './deliveries/delivery.js';
import type { ManifestSigner } from './deliveries/seal/manifest-signer.js';
import { sealDelivery } from './deliveries/seal/seal-delivery.js';
import { writeDelivery } from './deliveries/write-delivery.js';
import { describeError } from './errors.js';
import type { Logger } from './mail/delivery.js';
import type { Locales } from './mail/locales.js';
import { Nap } from './mail/nap.js';
import { DAY_MS, HOUR_MS } from './time.js';

const TIMES = {
  /** How often it is looked whether there is a delivery to make. Other processes write them, too. */
  lookMs: 1000,
  afterFailureMs: 10_000,
  leaseMs: 120_000,
  renewMs: 30_000,
};

/** Lines whose places are stored in one transaction. */
const AT_A_TIME = 1000;

export type MakerOptions = {
  ctx: Context;
  /** Where each delivery has a folder of its own. Processes that share a database must share it. */
  folder: string;
  signer: ManifestSigner;
  locales: Locales;
  timestampUrl: string;
  keepDays: number;
  logger: Pick<Logger, 'warn' | 'error'>;
  times?: Partial<typeof TIMES>;
};

/** Makes the files of deliveries, one after the other, and deletes those that are kept no longer. */
export class DeliveryMaker {
  readonly #times: typeof TIMES;
  readonly #nap = new Nap();
  readonly #stopping = new AbortController();
  #looping = Promise.resolve();
  #sweptAt = 0;

  constructor(private readonly options: MakerOptions) {
    this.#times = { ...TIMES, ...options.times };
  }

  /** To be called once. */
  start(): void {
    this.#looping = this.#loop();
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the server stops'));
    this.#nap.end();
    await this.#looping;
  }

  async #loop(): Promise<void> {
    const { logger } = this.options;
    while (!this.#stopping.signal.aborted) {
      let pause = this.#times.lookMs;
      try {
        if (await this.makeNext()) continue;
        await this.#sweepNow();
      } catch (error) {
        logger.error({ error: describeError(error) }, 'deliveries cannot be made');
        pause = this.#times.afterFailureMs;
      }
      await this.#nap.sleep(pause);
    }
  }

  async #sweepNow(): Promise<void> {
    if (Date.now() - this.#sweptAt < HOUR_MS) return;
    this.#sweptAt = Date.now();
    await this.sweep();
  }

  /**
   * Deletes what is kept no longer, and what killed processes have left. The tree of a delivery stays: signers can prove
   * their lines with it. File by file, so that several processes may do it at once.
   */
  async sweep(): Promise<void> {
    const { ctx, folder, keepDays } = this.options;
    const before = new Date(ctx.now().getTime() - keepDays * DAY_MS);
    for (const name of await readdir(folder).catch(unlessMissing)) {
      const [, publicId, attempt] = /^(dlv_[0-9a-z]{26})\.([0-9]+)$/.exec(name) ?? [];
      if (publicId === undefined) continue;
      const fate = await fateOf(ctx.store.read, publicId, Number(attempt), before);
      if (fate === 'goes') await rm(join(folder, name), { recursive: true, force: true });
      if (fate !== 'tree') continue;
      const files = (await readdir(join(folder, name)).catch(unlessMissing)).filter((one) => one !== TREE);
      for (const file of files) await rm(join(folder, name, file), { recursive: true, force: true });
      // Of those that went earlier it is recorded.
      if (files.length > 0) await recordFilesDeleted(ctx.store, publicId);
    }
  }

  /** Makes the files of a delivery that waits for it. False: there is none. */
  async makeNext(): Promise<boolean> {
    const { ctx, logger } = this.options;
    const row = await claimDelivery(ctx.store, this.#times.leaseMs);
    if (!row) return false;
    if (triedTooOften(row)) {
      await failDelivery(ctx.store, row, 'too_often');
      return true;
    }
    const overtaken = new AbortController();
    const renewing = setInterval(() => {
      renewClaim(ctx.store, row, this.#times.leaseMs)
        .then((isOurs) => isOurs || overtaken.abort(new Overtaken()))
        .catch((error: unknown) => logger.warn({ error: describeError(error) }, 'a lease is not renewed'));
    }, this.#times.renewMs);
    try {
      await this.#make(row, AbortSignal.any([overtaken.signal, this.#stopping.signal]));
    } catch (error) {
      await this.#giveUp(row, error);
    } finally {
      clearInterval(renewing);
    }
    return true;
  }

  /** A failure of the disk may pass; of all others it is said what they were. */
  async #giveUp(row: DeliveryRow, error: unknown): Promise<void> {
    const { ctx, logger } = this.options;
    if (error instanceof Overtaken || this.#stopping.signal.aborted) return;
    logger.error({ error: describeError(error), delivery: row.publicId }, 'a delivery could not be made');
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    await failDelivery(ctx.store, row, isFull ? 'disk_full' : 'internal');
  }

  async #make(row: DeliveryRow, signal: AbortSignal): Promise<void> {
    const { ctx, folder } = this.options;
    const making = await beginMaking(ctx, row);
    if (!making) {
      await failDelivery(ctx.store, row, 'petition_gone');
      return;
    }
    // Each attempt has a folder of its own, so that one that comes too late can harm no other.
    const place = join(folder, folderName(row.publicId, row.attempts));
    await mkdir(place, { recursive: true, mode: 0o700 });
    try {
      const made = await this.#write(making, place, signal);
      if (!(await completeDelivery(ctx, row, made))) throw new Overtaken();
    } catch (error) {
      await rm(place, { recursive: true, force: true });
      throw error;
    }
    for (let earlier = row.attempts - 1; earlier > 0; earlier -= 1) {
      await rm(join(folder, folderName(row.publicId, earlier)), { recursive: true, force: true });
    }
  }

  async #write(making: Making, work: string, signal: AbortSignal) {
    const { ctx, locales, signer, timestampUrl } = this.options;
    const { delivery: row } = making;
    const group = groupOf(row);
    const spool = new DeliverySpool(join(work, '.spool'));
    try {
      const struck = await this.#strike(making, signal);
      for await (const entries of making.entries()) {
        signal.throwIfAborted();
        for (const entry of entries) {
          making.tally.add(entry);
          const { line, signatureKey } = entry;
          if (line) spool.add({ line, signatureKey }, group.of(line));
        }
      }
      const tallied: Tallied = await making.tallied(struck.count);
      const delivery = deliveryOf(making, tallied, struck.lines, locales);
      const lines = this.#numbered(spool, row, group.compare, signal);
      const delivered = await writeDelivery(delivery, lines, { folder: work, signal });
      const sealed = await sealDelivery(delivery, delivered, {
        folder: work,
        signer,
        timestampUrl,
        signal,
        now: ctx.now,
      });
      return { ...tallied, weeded: making.weeded, root: delivered.root, ...sealed };
    } finally {
      spool.close();
    }
  }

  /** The lines of earlier deliveries that hold no longer, by the ids of those deliveries. */
  async #strike({ delivery, chain, strikes }: Making, signal: AbortSignal) {
    const { store } = this.options.ctx;
    const lines = new Map<string, number[]>();
    let count = 0;
    for await (const some of strikes()) {
      signal.throwIfAborted();
      await storeStrikes(store, delivery, some);
      count += some.length;
      for (const { earlierKey, number } of some) {
        const id = chain.get(earlierKey) ?? '';
        const known = lines.get(id);
        if (known) known.push(number);
        else lines.set(id, [number]);
      }
    }
    return { count, lines };
  }

  /** Numbers the lines, and remembers which signature is on which before it is drawn. */
  async *#numbered(
    spool: DeliverySpool,
    row: DeliveryRow,
    compare: (a: string, b: string) => number,
    signal: AbortSignal,
  ): AsyncGenerator<DeliveryLine, void, undefined> {
    const { store } = this.options.ctx;
    let number = 0;
    const some: (PlacedLine & { line: DeliveryLine })[] = [];
    const stored = async () => {
      signal.throwIfAborted();
      await storeLines(store, row, some);
      return some.splice(0);
    };
    for (const { line, signatureKey } of spool.sorted(compare)) {
      number += 1;
      const salt = randomBytes(16);
      some.push({
        line: { ...line, number, salt: salt.toString('base64url') },
        number,
        signatureKey,
        said: saidBy(line, salt),
        salt,
      });
      if (some.length === AT_A_TIME) for (const one of await stored()) yield one.line;
    }
    for (const one of await stored()) yield one.line;
  }
}

function unlessMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code !== 'ENOENT') throw error;
  return [];
}
