import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import fc from 'fast-check';
import type { Test } from 'tap';
import { SCOPES } from '../../../schema/db/tables/organization.js';
import type { ModerationAction } from '../../../schema/db/tables/signatures.js';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import type { Actor, KeyedActor } from '../../../src/core/actor.js';
import { forgetIsolations, releaseKey } from '../../../src/core/brakes/key-isolations.js';
import { confirmRequest } from '../../../src/core/confirmation/confirmations.js';
import { refuseRequest } from '../../../src/core/confirmation/refusing.js';
import { recount } from '../../../src/core/counts/recount.js';
import { issueToken, TOKEN_BYTES } from '../../../src/core/links/random-tokens.js';
import {
  confirmEmailChange,
  requestEmailChange,
  undoEmailChange,
} from '../../../src/core/my-data/email-changes.js';
import { eraseSupporter } from '../../../src/core/my-data/erasure.js';
import { withdrawMySignature } from '../../../src/core/my-data/my-signatures.js';
import { runRetention } from '../../../src/core/my-data/retention.js';
import { moderateSignature } from '../../../src/core/signatures/moderations.js';
import { importSignatures } from '../../../src/core/signatures/signature-import.js';
import { signPetition } from '../../../src/core/signatures/signing.js';
import { findSupporterByIdentity } from '../../../src/core/supporters/supporters.js';
import { ApiError } from '../../../src/errors.js';
import { makePartner, onEveryEngine, publish, start, type Engine } from '../../support/helper.js';

/*
 * One person counts once: random sequences of every verb that can move a count, held against a model after each step.
 * FC_SEED and FC_RUNS try others, or more.
 */

const SEED = Number(process.env['FC_SEED'] ?? 20261127);
const RUNS = Number(process.env['FC_RUNS'] ?? 15);
const DAY = 86_400_000;

// ---------------------------------------------------------------- the model

type Signature = {
  id: string;
  status: SignatureStatus;
  /** What it was when an organiser took it out. */
  before: SignatureStatus;
  /** What it was when an organiser last quarantined it. */
  unsuspected?: SignatureStatus;
  /** Its mailbox has said yes, or somebody vouched. */
  yes: boolean;
  via: 'lead' | 'partner' | null;
  link: boolean;
  /** It is known whose it is. */
  known: boolean;
};
type Person = { proven: boolean; signed: Map<number, Signature>; changes: { from: string; to: string }[] };

/** What the counts of the petitions must be. */
class Model {
  readonly all = new Map<number, Signature[]>();
  readonly people = new Map<string, Person>();
  readonly graves = new Map<string, Map<number, Signature>>();
  readonly over = new Set<number>();
  readonly isolated = new Set<number>();

  person(address: string): Person {
    const known = this.people.get(address) ?? { proven: false, signed: new Map(), changes: [] };
    this.people.set(address, known);
    return known;
  }

  add(p: number, address: string, signature: Signature): void {
    this.person(address).signed.set(p, signature);
    this.all.set(p, [...(this.all.get(p) ?? []), signature]);
    if (signature.status === 'confirmed') this.begin(p, address, signature);
  }

  begin(p: number, address: string, signature: Signature): void {
    signature.status = 'confirmed';
    signature.yes = true;
    const grave = this.graves.get(address)?.get(p);
    if (grave?.status === 'confirmed') grave.status = 'withdrawn';
  }

  /** The mailbox says yes, or an organization does in its place. */
  yes(p: number, address: string, from: readonly SignatureStatus[]): void {
    const signature = this.people.get(address)?.signed.get(p);
    if (!signature) return;
    if (from.includes(signature.status)) this.begin(p, address, signature);
    else if (signature.status !== 'withdrawn') signature.yes = true;
  }

  erase(address: string): void {
    const graves = this.graves.get(address) ?? new Map<number, Signature>();
    for (const [p, signature] of this.people.get(address)?.signed ?? []) {
      if (signature.status === 'pending' || signature.status === 'quarantined') {
        signature.status = 'withdrawn';
      }
      signature.known = false;
      if (!graves.has(p) || signature.status === 'confirmed') graves.set(p, signature);
    }
    this.graves.set(address, graves);
    this.people.delete(address);
  }

