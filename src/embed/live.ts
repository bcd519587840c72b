import type { Api, Counts } from './api.js';

const POLL_MS = 15_000;

/** Without HTTP/2, browsers open six connections per server for all tabs together, and a stream occupies one. */
const MOST_STREAMS = 2;
let streams = 0;

/** Follows a petition's counts while the page is visible, with a stream, or by polling where there is none. */
export class LiveCount {
  readonly #api: Api;
  readonly #petition: string;
  readonly #show: (counts: Counts) => void;
  #stream: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #streamFailed = false;

  constructor(api: Api, petition: string, show: (counts: Counts) => void) {
    this.#api = api;
    this.#petition = petition;
    this.#show = show;
  }

  start(): void {
    document.addEventListener('visibilitychange', this.#follow);
    this.#follow();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.#follow);
    this.#rest();
  }

  readonly #follow = (): void => {
    this.#rest();
    if (document.hidden) return;
    if (!this.#streamFailed && streams < MOST_STREAMS) this.#listen();
    else this.#poll();
  };

  #rest(): void {
    clearTimeout(this.#timer);
    if (!this.#stream) return;
    this.#stream.close();
    this.#stream = undefined;
    streams -= 1;
  }

  #listen(): void {
    const stream = new EventSource(`${this.#api.baseUrl}/v1/petitions/${this.#petition}/counts/live`);
    this.#stream = stream;
    streams += 1;
    stream.addEventListener('counts', ({ data }: MessageEvent<string>) =>
      this.#show(JSON.parse(data) as Counts),
    );
    // The petition is closed: the counts no longer change.
    stream.addEventListener('closed', () => this.stop());
    // Only for streams that are closed for good: the browser reconnects broken ones automatically.
    stream.addEventListener('error', () => {
      if (stream.readyState !== EventSource.CLOSED || stream !== this.#stream) return;
      this.#streamFailed = true;
      this.#follow();
    });
  }

  #poll(): void {
    this.#timer = setTimeout(() => {
      const again = () => {
        if (!document.hidden && !this.#stream) this.#poll();
      };
      this.#api.counts(this.#petition).then((counts) => {
        this.#show(counts);
        again();
      }, again);
    }, POLL_MS);
  }
}
