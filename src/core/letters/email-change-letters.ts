import { and, eq, lt } from 'drizzle-orm';
import { lifetimeOf } from '../links/random-tokens.js';
import { isTaken } from '../my-data/email-changes.js';
import type { Draft, Drop, Plan } from './draft.js';
import { tokenFor } from './letter-parts.js';
import { DAY_MS, MINUTE_MS } from '../../time.js';

async function changeOf({ tx, mail }: Draft) {
  if (mail.emailChangeKey === null) return undefined;
  const { emailChanges: t } = tx.tables;
  const [row] = await tx.db.select().from(t).where(eq(t.key, mail.emailChangeKey));
  return row;
}

/** The mail to the new address. It is dropped if another supporter has that address; the caller must not learn that. */
export async function emailApply(draft: Draft): Promise<Plan | Drop> {
  const { ctx, tx, mail } = draft;
  const change = await changeOf(draft);
  if (change?.status !== 'requested') return { drop: 'undone' };
  if (await isTaken(tx, change.newIdentity)) return { drop: 'taken' };
  return {
    template: 'email_apply',
    locale: mail.locale ?? 'en',
    organizationKey: null,
    to: { identity: change.newIdentity, delivery: change.newDelivery },
    async fill() {
      const token = await tokenFor(draft, 'email_apply', { emailChangeKey: change.key });
      return { link: ctx.links.to('emailChange', token), minutes: lifetimeOf('email_apply') / MINUTE_MS };
    },
  };
}

/** The mail to the old address. Always sent: a stolen session must not take over a supporter's signatures unnoticed. */
export async function emailNotice(draft: Draft): Promise<Plan | Drop> {
  const { ctx, mail } = draft;
  const change = await changeOf(draft);
  if (!change) return { drop: 'undone' };
  const plan = {
    locale: mail.locale ?? 'en',
    organizationKey: null,
    to: { identity: change.oldIdentity, delivery: change.oldDelivery },
  };
  if (change.status === 'undone') {
    if (!(await wasNoticed(draft, change.key))) return { drop: 'undone' };
    return { ...plan, template: 'email_undone', fill: () => Promise.resolve({}) };
  }
  return {
    ...plan,
    template: 'email_notice',
    async fill() {
      const token = await tokenFor(draft, 'email_undo', { emailChangeKey: change.key });
      return { link: ctx.links.to('emailUndo', token), days: lifetimeOf('email_undo') / DAY_MS };
    },
  };
}

/** Whether an earlier mail has announced this change. */
async function wasNoticed({ tx, mail }: Draft, emailChangeKey: number): Promise<boolean> {
  const { outbox: t } = tx.tables;
  const earlier = await tx.db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.emailChangeKey, emailChangeKey), eq(t.kind, 'email_notice'), lt(t.key, mail.key)))
    .limit(1);
  return earlier.length > 0;
}
