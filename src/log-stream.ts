import { fstatSync, write } from 'node:fs';

/** Characters that may wait to be written; further lines are dropped and counted. */
const MOST_WAITING = 250_000;
const AT_ONCE = 65_536;
/** The pause after a failed write, such as on a full disk. */
const REST_MS = 1000;

/** Writes some or all of the bytes, and calls back with their number. */
type Sink = (bytes: Buffer, done: (error: Error | null | undefined, written: number) => void) => void;

export type LogStream = {
  write: (text: string) => void;
  /** Resolves once nothing waits, or after `ms`. */
  flushed: (ms: number) => Promise<void>;
  /** Lines that were dropped since the start. */
  dropped: () => number;
};

/**
 * A log stream that never blocks: neither a full disk nor a stalled reader of a pipe delays the server or its shutdown.
 * `recovered` is called with the number of dropped lines once writing works again.
 */
export function createLogStream(sink: Sink, recovered: (lines: number) => void): LogStream {
  const lines: string[] = [];
  let waiting = 0;
  let dropped = 0;
  let told = 0;
  let rest: Buffer | undefined;
  let busy = false;
  const idlers = new Set<() => void>();

  const take = (): Buffer | undefined => {
    let length = 0;
    let count = 0;
    while (count < lines.length && length < AT_ONCE) length += lines[count++]?.length ?? 0;
    waiting -= length;
    return count === 0 ? undefined : Buffer.from(lines.splice(0, count).join(''));
  };

  const next = () => {
    rest ??= take();
    if (rest) return sink(rest, wrote);
    busy = false;
    if (dropped > told) {
      const lost = dropped - told;
      told = dropped;
      return recovered(lost);
    }
    for (const resolve of idlers) resolve();
  };

  const wrote: Parameters<Sink>[1] = (error, written) => {
    if (error) return void setTimeout(next, REST_MS).unref();
    // A nearly full disk writes only a part.
    rest = rest && written < rest.length ? rest.subarray(written) : undefined;
    next();
  };

  return {
    write(text) {
      if (waiting + text.length > MOST_WAITING) return void (dropped += 1);
      lines.push(text);
      waiting += text.length;
      if (busy) return;
      busy = true;
      // Lines of one event loop iteration are written together.
      setImmediate(next);
    },
    flushed: (ms) =>
      new Promise((resolve) => {
        if (!busy) return resolve();
        const done = () => {
          clearTimeout(timer);
          idlers.delete(done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        idlers.add(done);
      }),
    dropped: () => dropped,
  };
}

/** The standard output. */
export function stdoutSink(): Sink {
  const { fd } = process.stdout;
  // Node writes to files synchronously when they are stdout, which would block; pipes and sockets it writes without
  // blocking.
  if (fstatSync(fd).isFile()) return (bytes, done) => write(fd, bytes, done);
  // The reader may be gone: each write reports the error itself.
  process.stdout.on('error', () => undefined);
  return (bytes, done) => void process.stdout.write(bytes, (error) => done(error, bytes.length));
}