  /** Lets a person have an address. */
  move(person: Person, from: string, to: string): void {
    this.people.delete(from);
    const holder = this.people.get(to);
    if (holder) this.giveWay(holder, to, person);
    this.people.set(to, person);
    person.proven = true;
    for (const [p, signature] of person.signed) {
      if (signature.status === 'confirmed') this.begin(p, to, signature);
    }
  }

  giveWay(holder: Person, address: string, person: Person): void {
    const last = holder.changes.pop();
    if (last) return this.move(holder, address, last.from);
    this.people.delete(address);
    for (const [p, theirs] of holder.signed) {
      const own = person.signed.get(p);
      if (!own) {
        person.signed.set(p, theirs);
        continue;
      }
      const stays = theirs.status === 'confirmed' && own.status !== 'confirmed' ? theirs : own;
      const goes = stays === own ? theirs : own;
      goes.status = 'withdrawn';
      goes.known = false;
      person.signed.set(p, stays);
    }
  }

  retain(p: number): void {
    this.over.add(p);
    for (const signature of this.all.get(p) ?? []) signature.known = false;
    for (const { signed } of this.people.values()) signed.delete(p);
    for (const grave of this.graves.values()) grave.delete(p);
  }
}

// ---------------------------------------------------------------- the world

const ADDRESSES = ['ada', 'bo', 'cleo'];

async function build(t: Test, engine: Engine) {
  const api = await start(t, engine);
  const lead = await api.organization('Meadow Friends');
  const partner = await api.organization('River Watch');
  const actorOf = ({ key, id }: typeof lead, keyKey: number): KeyedActor => ({
    kind: 'secret',
    keyKey,
    keyId: `key ${keyKey}`,
    organizationKey: key,
    organizationId: id,
    scopes: SCOPES,
    origins: [],
  });
  const { apiKeys } = api.store.tables;
  const keyOf = async (organizationKey: number) =>
    (await api.store.read.db.select().from(apiKeys).where(eq(apiKeys.organizationKey, organizationKey)))[0]!;
  const [leadKey, partnerKey] = [await keyOf(lead.key), await keyOf(partner.key)];
  return {
    api,
    lead: { ...lead, actor: actorOf(lead, leadKey.key) },
    partner: { ...partner, actor: actorOf(partner, partnerKey.key), keyId: partnerKey.publicId },
  };
}
type World = Awaited<ReturnType<typeof build>>;
type Petition = { id: string; key: number; confirmation: 'email' | 'none'; link: string; linkKey: number };

const FORM = { country: 'optional', postal_address: 'optional' };

async function campaign({ api, lead, partner }: World, run: number): Promise<Petition[]> {
  const petitions: Petition[] = [];
  for (const [i, confirmation] of (['email', 'none', 'email'] as const).entries()) {
    const fields = { slug: `r${run}-${i}`, confirmation, page_url: 'https://meadows.example/', form: FORM };
    const { id } = await publish(api, lead.secret, fields);
    await makePartner(api, lead.secret, id, partner);
    const shared = await api.call('POST', `/v1/petitions/${id}/share-links`, { body: { network: 'copy' } });
    const { petitions: t, shareLinks } = api.store.tables;
    const [row] = await api.store.read.db.select().from(t).where(eq(t.publicId, id));
    const [link] = await api.store.read.db
      .select()
      .from(shareLinks)
      .where(eq(shareLinks.code, shared.body.code));
    petitions.push({ id, key: row!.key, confirmation, link: shared.body.code, linkKey: link!.key });
  }
  return petitions;
}

// ---------------------------------------------------------------- the verbs

const VERBS = [
  'sign',
  'sign oddly',
  'sign through a link',
  'sign with a partner’s key',
  'vouch',
  'import',
  'confirm',
  'refuse',
  'withdraw',
  'invalidate',
  'restore',
  'release',
  'refuse in quarantine',
  'quarantine',
  'erase',
  'change the address',
  'undo the change',
  'retain',
  'isolate the key',
  'release the key',
] as const;
type Step = { verb: (typeof VERBS)[number]; p: number; a: number; b: number };

const steps = fc.array(
  fc.record({
    verb: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...VERBS.filter((verb) => verb !== 'retain')) },
      { weight: 4, arbitrary: fc.constantFrom<(typeof VERBS)[number]>('sign', 'vouch', 'confirm', 'erase') },
      { weight: 1, arbitrary: fc.constant('retain' as const) },
    ),
    // Few petitions and people: so that they meet.
    p: fc.constantFrom(0, 0, 1, 1, 2),
    a: fc.constantFrom(0, 0, 0, 1, 1, 2),
    b: fc.nat(5),
  }),
  { minLength: 5, maxLength: 35, size: 'max' },
);

