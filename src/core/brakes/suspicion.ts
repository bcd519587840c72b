import type { Signal } from '../../../schema/db/tables/brakes.js';
import { bindAll, statement, type Tx } from '../../store/store.js';
import { insertMany } from '../bulk-insert.js';
import type { Context } from '../context.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import { isDisposable } from './disposable-domains.js';
import type { FirstLook } from './first-look.js';
import { standingOf } from './key-isolations.js';
import { hasLink } from './links-in-names.js';
import { fieldWith, listedWordsOf } from './word-lists.js';

/*
 * The score that decides whether a signing is quarantined: an organiser then looks at it before it counts or anything
 * is mailed. No signal depends on whether the address is known, and a quarantined signing gets the same answer.
 */

export type Suspicion = { score: number; signals: Signal[] };

const ENOUGH = 60;
export const POINTS = {
  honeypot: 100,
  too_fast: 60,
  no_form: 40,
  disposable_domain: 30,
  alias_of_signer: 40,
  many_spellings: 60,
  many_from_one_network: 40,
  link_in_name: 60,
  isolated_key: 100,
  vouch_limit: 100,
  isolated_network: 100,
  listed_word: 100,
} as const satisfies Record<Signal, number>;
/** Imported rows have no other signals. */
export const LISTED: Suspicion = { score: POINTS.listed_word, signals: ['listed_word'] };
/** API callers have no form. A browser without one sent a hand-made page: a weak signal. */
const FORMLESS_BROWSER = 10;

const QUICKEST_MS = 2000;
const FORM_LIFETIME_MS = 48 * 3_600_000;

export const openForm = (ctx: Context, { formToken }: { formToken?: string | null }): FirstLook['form'] =>
  formToken ? ctx.sealer.openFormToken(formToken) : null;

/**
 * The suspicion, or null below the threshold. Vouched signatures are never suspicious; other ones sent with a secret
 * key only if the key is isolated, or for a listed word.
 */
export async function suspect(
  ctx: Context,
  tx: Tx,
  petition: PetitionHead,
  look: FirstLook,
  /** Whether a proof of work came with it. */
  proven: boolean,
): Promise<Suspicion | null> {
  const { actor, input } = look;
  if (input.vouched) return null;
  const found: Suspicion = { score: 0, signals: [] };
  await noteKey(tx, found, petition, look, proven);
  const listed = await listedWordsOf(ctx, tx, petition);
  if (listed && fieldWith(listed, input)) note(found, 'listed_word');
  if (actor.kind !== 'secret') {
    const at = tx.now.getTime();
    noteForm(found, petition, look, at);
    noteWords(found, look);
    noteOthers(found, petition, look, at, proven);
  }
  return found.score >= ENOUGH ? found : null;
}

function note(found: Suspicion, signal: Signal, points: number = POINTS[signal]): void {
  found.score += points;
  found.signals.push(signal);
}

/** Signals of the key. An isolated key still works for a signer with a proof of work whose network is not isolated. */
async function noteKey(
  tx: Tx,
  found: Suspicion,
  { key }: PetitionHead,
  { actor, network }: FirstLook,
  proven: boolean,
) {
  if (actor.kind === 'anonymous') return;
  const { isolated, networks } = await standingOf(tx, key, actor.keyKey, tx.now);
  if (network && networks.has(network.toString('hex'))) note(found, 'isolated_network');
  else if (isolated && !proven) note(found, 'isolated_key');
}

/** Signals of the form: how, and how fast, it was filled in. */
function noteForm(found: Suspicion, { key }: PetitionHead, { form, caller, input }: FirstLook, at: number) {
  if (input.website) note(found, 'honeypot');
  if (form === null) {
    if (caller.origin !== null) note(found, 'no_form', FORMLESS_BROWSER);
  } else if (form?.petitionKey !== key || at - form.at > FORM_LIFETIME_MS) {
    note(found, 'no_form');
  } else if (at - form.at < QUICKEST_MS) {
    note(found, 'too_fast');
  }
}

/** Signals of the address and the name. */
function noteWords(found: Suspicion, { email, input }: FirstLook) {
  if (isDisposable(email.identity)) note(found, 'disposable_domain');
  const names = [input.name, input.givenName, input.familyName];
  if (names.some((name) => name != null && hasLink(name))) note(found, 'link_in_name');
}

/** Signals of other recent signings: another spelling, or the same place. A proof of work makes up for the place. */
function noteOthers(
  found: Suspicion,
  { key }: PetitionHead,
  { actor, caller, tallies }: FirstLook,
  at: number,
  proven: boolean,
) {
  if (tallies.isAlias(key)) note(found, 'alias_of_signer');
  const counts = !proven && actor.kind === 'anonymous' && caller.client !== null;
  if (counts && tallies.isCrowded(key, caller.client, at)) note(found, 'many_from_one_network');
}

const insertSuspicion = statement('suspicion_insert', ({ db, tables: { suspicions: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['signatureKey', 'score', 'signals', 'createdAt']))
    .onConflictDoNothing(),
);

/** Stores why a signature is quarantined; the first reason is kept. */
export async function noteSuspicion(tx: Tx, signatureKey: number, suspicion: Suspicion): Promise<void> {
  await insertSuspicion(tx, { signatureKey, ...suspicion, createdAt: tx.now });
}

const insertSuspicions = insertMany(
  'import_suspicions',
  ['signatureKey', 'score', 'signals', 'createdAt'],
  ({ suspicions }) => suspicions,
  ({ db, tables: { suspicions: t } }, rows) => db.insert(t).values(rows).returning({ key: t.signatureKey }),
);

/** Stores the same reason for many new signatures. */
export async function noteSuspicions(
  tx: Tx,
  signatureKeys: readonly number[],
  suspicion: Suspicion,
): Promise<void> {
  await insertSuspicions(
    tx,
    signatureKeys.map((signatureKey) => ({ signatureKey, ...suspicion, createdAt: tx.now })),
  );
}
