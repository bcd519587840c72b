import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { DeliveryFile } from './delivery.js';

const TEXT = 65_536;

/** Writes a file that only its owner can read, and counts and hashes what it writes. */
export class FileSink {
  readonly #stream: WriteStream;
  readonly #hash = createHash('sha256');
  /** Lines of text, until there are enough of them to be worth a write. */
  #text = '';
  #bytes = 0;
  #error: Error | undefined;

  constructor(readonly path: string) {
    this.#stream = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
    this.#stream.on('error', (error) => (this.#error = error));
  }

  /** Takes what is to be written. Call `ready` now and then, so that it does not gather in memory. */
  write(chunk: string | Uint8Array): void {
    if (typeof chunk === 'string') {
      this.#text += chunk;
      if (this.#text.length >= TEXT) this.#flush();
      return;
    }
    this.#flush();
    this.#put(chunk);
  }

  #flush(): void {
    if (this.#text !== '') this.#put(Buffer.from(this.#text));
    this.#text = '';
  }

  #put(data: Uint8Array): void {
    this.#hash.update(data);
    this.#bytes += data.length;
    this.#stream.write(data);
  }

  /** Resolves when there is room again. Throws what has gone wrong on the way to the disk. */
  async ready(): Promise<void> {
    if (this.#error) throw this.#error;
    if (this.#stream.writableNeedDrain) await once(this.#stream, 'drain');
  }

  /** Resolves when all of it is on the disk. */
  async finish(): Promise<Pick<DeliveryFile, 'bytes' | 'sha256'>> {
    if (this.#error) throw this.#error;
    this.#flush();
    const closed = once(this.#stream, 'close');
    this.#stream.end();
    await closed;
    // It may come between the end and the close.
    const late = this.#error as Error | undefined;
    if (late) throw late;
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  /** Lets go of a file that will not be completed. */
  abandon(): void {
    this.#stream.destroy();
  }
}
