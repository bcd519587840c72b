/** Wakes whoever waits. Ringing costs nothing while nobody does. */
export type Bell = {
  (): void;
  /** Calls `listener` at each ring. */
  listen(listener: () => void): void;
};

export function createBell(): Bell {
  const listeners: (() => void)[] = [];
  const ring = () => {
    for (const listener of listeners) listener();
  };
  return Object.assign(ring, { listen: (listener: () => void) => void listeners.push(listener) });
}
