/** Remembers erasures outside of the database, so that they outlive a backup that is restored. */
export type ErasureJournal = {
  /** Resolves once it is durable. `subject` is the keyed hash of the address's identity. */
  append(subject: Buffer, at: Date): Promise<void>;
  /** All that was ever appended. */
  subjects(): Promise<Buffer[]>;
};
