/** Writing to so many sockets takes some milliseconds: fewer would make many turns, each with a commit in between. */
const SLICE = 250;

/** Does something for each of many, some in each turn of the event loop, so that nobody else waits for long. */
export class Slices {
  readonly #jobs: { left: Iterator<unknown>; act: (one: never) => void }[] = [];

  /** `many` may change meanwhile: who leaves is left out, who comes is met too. */
  add<One>(many: Iterable<One>, act: (one: One) => void): void {
    this.#jobs.push({ left: many[Symbol.iterator](), act });
    if (this.#jobs.length === 1) setImmediate(this.#turn);
  }

  #turn = (): void => {
    for (let done = 0; done < SLICE;) {
      const [job] = this.#jobs;
      if (!job) return;
      const next = job.left.next();
      if (next.done) {
        this.#jobs.shift();
      } else {
        job.act(next.value as never);
        done += 1;
      }
    }
    if (this.#jobs.length > 0) setImmediate(this.#turn);
  };
}
