import type Database from 'better-sqlite3';
import { openFile } from './sqlite-driver.js';

/**
 * A number that changes with each commit of any process. SQLite is asked once for all requests of one turn of the event
 * loop, since asking costs half as much as a cached answer. This process's own commits reset it at once.
 */
export class DataVersion {
  #known: number | undefined;
  readonly #dataVersion: Database.Statement;
  readonly forget = () => void (this.#known = undefined);

  constructor(reader: Database.Database) {
    this.#dataVersion = reader.prepare('pragma data_version').pluck();
  }

  read(anew?: 'anew'): number {
    if (anew || this.#known === undefined) {
      this.#known = this.#dataVersion.get() as number;
      setImmediate(this.forget);
    }
    return this.#known;
  }
}

/** The same for a process that reads nothing else of the database. */
export function watchVersion(file: string): { read(): number } {
  return new DataVersion(openFile(file, { readonly: true, fileMustExist: true }));
}