/** One run: what is done to the product is done to the model. */
class Run {
  readonly model = new Model();

  constructor(
    readonly world: World,
    readonly petitions: Petition[],
    readonly name: string,
    readonly clock: { at: number },
  ) {}

  get ctx() {
    return this.world.api.app.ctx;
  }

  private wait(ms: number) {
    this.clock.at += ms;
    this.world.api.setClock(new Date(this.clock.at));
  }

  address = (i: number) => `${ADDRESSES[i % ADDRESSES.length]}@${this.name}.example`;

  /** So that cells differ, and what one person says differs from signature to signature. */
  private saidBy(p: number, address: string) {
    const n = address.length + p + (this.model.all.get(p)?.length ?? 0);
    const region = [undefined, 'Noord Holland', 'Utrecht', '2:ab '][n % 4] ?? null;
    return {
      country: ['NL', null, 'BE'][n % 3] ?? null,
      postalAddress: n % 5 === 0 ? null : { lines: ['Meadow Road 1'], city: 'Amsterdam', region },
      source: [null, 'mail', 'a b'][n % 3] ?? null,
    };
  }

  private supporter = (address: string) => findSupporterByIdentity(this.ctx.store.read, address);

  private async row(p: number, address: string) {
    const { signatures: t, supporters } = this.ctx.store.tables;
    const [row] = await this.ctx.store.read.db
      .select({ id: t.publicId, key: t.key })
      .from(t)
      .innerJoin(supporters, eq(supporters.key, t.supporterKey))
      .where(and(eq(t.petitionKey, this.petitions[p]!.key), eq(supporters.identity, address)));
    return row;
  }

  /** What was asked last and not answered: its token goes round the mail. */
  private async openRequest(p: number, address: string) {
    const person = await this.supporter(address);
    const signature = await this.row(p, address);
    if (!person || !signature) return undefined;
    const { confirmationRequests: t } = this.ctx.store.tables;
    const [request] = await this.ctx.store.read.db
      .select()
      .from(t)
      .where(
        and(
          eq(t.supporterKey, person.key),
          eq(t.signatureKey, signature.key),
          isNull(t.confirmedAt),
          isNull(t.refusedAt),
        ),
      )
      .orderBy(desc(t.key));
    return request && { person, request };
  }

  private token = (purpose: 'confirm' | 'email_apply' | 'email_undo', about: object) =>
    this.ctx.store.transact(async (tx) => {
      const bytes = this.ctx.random(TOKEN_BYTES);
      return (await issueToken(tx, { purpose, bytes, ...(about as { supporterKey: number; epoch: number }) }))
        .token;
    });

  private async sign(
    p: number,
    address: string,
    how: { actor?: Actor; odd?: boolean; vouched?: boolean; link?: boolean },
  ) {
    const { model, ctx } = this;
    const petition = this.petitions[p]!;
    const actor: Actor = how.actor ?? { kind: 'anonymous' };
    const website = how.odd ? 'https://spam.example' : null;
    const shareCode = how.link ? petition.link : null;
    const said = { email: address, name: 'Somebody', ...this.saidBy(p, address) };
    const input = { ...said, vouched: how.vouched ?? false, website, shareCode };
    const done = await attempt(signPetition(ctx, actor, petition.id, input));
    if (done === 'petition_closed') return model.over.has(p) || this.fail('it is not over');
    const isolated = how.actor === this.world.partner.actor && model.isolated.has(p);
    const known = model.people.get(address)?.signed.get(p);
    if (known) {
      if (how.vouched && ['pending', 'quarantined'].includes(known.status)) {
        model.yes(p, address, ['pending']);
      }
    } else {
      const counts = how.vouched === true || (petition.confirmation === 'none' && !how.odd && !isolated);
      const status = counts ? 'confirmed' : how.odd || isolated ? 'quarantined' : 'pending';
      const via = how.actor === undefined ? null : how.actor === this.world.lead.actor ? 'lead' : 'partner';
      const { id } = (await this.row(p, address))!;
      const rest = { before: status, yes: counts, via, link: how.link ?? false, known: true } as const;
      model.add(p, address, { id, status, ...rest });
    }
  }

