/** One erasure: `subject` is the keyed hash of the erased address. */
export type Erasure = { subject: Buffer; at: Date };

/** Records erasures outside of the database, so that they can be repeated after a backup is restored. */
export type ErasureJournal = {
  /** Resolves once the entry is durable. */
  append(subject: Buffer, at: Date): Promise<void>;
  /** All entries, oldest first. */
  entries(): Promise<Erasure[]>;
};
