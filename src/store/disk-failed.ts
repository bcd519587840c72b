/** The disk did not do what it was told to: nobody knows what it holds. `code`: of the system or of SQLite. */
export class DiskFailed extends Error {
  constructor(
    what: string,
    readonly code: string | undefined,
  ) {
    super(what);
  }
}
