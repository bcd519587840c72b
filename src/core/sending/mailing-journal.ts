/**
 * What was claimed, outside of the database: a restored backup knows of less, and must not send again. A line for every
 * time that recipients are about to be claimed or sent to.
 */
export type MailingJournal = {
  /** The highest number that is known of a mailing; 0: none. */
  last(mailingId: string): Promise<number>;
  /** Adds a number; with `durable` it survives a power cut. Throws `storage_full` and `storage_unavailable`. */
  append(mailingId: string, claims: number, at: Date, options: { durable: boolean }): Promise<void>;
};
