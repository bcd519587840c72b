import type { Db, Joint, Tx } from '../store.js';
import { onlyReads, setBased, type Ask, type Prepared, type SetBased } from './set-based.js';

type Values = Record<string, unknown>;
export type Work = (tx: Tx) => Promise<unknown>;

/** The outcome of a work. `wrote`: it may have written something to the transaction. */
export type Outcome = { value: unknown } | { error: unknown; wrote: boolean };

type Call = {
  member: Member;
  values: Values;
  resolve: (answer: unknown) => void;
  reject: (reason: unknown) => void;
};
type Waiting = {
  name: string;
  query: Prepared;
  alone: (values: Values) => PromiseLike<unknown>;
  reads: boolean;
  calls: Call[];
};

/** The set-based forms of statements, by name. Shared by all connections. */
export type Forms = Map<string, Promise<SetBased>>;

type Member = { over: boolean; wrote: boolean; waits: number };

/**
 * Runs several works interleaved in one transaction, and sends the statements that they execute at the same moment once
 * for all of them.
 *
 * The works keep in step: reads are sent at once, writes wait until no work reads any more. So most works write
 * together, table after table, and the transactions of two processes lock tables in the same order.
 */
export class InterleavedGroup {
  readonly #members: Member[] = [];
  readonly #waiting = new Map<string, Waiting>();
  #running = 0;
  #scheduled = false;

  constructor(
    private readonly shared: Tx & { db: Db },
    private readonly ask: Ask,
    private readonly forms: Forms,
  ) {}

  /** Runs all works to their end. What the successful ones added goes to the shared transaction. */
  run(works: readonly Work[]): Promise<Outcome[]> {
    return Promise.all(works.map((work) => this.#run(work)));
  }

  async #run(work: Work): Promise<Outcome> {
    const added: Parameters<Tx['add']>[] = [];
    const { member, tx } = this.#join((...args) => void added.push(args));
    try {
      const value = await work(tx);
      for (const args of added) this.shared.add(...args);
      return { value };
    } catch (error) {
      return { error, wrote: member.wrote || member.waits > 0 };
    } finally {
      member.over = true;
      this.#soon();
    }
  }

  /** The transaction as a further member sees it. */
  get tx(): Tx {
    return this.#join(this.shared.add).tx;
  }

  #join(add: Tx['add']): { member: Member; tx: Tx } {
    const member: Member = { over: false, wrote: false, waits: 0 };
    this.#members.push(member);
    const { db } = this.shared;
    const joint: Joint = { db, call: (...args) => this.#call(member, ...args) };
    return { member, tx: { ...this.shared, db: noting(db, () => (member.wrote = true)), add, joint } };
  }

  #call(member: Member, name: string, query: Prepared, values: Values, alone: Waiting['alone']) {
    const reads = onlyReads(query);
    member.waits += 1;
    return new Promise<unknown>((resolve, reject) => {
      let waiting = this.#waiting.get(name);
      if (!waiting) this.#waiting.set(name, (waiting = { name, query, alone, reads, calls: [] }));
      waiting.calls.push({ member, values, resolve, reject });
      this.#soon();
    });
  }

  /** Continues when no work can get further without an answer: after all promise callbacks of this turn. */
  #soon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    void Promise.resolve().then(() => process.nextTick(this.#goOn));
  }

  #goOn = () => {
    this.#scheduled = false;
    const waiting = [...this.#waiting.values()];
    const reads = waiting.filter((one) => one.reads);
    const busy = this.#running > 0 || this.#members.some(({ over, waits }) => !over && waits === 0);
    for (const one of reads.length > 0 ? reads : busy ? [] : waiting) {
      this.#waiting.delete(one.name);
      void this.#answer(one);
    }
  };

  async #answer(waiting: Waiting): Promise<void> {
    const { calls } = waiting;
    this.#running += 1;
    try {
      const answers = await this.#ask(waiting);
      for (const [i, { member, resolve }] of calls.entries()) {
        member.waits -= 1;
        // No rows: a conflict prevented the write.
        if (!waiting.reads && !isEmpty(answers[i])) member.wrote = true;
        resolve(answers[i]);
      }
    } catch (error) {
      for (const { member, reject } of calls) {
        member.waits -= 1;
        reject(error);
      }
    }
    this.#running -= 1;
    this.#soon();
  }

  async #ask({ name, query, alone, calls }: Waiting): Promise<unknown[]> {
    const [first, ...others] = calls;
    if (first && others.length === 0) return [await alone(first.values)];
    let form = this.forms.get(name);
    if (!form) this.forms.set(name, (form = setBased(name, query, this.ask)));
    // Not kept after a failure, such as a lost connection: the next attempt may succeed.
    const made = await form.catch((error: unknown) => {
      this.forms.delete(name);
      throw error;
    });
    return made.run(
      this.ask,
      calls.map(({ values }) => values),
      alone,
    );
  }
}

const isEmpty = (answer: unknown) => Array.isArray(answer) && answer.length === 0;

/**
 * A query builder that reports writes which do not go through a statement. Such queries are sent for each work
 * separately, and an insert counts as a write even if a conflict prevented it.
 */
const noting = (db: Db, note: () => void): Tx['db'] =>
  ({
    select: db.select.bind(db),
    selectDistinct: db.selectDistinct.bind(db),
    insert: (...args: Parameters<Db['insert']>) => (note(), db.insert(...args)),
    update: (...args: Parameters<Db['update']>) => (note(), db.update(...args)),
    delete: (...args: Parameters<Db['delete']>) => (note(), db.delete(...args)),
  }) as Tx['db'];
