import { eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { PAUSABLE } from '../../../schema/db/tables/brakes.js';
import { statement, type Reader, type Store } from '../../store/store.js';

/*
 * The kill switch: an operator pauses signing, or all writing, on every process at once. It is stored in the database,
 * which each process looks at twice a second, so that a request reads only a variable.
 */

export type Pausable = (typeof PAUSABLE)[number];
export type Pause = Omit<Tables['pauses']['$inferSelect'], 'createdAt'>;
/** The pauses in force; null: none. */
export type Pauses = Partial<Record<Pausable, Pause>> | null;

const LOOK_MS = 500;

const findAll = statement('pauses', ({ db, tables: { pauses: t } }: Reader) =>
  db.select({ what: t.what, message: t.message, retryAfter: t.retryAfter }).from(t),
);

export async function readPauses(on: Reader): Promise<Pauses> {
  const rows = await findAll(on, {});
  return rows.length === 0 ? null : Object.fromEntries(rows.map((row) => [row.what, row]));
}

/** Pauses something, or changes the words of a pause. Every process knows within a second. */
export const pause = (store: Store, { what, ...values }: Pause): Promise<void> =>
  store.transact(async (tx) => {
    const { pauses: t } = tx.tables;
    await tx.db
      .insert(t)
      .values({ what, ...values, createdAt: tx.now })
      .onConflictDoUpdate({ target: t.what, set: values });
  });

/** Ends one pause, or all. Returns what was paused. */
export const resume = (store: Store, what?: Pausable): Promise<Pausable[]> =>
  store.transact(async (tx) => {
    const { pauses: t } = tx.tables;
    const ended = await tx.db
      .delete(t)
      .where(what && eq(t.what, what))
      .returning({ what: t.what });
    return ended.map((row) => row.what);
  });

/** Whether each of the things that can be paused is. */
export const pausedNow = ({ current }: Pick<PauseWatch, 'current'>): Record<Pausable, boolean> => ({
  signing: current?.signing !== undefined,
  writing: current?.writing !== undefined,
});

/** The things that are paused. */
export const namesOfPaused = (watch: Pick<PauseWatch, 'current'>): Pausable[] =>
  PAUSABLE.filter((what) => pausedNow(watch)[what]);

/** What this process knows of the pauses: at most half a second old while the database answers. */
export class PauseWatch {
  current: Pauses = null;
  #seen: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(private readonly store: Pick<Store, 'read' | 'generation'>) {}

  /** Looks once, and from then on regularly. */
  async start(): Promise<void> {
    await this.look();
    this.#timer = setInterval(() => void this.look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** While the database cannot be read, what was known last holds. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const generation = this.store.generation();
      if (generation !== undefined && generation === this.#seen) return;
      this.current = await readPauses(this.store.read);
      this.#seen = generation;
    } catch {
      this.#seen = undefined;
    } finally {
      this.#looking = false;
    }
  }
}
