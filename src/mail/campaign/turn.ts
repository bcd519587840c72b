import type { Context } from '../../core/context.js';
import {
  BATCH,
  claimRecipients,
  identitiesOf,
  queuedFamilies,
  queueUp,
  shareOut,
  type Claimed,
  type Claimer,
  type Lease,
} from '../../core/sending/claims.js';
import { finishMailing, renewLease } from '../../core/sending/lapses.js';
import {
  pauseRestored,
  takeMailing,
  type Permit,
  type SentMailing,
} from '../../core/sending/open-mailings.js';
import { beginSending, giveBack, settle, skip } from '../../core/sending/settling.js';
import {
  lookAtWire,
  testMailboxOf,
  type Hashed,
  type Person,
  type TestMailbox,
} from '../../core/sending/wire-check.js';
import type { Tx } from '../../store/store.js';
import type { Attempted } from './dispatch.js';

/*
 * One turn of a mailing: a single transaction that records what was sent, looks whether the mailing still sends, commits
 * to the next mails, and claims the next recipients.
 */

/** What this process has of a mailing. */
export type Hold = {
  mailing: SentMailing;
  claimer: Claimer;
  /** Claimed, not yet looked at. */
  ready: Hashed[];
  /** Committed to, waiting for a connection. */
  waiting: Person[];
  /** Being sent. */
  flying: Map<number, Person>;
  /** Attempted, not yet recorded. */
  attempted: Attempted[];
  /** What is queued by family, as far as it is known; undefined: to be read. */
  families: Map<string, number> | undefined;
  turns: number;
  /** The mailing was found not to send any more: what waits is being given back. */
  halted: boolean;
  /** The number that the journal does not have yet. */
  unjournalled: { claims: number; durable: boolean } | undefined;
};

export type Turn = {
  /** How many more may be committed to. */
  room: number;
  /** Whether to claim when few are ready. */
  mayClaim: boolean;
  renew: boolean;
};

export type Turned = {
  /** Undefined: the mailing does not send any more. */
  permit: Permit | undefined;
  restored: boolean;
  finished: boolean;
  claimed: Claimed[];
  begun: Person[];
  /** If leases were prolonged: what is still this process's. */
  own: Set<number> | undefined;
};

const STOPPED: Omit<Turned, 'permit' | 'restored'> = {
  finished: false,
  claimed: [],
  begun: [],
  own: undefined,
};

/** Fewer ready ones than this, and the next are claimed. */
const FEW = BATCH / 2;

/** Runs the turn, and brings `hold` up to date once it is committed. Throws what the store throws: nothing changed. */
export async function takeTurn(
  ctx: Context,
  hold: Hold,
  lease: Lease,
  known: number,
  turn: Turn,
): Promise<Turned> {
  const { mailing, attempted, waiting } = hold;
  const recorded = [...attempted];
  const looking = hold.ready.slice(0, turn.room);
  const claims = turn.mayClaim && hold.ready.length - looking.length < FEW;
  const wanted = claims ? await wantedFamilies(ctx, hold) : undefined;
  const mailbox = await testMailbox(ctx, hold);
  const turned = await ctx.store.transact(async (tx): Promise<Turned> => {
    await queueUp(tx, hold.claimer);
    const permit = await takeMailing(tx, mailing.key);
    if (recorded.length > 0) await settle(tx, hold.claimer, recorded, lease.owner, Math.random);
    const restored = permit !== undefined && permit.claims - 1 < known;
    if (restored) await pauseRestored(tx, mailing.key, known);
    hold.halted = !permit || restored;
    if (hold.halted || !permit) {
      await giveAllBack(tx, hold, lease);
      return { ...STOPPED, permit: undefined, restored };
    }
    const own = turn.renew ? await renewLease(tx, keysOf(hold), lease) : undefined;
    const begun = await begin(tx, hold, looking, mailbox, lease);
    const claimed = wanted ? await claimRecipients(tx, hold.claimer, permit, wanted, lease) : [];
    const idle = wanted && claimed.length === 0 && begun.length === 0 && isEmpty(hold, looking.length);
    const finished = idle === true && (await finishMailing(tx, mailing.key, permit.winnerKey !== null));
    return { permit, restored, finished, claimed, begun, own };
  });
  hold.turns += 1;
  attempted.splice(0, recorded.length);
  if (!turned.permit) {
    hold.ready = [];
    waiting.length = 0;
    return turned;
  }
  hold.ready.splice(0, looking.length);
  const { own } = turned;
  // What has lapsed meanwhile is not this process's any more.
  if (own) drop(hold, (key) => !own.has(key));
  await takeIn(ctx, hold, turned.claimed);
  waiting.push(...turned.begun);
  if (claims) countDown(hold, turned.claimed);
  if (turned.claimed.length + turned.begun.length > 0) {
    hold.unjournalled = {
      claims: turned.permit.claims,
      durable: turned.claimed.length > 0 || (hold.unjournalled?.durable ?? false),
    };
  }
  return turned;
}