  private async bring(p: number, address: string) {
    const { model } = this;
    const { actor } = this.world.lead;
    const line = { line: 1, input: { email: address, name: 'Somebody', ...this.saidBy(p, address) } };
    const tally = await attempt(
      importSignatures(
        this.ctx,
        {
          petition: this.petitions[p]!.id,
          actor,
          apiKeyKey: actor.keyKey,
          source: null,
          chunkMs: 25,
          transactionMs: 1000,
          restMs: 0,
          onError: () => undefined,
        },
        (async function* () {
          yield [line];
        })(),
      ),
    );
    if (tally === 'petition_closed') return;
    const person = model.people.get(address);
    if (!person && model.graves.has(address)) return;
    const known = person?.signed.get(p);
    if (known) {
      if (known.status === 'pending' || known.status === 'quarantined') model.yes(p, address, ['pending']);
    } else {
      const { id } = (await this.row(p, address))!;
      const status = 'confirmed' as const;
      model.add(p, address, { id, status, before: status, yes: true, via: 'lead', link: false, known: true });
    }
  }

  private async answer(p: number, address: string, yes: boolean) {
    const found = await this.openRequest(p, address);
    if (!found) return;
    const { person, request } = found;
    const about = { supporterKey: person.key, epoch: person.linkEpoch, requestKey: request.key };
    const token = await this.token('confirm', about);
    const done = await attempt(yes ? confirmRequest(this.ctx, { token }) : refuseRequest(this.ctx, token));
    if (typeof done === 'string') return;
    if (yes) {
      this.model.yes(p, address, ['pending', 'withdrawn']);
      this.model.person(address).proven = true;
      return;
    }
    const signature = this.model.people.get(address)?.signed.get(p);
    if (request.data === null && signature && ['pending', 'quarantined'].includes(signature.status)) {
      signature.status = 'withdrawn';
    }
  }

  private async withdraw(p: number, address: string) {
    const signature = this.model.people.get(address)?.signed.get(p);
    const person = await this.supporter(address);
    if (!signature || !person) return;
    await attempt(withdrawMySignature(this.ctx, { supporterKey: person.key }, signature.id));
    if (signature.status !== 'invalidated') signature.status = 'withdrawn';
  }

  private async moderate(action: ModerationAction, p: number, b: number) {
    const all = this.model.all.get(p) ?? [];
    const signature = all[b % Math.max(1, all.length)];
    if (!signature) return;
    const { actor } = this.world.lead;
    await attempt(moderateSignature(this.ctx, actor, signature.id, { action, reason: 'a test' }));
    const { status } = signature;
    const takesOut = action === 'invalidate' && ['pending', 'confirmed', 'quarantined'].includes(status);
    if (takesOut || (action === 'refuse' && status === 'quarantined')) {
      signature.before = status;
      signature.status = 'invalidated';
      return;
    }
    if (action === 'quarantine' && (status === 'pending' || status === 'confirmed')) {
      signature.unsuspected = status;
      signature.status = 'quarantined';
      return;
    }
    // Whose signer is not known any more cannot begin to count.
    if (!signature.known) return;
    const address = [...this.model.people].find(([, { signed }]) => signed.get(p) === signature)![0];
    if (action === 'restore' && status === 'invalidated') {
      signature.status = signature.before === 'pending' && signature.yes ? 'confirmed' : signature.before;
    } else if (action === 'release' && status === 'quarantined') {
      const usual = this.petitions[p]!.confirmation === 'none' ? 'confirmed' : 'pending';
      const was = signature.unsuspected ?? usual;
      signature.status = was === 'pending' && signature.yes ? 'confirmed' : was;
    } else return;
    if (signature.status === 'confirmed') this.model.begin(p, address, signature);
  }

  private async change(from: string, to: string) {
    const person = await this.supporter(from);
    if (!person || from === to) return;
    const session = { supporterKey: person.key };
    this.wait(DAY);
    if (typeof (await attempt(requestEmailChange(this.ctx, session, to))) === 'string') return;
    const { emailChanges: t } = this.ctx.store.tables;
    const [change] = await this.ctx.store.read.db
      .select()
      .from(t)
      .where(eq(t.supporterKey, person.key))
      .orderBy(desc(t.key));
    const about = { supporterKey: person.key, epoch: person.linkEpoch, emailChangeKey: change!.key };
    const done = await attempt(confirmEmailChange(this.ctx, await this.token('email_apply', about)));
    const holder = this.model.people.get(to);
    if (holder?.proven) return done === 'link_not_found' || this.fail('the address is somebody’s');
    if (done !== undefined) this.fail(`the change: ${String(done)}`);
    const mine = this.model.people.get(from)!;
    this.model.move(mine, from, to);
    mine.changes.push({ from, to });
  }

