import type { Logger } from './delivery.js';

/** An outage of the mail server: after each failed attempt the pause before the next one doubles. */
export class Outage {
  #pauseMs = 0;
  #until = 0;

  constructor(
    private readonly times: { pauseMs: number; longestPauseMs: number },
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  get isOver(): boolean {
    return this.#pauseMs === 0;
  }

  /** Milliseconds until the server may be tried again; 0 or less: now. */
  get left(): number {
    return this.#until - performance.now();
  }

  /** Begins or prolongs the outage. */
  goOn(reason: string): void {
    // Mails that failed together count as one failure.
    if (this.left > 0) return;
    const { pauseMs, longestPauseMs } = this.times;
    this.#pauseMs = Math.min(this.isOver ? pauseMs : this.#pauseMs * 2, longestPauseMs);
    this.#until = performance.now() + this.#pauseMs;
    this.logger.warn({ reason, pauseMs: this.#pauseMs }, 'mail cannot be sent');
  }

  end(): void {
    this.#pauseMs = 0;
  }
}
