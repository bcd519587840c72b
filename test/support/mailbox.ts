import type { Letter } from '../../src/core/letters/letter.js';
import { prepareMail } from '../../src/core/letters/prepare-mail.js';
import { claimMails, settleMail } from '../../src/core/mail/outbox.js';
import type { TestApp } from './helper.js';

/**
 * Everything that is due, as the mail worker takes and settles it; only the sending is left out. For tests that want the
 * link, not the mail server: that one has tests of its own.
 */
export async function collectMail({ app: { ctx } }: Pick<TestApp, 'app'>): Promise<Letter[]> {
  const letters: Letter[] = [];
  for (;;) {
    const claimed = await claimMails(ctx.store, 50, 60_000);
    if (claimed.length === 0) return letters;
    for (const mail of claimed.sort((a, b) => a.key - b.key)) {
      const letter = await prepareMail(ctx, mail);
      if (!letter) continue;
      letters.push(letter);
      await ctx.store.transact((tx) => settleMail(tx, mail, { state: 'sent' }));
    }
  }
}

/** The one letter that is due, to this address. */
export async function collectLetter(api: TestApp, to: string): Promise<Letter> {
  const letters = await collectMail(api);
  const [letter] = letters;
  if (!letter || letters.length > 1 || letter.to !== to) {
    throw new Error(`expected one mail, got: ${letters.map((one) => one.template).join() || 'none'}`);
  }
  return letter;
}

/** The token at the end of a link. */
export const tokenOf = ({ values: { link } }: Letter): string => tokenIn(link ?? '');
export const tokenIn = (link: string): string => /(p[a-z]_[A-Za-z0-9_-]+)$/.exec(link)?.[1] ?? '';
