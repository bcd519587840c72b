/**
 * A bell within the process: rings all listeners, for example the mail worker when a mail was queued. Ringing costs
 * nothing when there is no listener.
 */
export type WakeUp = {
  (): void;
  /** Calls `listener` at each ring. */
  listen(listener: () => void): void;
};

export function createWakeUp(): WakeUp {
  const listeners: (() => void)[] = [];
  const ring = () => {
    for (const listener of listeners) listener();
  };
  return Object.assign(ring, { listen: (listener: () => void) => void listeners.push(listener) });
}
