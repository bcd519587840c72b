/** A write or sync failed, so the content of the disk is unknown. `code`: the system's or SQLite's. */
export class DiskFailed extends Error {
  constructor(
    what: string,
    readonly code: string | undefined,
  ) {
    super(what);
  }
}
