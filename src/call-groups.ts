import { valueOf, type Answers, type Call } from './calls.js';
import type { VerbName } from './core/verbs/verbs.js';
import { ApiError } from './errors.js';

/**
 * A group is one commit: the larger, the cheaper. One is stored while the answers of the other are sent and the next one
 * gathers.
 */
const UNDER_WAY = 2;
const MOST = 128;
/** How much of the peak a group is at most, so that two of them take turns. */
const LARGE = 1 / 2;
/** How quickly a peak is forgotten: in each group this share of it. */
const FORGETTING = 1 / 64;

type Pending = {
  verb: VerbName;
  args: unknown[];
  resolve: (value: unknown) => void;
  reject: (reason: unknown) => void;
};

/** The calls on their way to the store thread and back: which of them go together, and when. */
export class CallGroups {
  #failed = false;
  #waiting: Pending[] = [];
  readonly #sent = new Map<number, Pending>();
  #id = 0;
  #underWay = 0;
  #armed = false;
  /** How many calls were inside at once, lately. */
  #peak = 0;
  #idle: (() => void)[] = [];

  constructor(private readonly post: (calls: Call[]) => void) {}

  /** Calls that wait or run. */
  get inside(): number {
    return this.#waiting.length + this.#sent.size;
  }

  call(verb: VerbName, args: unknown[]): Promise<unknown> {
    if (this.#failed) return Promise.reject(new ApiError('storage_unavailable'));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ verb, args, resolve, reject });
      this.#arm();
    });
  }

  answered({ answers, begun }: Pick<Answers, 'answers' | 'begun'>): void {
    this.#underWay -= begun;
    for (const [id, outcome] of answers) {
      const pending = this.#sent.get(id);
      this.#sent.delete(id);
      try {
        pending?.resolve(valueOf(outcome));
      } catch (error) {
        pending?.reject(error);
      }
    }
    this.#arm();
    if (this.inside === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Waits for the calls inside. */
  async drain(): Promise<void> {
    if (this.inside > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** The thread is gone: what became of the calls inside is unknown. */
  fail(): void {
    this.#failed = true;
    const reason = new ApiError('storage_unavailable');
    for (const { reject } of [...this.#sent.values(), ...this.#waiting]) reject(reason);
    this.#sent.clear();
    this.#waiting = [];
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** At the end of this turn of the event loop: requests that were read together go together. */
  #arm(): void {
    if (this.#armed || this.#underWay >= UNDER_WAY || this.#waiting.length === 0) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      this.#send();
    });
  }

  #send(): void {
    this.#peak = Math.max(this.inside, this.#peak * (1 - FORGETTING));
    const group = this.#waiting.splice(0, Math.min(MOST, Math.ceil(this.#peak * LARGE)));
    if (group.length === 0) return;
    this.#underWay += 1;
    const calls = group.map((pending): Call => {
      this.#sent.set((this.#id += 1), pending);
      return [this.#id, pending.verb, pending.args];
    });
    this.post(calls);
    this.#arm();
  }
}