  private async undo(address: string) {
    const mine = this.model.people.get(address);
    const last = mine?.changes.pop();
    const person = await this.supporter(address);
    if (!mine || !last || !person) return;
    const { emailChanges: t } = this.ctx.store.tables;
    const [change] = await this.ctx.store.read.db
      .select()
      .from(t)
      .where(and(eq(t.supporterKey, person.key), eq(t.status, 'applied')))
      .orderBy(desc(t.key));
    const about = { supporterKey: person.key, epoch: person.linkEpoch, emailChangeKey: change!.key };
    const done = await attempt(undoEmailChange(this.ctx, await this.token('email_undo', about)));
    if (done !== undefined) this.fail(`the undo: ${String(done)}`);
    this.model.move(mine, address, last.from);
  }

  private async retain(p: number) {
    const { api, lead } = this.world;
    const { id } = this.petitions[p]!;
    const path = `/v1/petitions/${id}`;
    await api.call('POST', `${path}/transitions`, { key: lead.secret, body: { to: 'closed' } });
    const { petitions: t } = this.ctx.store.tables;
    await this.ctx.store.transact((tx) =>
      tx.db.update(t).set({ retentionDays: 1 }).where(eq(t.publicId, id)).returning(),
    );
    this.wait(2 * DAY);
    await runRetention(this.ctx, { dryRun: false });
    this.model.retain(p);
    // Of whom nothing is left the address is free, too.
    for (const [address] of this.model.people) {
      if (!(await this.supporter(address))) this.model.people.delete(address);
    }
  }

  private isolate(p: number) {
    if (this.model.isolated.has(p)) return;
    this.model.isolated.add(p);
    const { key: petitionKey } = this.petitions[p]!;
    const { keyKey: apiKeyKey } = this.world.partner.actor;
    return this.ctx.store.transact(async (tx) => {
      const row = { petitionKey, apiKeyKey, asked: 1, confirmed: 0, isolatedAt: tx.now };
      await tx.db.insert(tx.tables.keyIsolations).values(row).returning();
      forgetIsolations(tx, petitionKey);
    });
  }

  private async releaseKey(p: number) {
    if (!this.model.isolated.delete(p)) return;
    await releaseKey(this.ctx, this.world.lead.actor, this.petitions[p]!.id, this.world.partner.keyId);
  }

  fail(what: string): never {
    throw new Error(what);
  }

  async take({ verb, p, a, b }: Step): Promise<unknown> {
    this.wait(1000);
    const address = this.address(a);
    switch (verb) {
      case 'sign':
        return this.sign(p, address, {});
      case 'sign oddly':
        return this.sign(p, address, { odd: true });
      case 'sign through a link':
        return this.sign(p, address, { link: true });
      case 'sign with a partner’s key':
        return this.sign(p, address, { actor: this.world.partner.actor });
      case 'vouch':
        return this.sign(p, address, { actor: this.world.lead.actor, vouched: true });
      case 'import':
        return this.bring(p, address);
      case 'confirm':
        return this.answer(p, address, true);
      case 'refuse':
        return this.answer(p, address, false);
      case 'withdraw':
        return this.withdraw(p, address);
      case 'invalidate':
      case 'restore':
      case 'release':
      case 'quarantine':
        return this.moderate(verb, p, b);
      case 'refuse in quarantine':
        return this.moderate('refuse', p, b);
      case 'erase': {
        const person = await this.supporter(address);
        if (person) await eraseSupporter(this.ctx, person.key);
        return this.model.people.has(address) && this.model.erase(address);
      }
      case 'change the address':
        return this.change(address, this.address(b));
      case 'undo the change':
        return this.undo(address);
      case 'retain':
        return this.retain(p);
      case 'isolate the key':
        return this.isolate(p);
      case 'release the key':
        return this.releaseKey(p);
    }
  }