async function begin(
  tx: Tx,
  { mailing, claimer }: Hold,
  looking: readonly Hashed[],
  mailbox: TestMailbox,
  lease: Lease,
): Promise<Person[]> {
  if (looking.length === 0) return [];
  const looked = await lookAtWire(tx, mailing, looking, mailbox);
  await skip(tx, claimer, looked.skip, lease.owner);
  const done = new Set([...looked.send, ...looked.skip.map(({ claimed }) => claimed)].map(({ key }) => key));
  const changed = looking.map(({ claimed }) => claimed).filter(({ key }) => !done.has(key));
  await giveBack(tx, claimer, 'claimed', changed, lease.owner);
  const begun = await beginSending(tx, mailing.key, looked.send, lease);
  return looked.send.filter(({ key }) => begun.has(key));
}

async function giveAllBack(tx: Tx, { claimer, ready, waiting }: Hold, { owner }: Lease): Promise<void> {
  await giveBack(
    tx,
    claimer,
    'claimed',
    ready.map(({ claimed }) => claimed),
    owner,
  );
  await giveBack(tx, claimer, 'sending', waiting, owner);
}

/** Gives back what was not begun, only what waits for a connection or all; what was attempted is recorded. */
export async function letGo(
  ctx: Context,
  hold: Hold,
  lease: Lease,
  { all, renew = false }: { all: boolean; renew?: boolean },
): Promise<void> {
  const recorded = [...hold.attempted];
  await ctx.store.transact(async (tx) => {
    await queueUp(tx, hold.claimer);
    await settle(tx, hold.claimer, recorded, lease.owner, Math.random);
    if (all) await giveAllBack(tx, hold, lease);
    else await giveBack(tx, hold.claimer, 'sending', hold.waiting, lease.owner);
    if (renew) await renewLease(tx, [...hold.flying.keys()], lease);
  });
  hold.attempted.splice(0, recorded.length);
  hold.waiting.length = 0;
  if (all) hold.ready = [];
}

const keysOf = ({ ready, waiting, flying }: Hold): number[] => [
  ...ready.map(({ claimed }) => claimed.key),
  ...waiting.map(({ key }) => key),
  ...flying.keys(),
];

/** Whether nothing is left in this process, once `looked` of those that were ready are dealt with. */
const isEmpty = ({ ready, waiting, flying }: Hold, looked: number): boolean =>
  ready.length === looked && waiting.length === 0 && flying.size === 0;

async function wantedFamilies(ctx: Context, hold: Hold): Promise<Map<string, number>> {
  hold.families ??= await queuedFamilies(ctx.store.read, hold.mailing.key);
  return shareOut(hold.families, BATCH, hold.turns);
}

/** Counts down what is left of each family. Once it seems to be all, it is read again. */
function countDown(hold: Hold, claimed: readonly Claimed[]): void {
  const { families } = hold;
  if (!families) return;
  for (const { family } of claimed) families.set(family, Math.max(0, (families.get(family) ?? 0) - 1));
  if (claimed.length === 0 || [...families.values()].every((left) => left === 0)) hold.families = undefined;
}

const testMailbox = async (ctx: Context, { mailing, ready }: Hold): Promise<TestMailbox> =>
  mailing.organization.isTest && ready.length > 0
    ? testMailboxOf(ctx, ctx.store.read, mailing.organization.key)
    : undefined;

function drop(hold: Hold, isGone: (key: number) => boolean): void {
  hold.ready = hold.ready.filter(({ claimed }) => !isGone(claimed.key));
  hold.waiting.splice(0, Infinity, ...hold.waiting.filter(({ key }) => !isGone(key)));
}

/** Hashes the addresses of those that were claimed. Those whose supporter is gone are looked at all the same. */
async function takeIn(ctx: Context, hold: Hold, claimed: readonly Claimed[]): Promise<void> {
  if (claimed.length === 0) return;
  // What had lapsed may have been claimed anew.
  const again = new Set(claimed.map(({ key }) => key));
  drop(hold, (key) => again.has(key));
  const identities = await identitiesOf(ctx.store.read, claimed);
  for (const one of claimed) {
    const identity = identities.get(one.supporterKey ?? 0) ?? '';
    hold.ready.push({ claimed: one, identity, subject: ctx.secrets.subject(identity) });
  }
}
