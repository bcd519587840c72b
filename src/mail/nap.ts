/** A sleep that can be ended early. A `wake` that comes while nothing sleeps ends the next sleep at once. */
export class Nap {
  #called = false;
  #over = false;
  #finish: ((by: 'call' | 'end') => void) | undefined;

  /** With `deaf` only `end` ends it early, not `wake`. */
  async sleep(ms: number, { deaf = false } = {}): Promise<void> {
    if (this.#over || (this.#called && !deaf)) {
      this.#called = false;
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#finish = (by) => {
        if (deaf && by === 'call') return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.#finish = undefined;
    if (!deaf) this.#called = false;
  }

  wake(): void {
    this.#called = true;
    this.#finish?.('call');
  }

  /** Ends this sleep and all later ones. */
  end(): void {
    this.#over = true;
    this.#finish?.('end');
  }
}
