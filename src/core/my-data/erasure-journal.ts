/** That somebody was erased: `subject` is the keyed hash of their address's identity. */
export type Erasure = { subject: Buffer; at: Date };

/** Remembers erasures outside of the database, so that they outlive a backup that is restored. */
export type ErasureJournal = {
  /** Resolves once it is durable. */
  append(subject: Buffer, at: Date): Promise<void>;
  /** All that was ever appended, oldest first. */
  entries(): Promise<Erasure[]>;
};
