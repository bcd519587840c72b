import { setTimeout as sleep } from 'node:timers/promises';
import { NO_KEY, type KeyedActor } from '../core/actor.js';
import type { Context } from '../core/context.js';
import { cancelMailing, pauseMailing, resumeMailing, type Move } from '../core/mailings/life.js';
import { findMailing, listMailings, type MailingView } from '../core/mailings/mailings.js';
import { startMailing } from '../core/mailings/starting.js';
import { listOrganizations } from '../core/organization/organizations.js';
import { readTallies } from '../core/sending/tallies.js';
import { loadConfig } from '../config.js';
import { compileWith } from '../mail/campaign/campaign.js';
import { loadLocales } from '../mail/load-locales.js';
import { withContext } from './context.js';
import { mailingBar, type MailingStatus } from './mailing-bar.js';

/* Commands may act for any organization: that of the mailing. */

const actorOf = (organizationKey: number, organizationId = ''): KeyedActor => ({
  kind: 'secret',
  keyKey: NO_KEY,
  keyId: '',
  scopes: ['mailings:write', 'mailings:send'],
  origins: [],
  organizationKey,
  organizationId,
});

async function mailingOf(ctx: Context, id: string): Promise<MailingView> {
  const mailing = await findMailing(ctx.store.read, id);
  if (!mailing) throw new Error('there is no such mailing: see `undersigned mailings list`');
  return mailing;
}

export const listMailingsCommand = (flags: { organization?: string; json?: boolean }): Promise<void> =>
  withContext(async (ctx) => {
    const all = await listOrganizations(ctx.store.read);
    const some = all.filter(({ slug }) => flags.organization === undefined || slug === flags.organization);
    if (some.length === 0) {
      throw new Error('there is no such organization: see `undersigned organizations list`');
    }
    for (const { key, publicId, slug } of some) {
      for await (const mailing of mailingsOf(ctx, actorOf(key, publicId))) {
        const status = await statusOf(ctx, mailing);
        if (flags.json) console.log(JSON.stringify({ organization: slug, ...status }));
        else console.log(`${mailing.publicId}  ${slug}  ${status.state}  ${sumOf(status)}  ${mailing.name}`);
      }
    }
  });

async function* mailingsOf(ctx: Context, actor: KeyedActor): AsyncGenerator<MailingView> {
  let cursor: string | undefined;
  do {
    const page = await listMailings(ctx.store.read, actor, {}, { limit: 100, cursor });
    yield* page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** Starts it like the API. A second start finds that it has begun, so that it needs no Idempotency-Key. */
export const startMailingCommand = (id: string): Promise<void> =>
  withContext(async (ctx) => {
    const { organizationKey } = await mailingOf(ctx, id);
    const { publicUrl, LOCALES_FOLDER } = loadConfig();
    const compile = compileWith({ publicUrl, locales: loadLocales(LOCALES_FOLDER || undefined) });
    const { name } = await startMailing(ctx, actorOf(organizationKey), id, compile);
    console.log(`${name} begins within a second, on a server of this database.`);
    console.log(`'undersigned mailings status ${id}' shows how it goes.`);
  });

const moveCommand =
  (move: Move, said: string) =>
  (id: string): Promise<void> =>
    withContext(async (ctx) => {
      const { organizationKey } = await mailingOf(ctx, id);
      const { name } = await move(ctx, actorOf(organizationKey), id);
      console.log(`${name} ${said}.`);
    });

export const pauseMailingCommand = moveCommand(pauseMailing, 'pauses within a second');
export const resumeMailingCommand = moveCommand(resumeMailing, 'goes on within a second');
export const cancelMailingCommand = moveCommand(
  cancelMailing,
  'is cancelled: people who did not get it yet do not get it',
);

/** Where a mailing is, with the sums of its audience. */
async function statusOf(ctx: Context, mailing: MailingView): Promise<MailingStatus> {
  const status: MailingStatus = {
    id: mailing.publicId,
    name: mailing.name,
    state: mailing.state,
    pause_reason: mailing.pauseReason,
    audience: 0,
    queued: 0,
    claimed: 0,
    sending: 0,
    sent: 0,
    deferred: 0,
    failed: 0,
    skipped: 0,
    uncertain: 0,
  };
  for (const { state, recipients } of await readTallies(ctx.store.read, mailing.key)) {
    status[state] += recipients;
    status.audience += recipients;
  }
  return status;
}

const leftOf = ({ queued, claimed, sending, deferred }: MailingStatus): number =>
  queued + claimed + sending + deferred;

const sumOf = (status: MailingStatus): string =>
  `${status.sent.toLocaleString('en')} of ${status.audience.toLocaleString('en')} sent`;

const EVERY_MS = 500;
const GOES_ON: MailingView['state'][] = ['building', 'running', 'deciding'];

/** In a terminal it stays until the mailing no longer goes on; elsewhere it says once how it is. */
export const mailingStatusCommand = (id: string, flags: { json?: boolean }): Promise<void> =>
  withContext(async (ctx) => {
    const look = async () => statusOf(ctx, await mailingOf(ctx, id));
    let status = await look();
    if (flags.json) {
      console.log(JSON.stringify(status));
      return;
    }
    const bar = mailingBar();
    while (
      bar.isLive &&
      (GOES_ON.includes(status.state) || (status.state !== 'paused' && leftOf(status) > 0))
    ) {
      bar.show(status, leftOf(status));
      await sleep(EVERY_MS);
      status = await look();
    }
    bar.clear();
    console.log(sentenceOf(status));
  });

function sentenceOf(status: MailingStatus): string {
  const { name, state, pause_reason: reason, failed, skipped, uncertain } = status;
  const why = reason === null ? '' : ` (${reason})`;
  const counts = { left: leftOf(status), failed, skipped, uncertain };
  const rest = Object.entries(counts).map(([what, n]) => `${n.toLocaleString('en')} ${what}`);
  return `${name}: ${state}${why}, ${sumOf(status)}, ${rest.join(', ')}`;
}
