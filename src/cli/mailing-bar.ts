import type { RecipientState } from '../../schema/db/tables/sending.js';
import type { MailingView } from '../core/mailings/mailings.js';

export type MailingStatus = {
  id: string;
  name: string;
  state: MailingView['state'];
  pause_reason: MailingView['pauseReason'];
  audience: number;
} & Record<RecipientState, number>;

const WIDTH = 24;
/** The rate is that of so many looks, so that it neither jumps nor lags. */
const LOOKS = 10;

/** A live bar of a mailing on stderr, in a terminal only: how far it is, how fast, and what did not arrive. */
export function mailingBar(out: NodeJS.WriteStream = process.stderr, clock = () => performance.now()) {
  const looks: { at: number; sent: number }[] = [];
  const rate = (sent: number): number => {
    looks.push({ at: clock(), sent });
    if (looks.length > LOOKS) looks.shift();
    const [first] = looks;
    const last = looks.at(-1);
    if (!first || !last || last.at === first.at) return 0;
    return Math.round(((last.sent - first.sent) * 1000) / (last.at - first.at));
  };
  return {
    isLive: out.isTTY,
    show(status: MailingStatus, left: number): void {
      const { state, audience, sent, failed, uncertain } = status;
      const share = audience === 0 ? 0 : (audience - left) / audience;
      const bar = '█'.repeat(Math.floor(share * WIDTH)).padEnd(WIDTH, '░');
      const numbers = { left, failed, uncertain };
      const rest = Object.entries(numbers).map(([what, n]) => `${n.toLocaleString('en')} ${what}`);
      const speed = `${rate(sent).toLocaleString('en')}/s`;
      const line = `${state} ${bar} ${Math.floor(share * 100)} % ${speed}, ${rest.join(', ')}`;
      // A line that wraps could not be taken back.
      out.write(`\r\x1b[K${line.slice(0, Math.max(20, (out.columns || 120) - 1))}`);
    },
    clear(): void {
      if (out.isTTY) out.write('\r\x1b[K');
    },
  };
}
