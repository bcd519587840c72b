import type { ServerResponse } from 'node:http';
import type { LiveCounts, LiveState } from '../../core/live/live-counts.js';
import { forEachInTurns } from '../../core/one-per-turn.js';
import { publicCounts } from '../../core/partners/shown-counts.js';
import { ApiError } from '../../errors.js';
import { etagOf } from '../conditional.js';
import { toCounts } from '../counts/counts.js';

export type LiveOptions = {
  /** The most streams at a time: in all, and of one client. */
  most: number;
  mostOfOne: number;
  /** How often a silent stream gets a heartbeat. */
  heartbeatMs: number;
};

/** Proxies and Node close connections that are silent for a minute. */
export const HEARTBEAT_MS = 20_000;
/** Many people may share an IP address: a school, a mobile network. */
export const MOST_OF_ONE = 100;

const RETRY_MS = 3000;
/** At shutdown, clients are told to reconnect spread over this time. */
const SPREAD_MS = 4000;
/** How long streams may take to end at shutdown: less than other connections are given. */
const LAST_WORDS_MS = 400;
/** Retry-After in seconds for a client that gets no stream; until then it can poll. */
const COME_AGAIN = '30';

const RETRY = Buffer.from(`retry: ${RETRY_MS}\n`);
const UP_TO_DATE = Buffer.from(`retry: ${RETRY_MS}\n: You have the latest.\n\n`);
const BEAT = Buffer.from(':\n\n');

/** A petition with listeners, and its latest event, encoded once for all of them. */
type Topic = {
  ready: Promise<void>;
  data: string;
  id: string;
  message: Buffer;
  /** The last event, once the petition takes no more signatures. */
  farewell: Buffer | null;
  seats: number;
  streams: Set<Stream>;
  stop: () => void;
};

/** `has`: the id of the last event written to it. `slow`: whether it was behind at the last heartbeat. */
type Stream = { out: ServerResponse; topic: Topic; has: string; slow: boolean };

/** A place among the bounded number of streams. Each must be left again. */
export type Seat = { client: string; petitionKey: number; topic: Topic };

/**
 * The open streams. An event is encoded once for all listeners of a petition, and written to a batch of them at a time.
 */
export class LiveStreams {
  /** Streams that were closed because their client did not read. */
  dropped = 0;
  #seats = 0;
  #draining = false;
  #beating: NodeJS.Timeout | undefined;
  readonly #perClient = new Map<string, number>();
  readonly #topics = new Map<number, Topic>();
  readonly #streams = new Set<Stream>();

  constructor(
    private readonly live: LiveCounts,
    private readonly options: LiveOptions,
  ) {}

  get size(): number {
    return this.#seats;
  }

