import { sql, type SQL } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';

/* The conditions of partial indexes, spelt as in the tables: SQLite uses such an index only where it finds its condition. */

/** `mailings_open` */
export const isOpen = ({ mailings: t }: Tables): SQL =>
  sql`${t.state} in ('scheduled', 'building', 'running', 'deciding', 'paused')`;

/** `mailings_ending` */
export const isEnding = ({ mailings: t }: Tables): SQL =>
  sql`${t.state} in ('done', 'cancelled') and ${t.finishedAt} is null`;

/** `mailings_remembered` */
export const isRemembered = ({ mailings: t }: Tables): SQL =>
  sql`${t.state} in ('done', 'cancelled') and ${t.forgottenAt} is null`;

/** `mailing_recipients_open` */
export const isToDo = ({ mailingRecipients: t }: Tables): SQL =>
  sql`${t.state} in ('queued', 'claimed', 'sending', 'deferred')`;

/** `mailing_recipients_listing` */
export const isListed = ({ mailingRecipients: t }: Tables): SQL =>
  sql`${t.state} in ('failed', 'skipped', 'uncertain')`;
