import type { Context } from '../../core/context.js';
import type { Lease } from '../../core/sending/claims.js';
import type { MailingJournal } from '../../core/sending/mailing-journal.js';
import type { SentMailing } from '../../core/sending/open-mailings.js';
import type { Person } from '../../core/sending/wire-check.js';
import { takeMailEvent } from '../../core/subscriptions/mail-events.js';
import { describeError } from '../../errors.js';
import { domainOf } from '../delivery.js';
import type { Composed } from './compose.js';
import { dispatch, type DispatchOptions } from './dispatch.js';
import { letGo, takeTurn, type Hold } from './turn.js';

export type SenderOptions = DispatchOptions & {
  ctx: Context;
  mailing: SentMailing;
  compose: (person: Person) => Composed;
  journal: MailingJournal;
  from: string;
  lease: Lease;
  isStopping: () => boolean;
};

/** For each connection, how many mails are committed to at a time: a commit should not keep connections waiting. */
const AHEAD = 2;
/** How long a result may wait for others to be recorded with it. */
const LINGER_MS = 50;
/** How often a mailing is asked for more while there was nothing to claim. */
const CLAIM_AGAIN_MS = 1000;
/** How often the state of a mailing is looked at, at least. */
const LOOK_MS = 400;

/** Sends one mailing, as far as this process does. */
export class Sender {
  readonly #hold: Hold;
  #share = 0;
  #claimAt = 0;
  #lookAt = 0;
  #renewAt: number;
  /** Until when the leases of all that is held last, at least. */
  #leasedUntil: number;
  #attemptedAt = Infinity;
  readonly #flights = new Set<Promise<void>>();