  /**
   * Takes a seat, and waits until the counts of the petition are read. The caller must `leave` it, or `begin` a stream.
   * Throws `shutting_down`, `too_many_listeners`, `rate_limited`, or the error of reading the petition.
   */
  async take(client: string, petitionKey: number): Promise<Seat> {
    this.#admit(client);
    const seat = { client, petitionKey, topic: this.#topicOf(petitionKey) };
    this.#seats += 1;
    this.#perClient.set(client, (this.#perClient.get(client) ?? 0) + 1);
    seat.topic.seats += 1;
    try {
      await seat.topic.ready;
      return seat;
    } catch (error) {
      this.leave(seat);
      throw error;
    }
  }

  #admit(client: string): void {
    if (this.#draining) throw new ApiError('shutting_down');
    const headers = { 'retry-after': COME_AGAIN };
    if (this.#seats >= this.options.most) {
      throw new ApiError('too_many_listeners', { detail: 'Poll the counts instead.', headers });
    }
    if ((this.#perClient.get(client) ?? 0) >= this.options.mostOfOne) {
      throw new ApiError('rate_limited', {
        detail: 'Too many listen from your network: poll the counts instead.',
        headers,
      });
    }
  }

  leave({ client, petitionKey, topic }: Seat): void {
    this.#seats -= 1;
    const left = (this.#perClient.get(client) ?? 1) - 1;
    if (left > 0) this.#perClient.set(client, left);
    else this.#perClient.delete(client);
    topic.seats -= 1;
    if (topic.seats > 0) return;
    topic.stop();
    if (this.#topics.get(petitionKey) === topic) this.#topics.delete(petitionKey);
  }

  #topicOf(petitionKey: number): Topic {
    const known = this.#topics.get(petitionKey);
    if (known) return known;
    const topic: Topic = {
      ready: Promise.resolve(),
      data: '',
      id: '',
      message: Buffer.alloc(0),
      farewell: null,
      seats: 0,
      streams: new Set(),
      stop: () => undefined,
    };
    topic.ready = new Promise((resolve, reject) => {
      topic.stop = this.live.follow(petitionKey, {
        hear: (state) => {
          this.#hear(topic, state);
          resolve();
        },
        fail: reject,
      });
    });
    this.#topics.set(petitionKey, topic);
    return topic;
  }

  #hear(topic: Topic, { status, goals, counts }: LiveState): void {
    const over = status !== 'published' && status !== 'draft';
    topic.farewell = over ? Buffer.from(`event: closed\ndata: ${JSON.stringify({ status })}\n\n`) : null;
    // Only public counts: an event for a pending signature would reveal whether its address had signed before.
    const data = status === 'taken_down' ? topic.data : JSON.stringify(toCounts(publicCounts(counts), goals));
    if (data === topic.data && !over) return;
    if (data !== topic.data) {
      topic.data = data;
      // A hash as the id: it needs no stored state, and is the same in all processes.
      topic.id = etagOf(data).slice(1, -1);
      topic.message = Buffer.from(`event: counts\nid: ${topic.id}\ndata: ${data}\n\n`);
    }
    void forEachInTurns(topic.streams, (stream) => this.#bring(stream));
  }

  /** Whether the petition is closed and `has` is its last event. */
  isOver({ topic }: Seat, has: string): boolean {
    return topic.farewell !== null && has === topic.id;
  }

  /** Begins a stream to a client whose last event was `has`. The seat is left when the connection ends. */
  begin(seat: Seat, out: ServerResponse, has: string): void {
    const { topic } = seat;
    const stream: Stream = { out, topic, has: topic.id, slow: false };
    out.once('close', () => {
      topic.streams.delete(stream);
      this.#streams.delete(stream);
      this.leave(seat);
    });
    out.write(has === topic.id ? UP_TO_DATE : Buffer.concat([RETRY, topic.message]));
    if (topic.farewell) {
      out.end(topic.farewell);
      return;
    }
    topic.streams.add(stream);
    this.#streams.add(stream);
    this.#beating ??= setInterval(() => this.#beat(), this.options.heartbeatMs).unref();
  }

  /**
   * Writes the latest event to a stream that does not have it. A stream that is behind is skipped until the next beat.
   */
  #bring(stream: Stream): void {
    const { out, topic } = stream;
    if (isBehind(out)) return;
    if (stream.has !== topic.id) {
      out.write(topic.message);
      stream.has = topic.id;
    }
    if (topic.farewell && !out.writableEnded) out.end(topic.farewell);
  }

  #beat(): void {
    if (this.#streams.size === 0) {
      clearInterval(this.#beating);
      this.#beating = undefined;
      return;
    }
    void forEachInTurns(this.#streams, (stream) => {
      const { out, topic, slow } = stream;
      stream.slow = isBehind(out);
      if (slow && stream.slow) {
        this.dropped += 1;
        out.destroy();
      } else if (stream.has !== topic.id || topic.farewell) {
        this.#bring(stream);
      } else if (!stream.slow) {
        out.write(BEAT);
      }
    });
  }

  /** Ends all streams and refuses new ones. Clients reconnect automatically, spread over SPREAD_MS. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    clearInterval(this.#beating);
    void forEachInTurns(this.#streams, ({ out }) => {
      if (isBehind(out)) out.destroy();
      else out.end(`retry: ${Math.round(1000 + Math.random() * SPREAD_MS)}\n\n`);
    });
    setTimeout(() => {
      for (const { out } of this.#streams) out.destroy();
    }, LAST_WORDS_MS).unref();
  }
}

/** Whether data is waiting in this process because the kernel's send buffer is full. */
const isBehind = (out: ServerResponse): boolean => out.writableLength > 0;