  /** What is counted, by status, by organization, by link, by the hour; and how many people the rows are. */
  async counted() {
    const { db } = this.ctx.store.read;
    const {
      petitionCounts,
      petitionHistory,
      partnerCounts,
      shareCounts,
      signatures: s,
      supporters,
    } = this.ctx.store.tables;
    const total = (column: unknown) => sql<number>`coalesce(sum(${column}), 0)`.mapWith(Number);
    const found = [];
    for (const { key, linkKey } of this.petitions) {
      const [counts] = await db
        .select({
          pending: total(petitionCounts.pending),
          confirmed: total(petitionCounts.confirmed),
          invalidated: total(petitionCounts.invalidated),
          withdrawn: total(petitionCounts.withdrawn),
          quarantined: total(petitionCounts.quarantined),
        })
        .from(petitionCounts)
        .where(eq(petitionCounts.petitionKey, key));
      const [hours] = await db
        .select({ confirmed: total(petitionHistory.confirmed) })
        .from(petitionHistory)
        .where(eq(petitionHistory.petitionKey, key));
      const by = async (organizationKey: number) =>
        (
          await db
            .select({ confirmed: total(partnerCounts.confirmed) })
            .from(partnerCounts)
            .where(
              and(eq(partnerCounts.petitionKey, key), eq(partnerCounts.organizationKey, organizationKey)),
            )
        )[0]!.confirmed;
      const [link] = await db
        .select({ conversions: total(shareCounts.conversions) })
        .from(shareCounts)
        .where(eq(shareCounts.shareLinkKey, linkKey));
      const rows = await db
        .select({ identity: supporters.identity, id: s.publicId })
        .from(s)
        .leftJoin(supporters, eq(supporters.key, s.supporterKey))
        .where(and(eq(s.petitionKey, key), eq(s.status, 'confirmed')));
      const people = new Set(
        rows.map(({ identity, id }) =>
          identity === null || identity.startsWith('erased:')
            ? (identity ?? id)
            : `erased:${this.ctx.secrets.subject(identity).toString('base64url')}`,
        ),
      );
      found.push({
        ...counts,
        hours: hours!.confirmed,
        lead: await by(this.world.lead.key),
        partner: await by(this.world.partner.key),
        link: link!.conversions,
        people: people.size,
      });
    }
    return found;
  }

  expected() {
    return this.petitions.map((_, p) => {
      const all = this.model.all.get(p) ?? [];
      const of = (status: SignatureStatus, more: (one: Signature) => boolean = () => true) =>
        all.filter((one) => one.status === status && more(one)).length;
      const confirmed = of('confirmed');
      return {
        pending: of('pending'),
        confirmed,
        invalidated: of('invalidated'),
        withdrawn: of('withdrawn'),
        quarantined: of('quarantined'),
        hours: confirmed,
        lead: of('confirmed', ({ via }) => via === 'lead'),
        partner: of('confirmed', ({ via }) => via === 'partner'),
        link: of('confirmed', ({ link }) => link),
        people: confirmed,
      };
    });
  }
}

/** What a verb returns, or the code of its refusal. */
const attempt = <T>(work: Promise<T>): Promise<T | string> =>
  work.catch((error: unknown) => {
    if (error instanceof ApiError) return error.code;
    throw error;
  });

onEveryEngine(
  'whatever happens, a person counts once on a petition, and every count is right',
  async (t, engine) => {
    const world = await build(t, engine);
    const { api } = world;
    const clock = { at: Date.UTC(2026, 0, 1) };
    api.setClock(new Date(clock.at));
    let runs = 0;
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (path) => {
        runs += 1;
        api.setClock(new Date(clock.at));
        const run = new Run(world, await campaign(world, runs), `run${runs}`, clock);
        for (const [i, step] of path.entries()) {
          api.setClock(new Date(clock.at));
          await run.take(step);
          taken += 1;
          const [found, expected] = [await run.counted(), run.expected()];
          if (JSON.stringify(found) !== JSON.stringify(expected)) {
            const differ = found.flatMap((one, p) =>
              Object.entries(expected[p]!).flatMap(([name, value]) =>
                (one as Record<string, unknown>)[name] === value
                  ? []
                  : [
                      `${name} of petition ${p} is ${String((one as Record<string, unknown>)[name])}, not ${value}`,
                    ],
              ),
            );
            throw new Error(`after step ${i} (${step.verb}): ${differ.join('; ')}`);
          }
        }
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: process.env['FC_SHRINK'] === undefined },
    );
    t.same(await recount(api.store.read), []);
    t.ok(taken > RUNS, `${taken} steps in ${runs} runs`);
  },
);
