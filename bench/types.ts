/** Signing, reading a petition, its counts alone, the first page of its public signatures, following a share link. */
export const KINDS = ['sign', 'read', 'counts', 'list', 'redirect'] as const;
export type Kind = (typeof KINDS)[number];

/** An order for the load generator, which answers with a Report. */
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
  /** CPU seconds of the server, of the load generator, and of everything else on the machine. */
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
  /** The number of answers by status, including the warm-up; `lost` for lost connections. */
  statuses: Record<string, number>;
  sent: number;
  /** The time of each answer, including the warm-up, in milliseconds of a clock that all processes share. */
  at: number[];
};

export type RawOrder = { seconds: number; batch: number; first: number };
export type RawReadOrder = { seconds: number; kind: Exclude<Kind, 'sign' | 'redirect'>; slug: string };
/** `done`: rows that were stored, or reads. */
export type RawReport = Usage & { done: number; elapsed: number };
