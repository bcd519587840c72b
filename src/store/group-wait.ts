import { performance } from 'node:perf_hooks';

/** Waiting longer for more works would cost more than sharing saves. */
const MAX_WAIT_MS = 2;

export type GroupWait = {
  /** How many works wait, and the largest size of a group. */
  waiting: () => number;
  most: number;
  /** Counts events that announce more works. */
  arrivals: () => number;
};

/** Calls `go` when the last turn of the event loop brought no further works, or after MAX_WAIT_MS. */
export function waitForGroup({ waiting, most, arrivals }: GroupWait, go: () => void): void {
  const since = performance.now();
  let seen = 0;
  let seenArrivals = arrivals();
  const look = () => {
    const [now, nowArrivals] = [waiting(), arrivals()];
    const growing = now > seen || nowArrivals > seenArrivals;
    if (!growing || now >= most || performance.now() - since >= MAX_WAIT_MS) return go();
    seen = now;
    seenArrivals = nowArrivals;
    setImmediate(look);
  };
  setImmediate(look);
}
