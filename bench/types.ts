/** Signing, reading a petition with its count, its counts alone, the first page of who has signed, following a link. */
export const KINDS = ['sign', 'read', 'counts', 'list', 'redirect'] as const;
export type Kind = (typeof KINDS)[number];

/** What main.ts asks of the load generator, and what it hears back. */
export type Order = {
  port: number;
  /** The server's process, for its CPU time. */
  pid: number;
  kind: Kind;
  path: string;
  connections: number;
  seconds: number;
  warmup: number;
  /** The number of the first signer, so that no address comes twice. */
  first: number;
  /** Whether to report when each answer came. */
  timeline?: boolean;
};

export type Usage = {
  /** CPU seconds of the server, of the load generator, and what everything else on the machine used. */
  serverCpu: number;
  loadCpu: number;
  otherCpu: number;
  /** False where there is no /proc: then the figures above are zero. */
  metered: boolean;
};

export type Report = Usage & {
  /** Answers within the measured time. */
  answers: number;
  elapsed: number;
  p50: number;
  p99: number;
  /** Every answer of the run by its status, the warm-up's too; connections lost count as `lost`. */
  statuses: Record<string, number>;
  sent: number;
  /** When each answer came, the warm-up's too, in milliseconds that all processes of the machine share. */
  at: number[];
};

export type RawOrder = { seconds: number; batch: number; first: number };
export type RawReadOrder = { seconds: number; kind: Exclude<Kind, 'sign' | 'redirect'>; slug: string };
/** `done`: rows that were stored, or reads. */
export type RawReport = Usage & { done: number; elapsed: number };
