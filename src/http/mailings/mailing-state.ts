import type { MailingView } from '../../core/mailings/mailings.js';
import { iso } from '../case.js';

/** Where a mailing is in its life: members of `Mailing`. */
export const toMailingState = (row: MailingView) => ({
  state: row.state,
  pause_reason: row.pauseReason,
  send_at: iso(row.sendAt),
  time_zone: row.timeZone,
  expires_at: iso(row.expiresAt),
  started_at: iso(row.startedAt),
  finished_at: iso(row.finishedAt),
});
