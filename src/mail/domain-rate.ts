export type Rate = { requests: number; seconds: number };

/** How many promised turns are remembered. A mail whose turn was forgotten just waits for a new one. */
const MOST_TURNS = 50_000;
const MOST_DOMAINS = 10_000;

/**
 * Slows down mail to one recipient domain. `take` says how many milliseconds a mail has to wait, 0: it may go. One that
 * has to wait is promised a turn of its own: when it comes back then, it goes.
 */
export function createDomainRate({ requests, seconds }: Rate, now: () => number) {
  const msPerMail = (seconds * 1000) / Math.max(requests, 1);
  /** Per domain, the moment until which its allowance is used up: at most `seconds` ahead. */
  const busyUntil = new Map<string, number>();
  const turns = new Map<number, number>();

  return {
    take: (domain: string, mailKey: number): number => {
      const at = now();
      const turn = turns.get(mailKey);
      if (turn !== undefined) {
        if (turn > at) return turn - at;
        turns.delete(mailKey);
        return 0;
      }
      const until = Math.max(busyUntil.get(domain) ?? 0, at) + msPerMail;
      forgetOldest(busyUntil, MOST_DOMAINS);
      busyUntil.set(domain, until);
      const wait = Math.ceil(until - at - seconds * 1000);
      if (wait <= 0) return 0;
      forgetOldest(turns, MOST_TURNS);
      turns.set(mailKey, at + wait);
      return wait;
    },
  };
}

/** Maps keep the order in which keys came. */
function forgetOldest<K>(map: Map<K, unknown>, most: number): void {
  if (map.size < most) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
