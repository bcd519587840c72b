import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ZipFile } from 'yazl';
import {
  columnsOf,
  DeliveryError,
  TREE,
  volumesOf,
  type Column,
  type Delivered,
  type Delivery,
  type DeliveryFile,
  type DeliveryLine,
  type Format,
} from './delivery.js';
import { FileSink } from './file-sink.js';
import { pdfFile, type PdfFile } from './pdf/pdf-file.js';
import { Fonts } from './pdf/fonts.js';
import { leafOf } from './proof/leaf.js';
import { TreeWriter } from './proof/tree-file.js';
import { csvFile, jsonFile, struckFile, type VolumeFile } from './tables.js';
import { Tally } from './tally.js';

const NAME = 'signatures';
export const ARCHIVE = `${NAME}.zip`;
/** The lines of earlier deliveries that no longer hold. */
export const STRUCK = 'struck.csv';

type Open = { name: string; sink: FileSink; file: VolumeFile };

/** Writes the files of a delivery into a folder, volume by volume. With more than one volume they are in an archive. */
export class Volumes {
  readonly #fonts = new Fonts();
  readonly #count: number;
  readonly #tally: Tally;
  readonly #files: DeliveryFile[] = [];
  readonly #notDrawn: number[] = [];
  readonly #archive: Archive | undefined;
  readonly #columns: Column[];
  readonly #tree: TreeWriter;
  #volume = 0;
  #open: Open[] = [];
  #pdf: PdfFile | undefined;
  /** Lines that the open volume can still take. */
  #room = 0;

  constructor(
    private readonly delivery: Delivery,
    private readonly folder: string,
  ) {
    this.#count = volumesOf(delivery);
    this.#tally = new Tally(delivery);
    this.#columns = columnsOf(delivery);
    this.#tree = new TreeWriter(join(folder, TREE), delivery.lines);
    if (this.#count > 1) this.#archive = new Archive(join(folder, ARCHIVE), new Date(delivery.cutAt));
  }

  async add(lines: readonly DeliveryLine[]): Promise<void> {
    for (let rest = lines; rest.length > 0;) {
      if (this.#room === 0) await this.#nextVolume();
      const now = rest.slice(0, this.#room);
      rest = rest.slice(this.#room);
      await this.#pdf?.load(now);
      for (const line of now) {
        this.#tally.add(line);
        for (const { file } of this.#open) file.add(line);
        this.#tree.add(leafOf(line, this.#columns, line.salt));
      }
      this.#room -= now.length;
      for (const { sink } of this.#open) await sink.ready();
    }
  }

  async end(): Promise<Delivered> {
    if (this.#volume === 0) await this.#nextVolume();
    await this.#closeVolume();
    this.#tally.check();
    await this.#writeStruck();
    const root = this.#tree.end().toString('hex');
    if (this.#archive) {
      const written = await this.#archive.end();
      this.#files.push({ name: ARCHIVE, volume: null, archive: null, ...written });
    }
    const { lines, named } = this.#tally;
    return { files: this.#files, lines, named, root, notDrawn: this.#notDrawn };
  }

  async #writeStruck(): Promise<void> {
    if (this.delivery.struck.length === 0) return;
    const sink = new FileSink(join(this.folder, STRUCK));
    await struckFile(sink, this.delivery);
    await this.#written(STRUCK, null, sink);
  }

  /** Completes a file, and moves it into the archive, where there is one. */
  async #written(name: string, volume: number | null, sink: FileSink): Promise<void> {
    const written = await sink.finish();
    this.#files.push({ name, volume, archive: this.#archive ? ARCHIVE : null, ...written });
    await this.#archive?.take(sink.path, name);
  }

  async #nextVolume(): Promise<void> {
    await this.#closeVolume();
    const { delivery } = this;
    if (this.#volume === this.#count) {
      throw new DeliveryError(`more than the ${delivery.lines} lines came that were said to come`);
    }
    this.#volume += 1;
    const before = (this.#volume - 1) * delivery.linesPerVolume;
    const lines = Math.min(delivery.linesPerVolume, delivery.lines - before);
    const place = { volume: this.#volume, volumes: this.#count, lines };
    for (const format of new Set(delivery.formats)) {
      const name = this.#nameOf(format);
      const sink = new FileSink(join(this.folder, name));
      let file: VolumeFile;
      if (format === 'pdf') file = this.#pdf = await pdfFile(sink, delivery, place, this.#fonts);
      else file = format === 'csv' ? csvFile(sink, delivery) : jsonFile(sink, delivery, place);
      this.#open.push({ name, sink, file });
    }
    this.#room = delivery.linesPerVolume;
  }

  async #closeVolume(): Promise<void> {
    for (const { name, sink, file } of this.#open.splice(0)) {
      await file.end();
      await this.#written(name, this.#volume, sink);
    }
    for (const number of this.#pdf?.notDrawn ?? []) this.#notDrawn.push(number);
    this.#pdf = undefined;
  }

  #nameOf(format: Format): string {
    const width = String(this.#count).length;
    const number = String(this.#volume).padStart(width, '0');
    return this.#count > 1 ? `${NAME}-${number}.${format}` : `${NAME}.${format}`;
  }
}

/** An archive that is written while files come. */
class Archive {
  readonly #zip = new ZipFile();
  readonly #sink: FileSink;
  readonly #written: Promise<unknown>;
  #error: Error | undefined;

  constructor(
    path: string,
    private readonly mtime: Date,
  ) {
    this.#sink = new FileSink(path);
    this.#written = this.#pass().catch((error: unknown) => {
      this.#error = error as Error;
    });
  }

  /** Takes a file into the archive and deletes it. */
  async take(path: string, name: string): Promise<void> {
    if (this.#error) throw this.#error;
    // A PDF is compressed already.
    this.#zip.addFile(path, name, { mtime: this.mtime, mode: 0o100600, compress: !name.endsWith('.pdf') });
    this.#paths.push(path);
    await this.#sink.ready();
  }
  readonly #paths: string[] = [];

  async end(): Promise<Pick<DeliveryFile, 'bytes' | 'sha256'>> {
    this.#zip.end();
    await this.#written;
    if (this.#error) throw this.#error;
    for (const path of this.#paths) await unlink(path);
    return this.#sink.finish();
  }

  async #pass(): Promise<void> {
    // A file that cannot be read is told to the archive, not to its stream.
    const stream = this.#zip.outputStream as Readable;
    this.#zip.on('error', (error: Error) => stream.destroy(error));
    for await (const chunk of stream) {
      this.#sink.write(chunk as Uint8Array);
      await this.#sink.ready();
    }
  }
}
