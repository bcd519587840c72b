import type { Signal } from '../../schema/db/brake-tables.js';
import { bindAll, statement, type Tx } from '../store/store.js';
import type { Proof } from './challenges.js';
import type { Actor, Caller, Context } from './context.js';
import { isDisposable } from './disposable-domains.js';
import { clusterOf, type EmailAddress } from './email.js';
import { isIsolated } from './key-isolations.js';
import { hasLink } from './links-in-names.js';
import type { PetitionGate } from './petition-lookup.js';
import type { FormOpened } from './sealer.js';
import type { SignInput } from './signing.js';

/*
 * What is odd about a signing, in points. Whoever has too many is quarantined: an organiser looks at it before it counts
 * or anything is mailed. Nothing here asks whether the address is known, and the answer is always the same.
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
} as const satisfies Record<Signal, number>;
/** Callers of the API have no form. A browser has one, or a page that was made by hand: worth a little. */
const FORMLESS_BROWSER = 10;

const QUICKEST_MS = 2000;
const FORM_LIFETIME_MS = 48 * 3_600_000;

/** A signing as it came, with what could be told of it before the transaction. */
export type FirstLook = {
  actor: Actor;
  caller: Caller;
  email: EmailAddress;
  input: SignInput;
  proof: Proof;
  /** Undefined: the token is none of ours. Null: there is none. */
  form: FormOpened | undefined | null;
  /** What was counted in this process: once, however often the transaction runs. */
  counted: { pressure?: boolean; network?: boolean; alias?: boolean };
};

export const openForm = (ctx: Context, { formToken }: SignInput): FirstLook['form'] =>
  formToken ? ctx.sealer.openFormToken(formToken) : null;

/** Null: not odd enough. What organizations vouch for never is; of what they send, only what an isolated key brings. */
export async function suspect(
  ctx: Context,
  tx: Tx,
  petition: PetitionGate,
  look: FirstLook,
): Promise<Suspicion | null> {
  const { actor, input } = look;
  if (input.vouched) return null;
  const found: Suspicion = { score: 0, signals: [] };
  const isSetApart = actor.kind !== 'anonymous' && (await isIsolated(tx, petition.key, actor.keyKey));
  if (isSetApart) note(found, 'isolated_key');
  if (actor.kind !== 'secret') {
    noteForm(found, petition, look, tx.now.getTime());
    noteWords(found, look);
    noteCompany(ctx, found, petition, look, tx.now.getTime());
  }
  return found.score >= ENOUGH ? found : null;
}

function note(found: Suspicion, signal: Signal, points: number = POINTS[signal]): void {
  found.score += points;
  found.signals.push(signal);
}

/** How the form was filled in. */
function noteForm(found: Suspicion, { key }: PetitionGate, { form, caller, input }: FirstLook, at: number) {
  if (input.website) note(found, 'honeypot');
  if (form === null) {
    if (caller.origin !== null) note(found, 'no_form', FORMLESS_BROWSER);
  } else if (form?.petitionKey !== key || at - form.at > FORM_LIFETIME_MS) {
    note(found, 'no_form');
  } else if (at - form.at < QUICKEST_MS) {
    note(found, 'too_fast');
  }
}

/** What it says. */
function noteWords(found: Suspicion, { email, input }: FirstLook) {
  if (isDisposable(email.identity)) note(found, 'disposable_domain');
  if (hasLink(input.name)) note(found, 'link_in_name');
}

/** What came before it. */
function noteCompany(ctx: Context, found: Suspicion, { key }: PetitionGate, look: FirstLook, at: number) {
  const { mailboxes, crowds } = ctx.brakes;
  const { counted, actor, caller, email } = look;
  const address = mailboxes.hash(email.identity);
  const cluster = clusterOf(email.identity);
  // Nearly always the same: nothing is hashed twice.
  const mailbox = cluster === email.identity ? address : mailboxes.hash(cluster);
  counted.alias ??= mailboxes.note(key, mailbox, address);
  if (counted.alias) note(found, 'alias_of_signer');
  if (actor.kind !== 'anonymous' || caller.client === null) return;
  counted.network ??= crowds.note(key, mailboxes.hash(caller.client), address, at);
  if (counted.network) note(found, 'many_from_one_network');
}

const insertSuspicion = statement('suspicion_insert', ({ db, tables: { suspicions: t } }: Tx) =>
  db
    .insert(t)
    .values(bindAll(t, ['signatureKey', 'score', 'signals', 'createdAt']))
    .onConflictDoNothing(),
);

/** Writes down why a signature is quarantined; the first reason stays. */
export async function noteSuspicion(tx: Tx, signatureKey: number, suspicion: Suspicion): Promise<void> {
  await insertSuspicion(tx, { signatureKey, ...suspicion, createdAt: tx.now });
}