  constructor(
    private readonly options: SenderOptions,
    private readonly wake: () => void,
  ) {
    const { mailing, from, lease } = options;
    const now = performance.now();
    this.#renewAt = now + lease.leaseMs / 3;
    this.#leasedUntil = now + lease.leaseMs;
    this.#hold = {
      mailing,
      claimer: {
        key: mailing.key,
        organizationKey: mailing.organization.key,
        senderDomain: domainOf(from),
      },
      ready: [],
      waiting: [],
      flying: new Map(),
      attempted: [],
      families: undefined,
      turns: 0,
      halted: false,
      unjournalled: undefined,
    };
  }

  get mailingKey(): number {
    return this.#hold.mailing.key;
  }

  /** Resolves once nothing is being sent. */
  async landed(): Promise<void> {
    while (this.#flights.size > 0) await Promise.all(this.#flights);
  }

  /** Whether the next turn should not wait. */
  isUrgent(share: number): boolean {
    const { ready, waiting, attempted, flying, unjournalled } = this.#hold;
    if (share === 0 || unjournalled) return false;
    const now = performance.now();
    if (attempted.length > 0 && (flying.size === 0 || now - this.#attemptedAt > LINGER_MS)) return true;
    return ready.length > 0
      ? waiting.length <= share / 2 && this.#room(share) > 0
      : now >= this.#claimAt && waiting.length === 0 && flying.size < share;
  }

  #room(share: number): number {
    const { waiting, flying } = this.#hold;
    return Math.max(0, share * AHEAD - waiting.length - flying.size);
  }

  /**
   * Records, looks, commits, claims, and sends with up to `share` connections. Returns false once the mailing does not
   * send any more and nothing of it is left here.
   */
  async turn(share: number): Promise<boolean> {
    const { options } = this;
    const hold = this.#hold;
    this.#share = share;
    const now = performance.now();
    if (share === 0) return this.#rest();
    const isBehind = hold.unjournalled !== undefined;
    const room = isBehind ? 0 : this.#room(share);
    const mayClaim = !isBehind && now >= this.#claimAt;
    const renew = now >= this.#renewAt;
    const begins = room > 0 && hold.ready.length > 0;
    const isHolding = hold.ready.length + hold.waiting.length + hold.flying.size > 0;
    const looks = isHolding && (renew || now >= this.#lookAt);
    if (hold.attempted.length > 0 || begins || mayClaim || looks) {
      const known = await options.journal.last(hold.mailing.publicId);
      await this.#suppress();
      const turned = await takeTurn(options.ctx, hold, options.lease, known, { room, mayClaim, renew });
      this.#attemptedAt = hold.attempted.length > 0 ? performance.now() : Infinity;
      if (renew) this.#renewed(now);
      if (mayClaim && turned.claimed.length === 0 && hold.ready.length === 0) {
        this.#claimAt = now + CLAIM_AGAIN_MS;
      }
      this.#lookAt = now + LOOK_MS;
      if (turned.restored) this.#tellRestored();
      if (!turned.permit || turned.finished) return this.#isHeld();
    }
    // What was looked at must not wait for the journal: consent may change meanwhile.
    if (await this.#journal()) this.#send();
    else await this.#yield();
    return true;
  }

  /** While the mail server cannot be used: results are recorded, and nothing waits for a connection. */
  async #rest(): Promise<boolean> {
    const { attempted, waiting } = this.#hold;
    if (attempted.length + waiting.length > 0) await this.#letGo({ all: false });
    if (performance.now() >= this.#renewAt) await this.#yield();
    return true;
  }

  /** Gives back what is not being sent, and prolongs the lease of what is. */
  async #yield(): Promise<void> {
    const { ready, waiting, attempted, flying } = this.#hold;
    if (ready.length + waiting.length + attempted.length + flying.size === 0) return;
    const now = performance.now();
    await this.#letGo({ all: true, renew: true });
    this.#renewed(now);
  }

  async #letGo(what: { all: boolean; renew?: boolean }): Promise<void> {
    await this.#suppress();
    await letGo(this.options.ctx, this.#hold, this.options.lease, what);
  }

  #renewed(now: number): void {
    const { leaseMs } = this.options.lease;
    this.#renewAt = now + leaseMs / 3;
    this.#leasedUntil = now + leaseMs;
  }

  #isHeld = (): boolean => this.#hold.flying.size + this.#hold.attempted.length > 0;

  /** Writes the number into the journal. If that fails, nothing is sent until it succeeds. Returns whether it is there. */
  async #journal(): Promise<boolean> {
    const { journal, logger, ctx } = this.options;
    const { unjournalled, mailing } = this.#hold;
    if (!unjournalled) return true;
    const { claims, durable } = unjournalled;
    try {
      await journal.append(mailing.publicId, claims, ctx.now(), { durable });
      this.#hold.unjournalled = undefined;
      return true;
    } catch (error) {
      logger.error(
        { error: describeError(error), mailing: mailing.publicId },
        'the journal of mailings cannot be written: sending waits until it can',
      );
      return false;
    }
  }

  #send(): void {
    const { waiting, flying, unjournalled, halted } = this.#hold;
    if (unjournalled || halted || performance.now() >= this.#leasedUntil) return;
    while (flying.size < this.#share) {
      const person = waiting.shift();
      if (!person) return;
      flying.set(person.key, person);
      const flight = this.#fly(person);
      this.#flights.add(flight);
      void flight.finally(() => this.#flights.delete(flight));
    }
  }

  async #fly(person: Person): Promise<void> {
    const attempted = await dispatch(this.options, this.options.compose, person);
    const hold = this.#hold;
    hold.flying.delete(person.key);
    if (hold.attempted.length === 0) this.#attemptedAt = performance.now();
    hold.attempted.push(attempted);
    if (!this.options.isStopping()) this.#send();
    if (hold.waiting.length <= this.#share / 2) this.wake();
  }

  /**
   * An address that does not exist is not mailed again by anyone; that of tests is nobody's who signed. To be called before
   * the failure is recorded: a process that dies in between leaves a mail that is uncertain, but no address that is mailed
   * again.
   */
  async #suppress(): Promise<void> {
    if (this.#hold.mailing.organization.isTest) return;
    // More may come meanwhile.
    for (let bad; (bad = this.#hold.attempted.find(({ badAddress }) => badAddress !== undefined));) {
      await takeMailEvent(this.options.ctx, { type: 'bounce', email: bad.badAddress ?? '' });
      delete bad.badAddress;
    }
  }

  #tellRestored(): void {
    this.options.logger.error(
      { mailing: this.#hold.mailing.publicId },
      'a mailing is paused: the journal knows of more of it than the database, which seems to be a restored backup',
    );
  }

  /** Records and gives back all that is held. */
  letGo(): Promise<void> {
    return this.#letGo({ all: true });
  }
}
