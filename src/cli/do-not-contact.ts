import type { Context } from '../core/context.js';
import { parseEmail } from '../core/email.js';
import { block, isBlocked, unblock } from '../core/mail/do-not-contact.js';
import { withContext } from './context.js';

/** Runs a command on an address. It must never print the address. */
const withSubject = (
  email: string,
  work: (ctx: Context, subject: Buffer) => Promise<string>,
): Promise<void> =>
  withContext(async (ctx) => {
    const address = parseEmail(email);
    if (!address) throw new Error('write the address like name@example.org');
    console.log(await work(ctx, ctx.secrets.subject(address.identity)));
  });

export const blockCommand = (email: string): Promise<void> =>
  withSubject(email, async (ctx, subject) => {
    await ctx.store.transact((tx) => block(tx, subject, 'request'));
    return 'Nothing is mailed to this address any more.';
  });

export const unblockCommand = (email: string): Promise<void> =>
  withSubject(email, async (ctx, subject) => {
    const was = await ctx.store.transact((tx) => unblock(tx, subject));
    return was ? 'This address may be mailed again.' : 'This address was not on the list.';
  });

export const checkCommand = (email: string): Promise<void> =>
  withSubject(email, async (ctx, subject) => {
    const reason = await isBlocked(ctx.store.read, subject);
    return reason === undefined
      ? 'This address may be mailed.'
      : `This address must not be mailed: ${reason}.`;
  });
