import type { NearLimit, Tally } from '../http/front/behind-workers.js';

/* What the server process and its workers say to each other, besides requests. */

/** What a worker has to know. */
export type WorkerSettings = {
  host: string;
  port: number;
  /** The socket on which the server takes requests. */
  socket: string;
  /** The database, of which a worker reads nothing but whether it has changed. */
  file: string;
  publicUrl: string;
  trustProxy: string[];
  /** The constant headers of data. */
  constant: Readonly<Record<string, string>>;
};

export type ToWorker = { begin: WorkerSettings } | { near: NearLimit } | 'drain';
/** `ready`: it hears; what it is told before that is lost. */
export type FromWorker = 'ready' | { tally: Tally } | { cannotListen: ListenFailure } | { failed: object };

/** An error of listening, as the command line tells it. */
export type ListenFailure = { code?: string; syscall?: string; address?: string; port?: number };
