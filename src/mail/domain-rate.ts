export type Rate = { requests: number; seconds: number };

/** How many reserved slots are remembered. A mail whose slot was forgotten waits for a new one. */
const MOST_SLOTS = 50_000;
const MOST_DOMAINS = 10_000;

/**
 * Limits the rate of mails to one recipient domain. `take` returns how many milliseconds a mail has to wait; 0 if it
 * may be sent. A mail that has to wait gets a reserved slot: when `take` is called for it after the wait, it may be
 * sent.
 */
export function createDomainRate({ requests, seconds }: Rate, now: () => number) {
  const msPerMail = (seconds * 1000) / Math.max(requests, 1);
  /** Per domain, the moment until which its allowance is used up: at most `seconds` ahead. */
  const busyUntil = new Map<string, number>();
  const slots = new Map<number, number>();

  return {
    take: (domain: string, mailKey: number): number => {
      const at = now();
      const slot = slots.get(mailKey);
      if (slot !== undefined) {
        if (slot > at) return slot - at;
        slots.delete(mailKey);
        return 0;
      }
      const until = Math.max(busyUntil.get(domain) ?? 0, at) + msPerMail;
      forgetOldest(busyUntil, MOST_DOMAINS);
      busyUntil.set(domain, until);
      const wait = Math.ceil(until - at - seconds * 1000);
      if (wait <= 0) return 0;
      forgetOldest(slots, MOST_SLOTS);
      slots.set(mailKey, at + wait);
      return wait;
    },
  };
}

/** Deletes the oldest key of a full map: maps keep the order of insertion. */
function forgetOldest<K>(map: Map<K, unknown>, most: number): void {
  if (map.size < most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
