import { and, eq } from 'drizzle-orm';
import { ApiError } from '../../errors.js';
import type { Tx } from '../../store/store.js';
import type { Context } from '../context.js';
import type { MailingView } from './mailings.js';
import { makeSharedLinks, type SharingMailing } from './share-lines.js';
import type { CompiledMailing, Finding, SharedLink } from './source.js';

/** Throws `mailing_not_ready`, with what is missing in words, if something keeps the mailing from being sent. */
export function assertReady({ findings }: Pick<CompiledMailing, 'findings'>): void {
  const errors = findings.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return;
  const said = errors.slice(0, 5).map(placed);
  const more = errors.length > said.length ? [`and ${errors.length - said.length} more`] : [];
  throw new ApiError('mailing_not_ready', { detail: [...said, ...more].join(' ') });
}

const placed = ({ detail, where: { variant, locale, part } }: Finding): string => {
  const place = [variant === null ? null : `variant ${variant}`, locale, part].filter(Boolean).join(', ');
  return part === 'mailing' ? detail : `(${place}) ${detail}`;
};

/**
 * Fixes what a mailing says, with the links whose clicks are counted and those of its share lines. `compiled` was made from the mailing as it is in this
 * transaction. Throws `mailing_not_ready` if it has errors.
 */
export async function freezeMailing(
  ctx: Context,
  tx: Tx,
  mailing: Pick<MailingView, 'key'> & SharingMailing,
  compiled: CompiledMailing,
  shareLinks: readonly SharedLink[] = [],
): Promise<void> {
  assertReady(compiled);
  const { mailingVariants: v, mailingLinks } = tx.tables;
  await tx.db.delete(mailingLinks).where(eq(mailingLinks.mailingKey, mailing.key));
  for (const { key, frozen, links } of compiled.variants) {
    await tx.db
      .update(v)
      .set({ frozen })
      .where(and(eq(v.key, key), eq(v.mailingKey, mailing.key)));
    if (links.length === 0) continue;
    const rows = links.map(({ code, url }, position) => ({
      mailingKey: mailing.key,
      variantKey: key,
      position,
      code,
      url,
    }));
    await tx.db.insert(mailingLinks).values(rows);
  }
  await makeSharedLinks(ctx, tx, mailing, shareLinks, compiled);
}
