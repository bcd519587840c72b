import { MOST_CLAUSES, type Clause } from '../../../schema/db/tables/segments.js';
import { invalidBody, type FieldError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { KeyedActor } from '../actor.js';
import { findAnyHead } from '../petitions/petition-lookup.js';
import { findableOf } from '../signatures/signature-access.js';
import { findOwnMailing } from './own-mailings.js';

/* The tree of conditions that a segment is: walking it, and checking what the contract cannot express. */

const DEEPEST = 5;

/** A clause of the tree, and where it is: its JSON Pointer within the whole. */
export type Place = { clause: Clause; pointer: string; depth: number };

/** All clauses of the tree, the whole first, each before those inside it. */
export function* placesOf(clause: Clause, pointer = '', depth = 1): Generator<Place> {
  yield { clause, pointer, depth };
  if ('not' in clause) yield* placesOf(clause.not, `${pointer}/not`, depth + 1);
  for (const kind of ['all', 'any'] as const) {
    const inside = (clause as Partial<Record<typeof kind, Clause[]>>)[kind] ?? [];
    for (const [i, one] of inside.entries()) yield* placesOf(one, `${pointer}/${kind}/${i}`, depth + 1);
  }
}

/** Whether the whole holds where `holds` says which single conditions do. */
export function evaluate(clause: Clause, holds: (leaf: Clause) => boolean): boolean {
  if ('all' in clause) return clause.all.every((one) => evaluate(one, holds));
  if ('any' in clause) return clause.any.some((one) => evaluate(one, holds));
  if ('not' in clause) return !evaluate(clause.not, holds);
  return holds(clause);
}

/** Whose petitions and mailings a clause names. */
type Owner = Pick<KeyedActor, 'organizationKey'>;

/**
 * Checks a clause that a caller sent, and returns it with ids of petitions in place of their slugs. `at` is its place in
 * the body. What belongs to others does not exist. Throws `invalid_body`.
 */
export async function readClause(on: Reader, owner: Owner, clause: Clause, at: string): Promise<Clause> {
  const places = [...placesOf(clause, at)];
  const deep = places.find(({ depth }) => depth > DEEPEST);
  if (places.length > MOST_CLAUSES || deep) {
    throw invalidBody({
      pointer: deep?.pointer ?? at,
      code: deep ? 'too_deep' : 'too_many',
      detail: deep
        ? `Conditions may be inside each other ${DEEPEST} deep: write it flatter.`
        : `A segment may have ${MOST_CLAUSES} conditions, those inside others included.`,
    });
  }
  const errors: FieldError[] = [];
  const read = await resolve(on, owner, clause, at, errors);
  if (errors.length > 0) throw invalidBody(...errors);
  return read;
}

async function resolve(
  on: Reader,
  owner: Owner,
  clause: Clause,
  at: string,
  errors: FieldError[],
): Promise<Clause> {
  const inside = async (clauses: Clause[], kind: string) => {
    const done: Clause[] = [];
    for (const [i, one] of clauses.entries()) {
      done.push(await resolve(on, owner, one, `${at}/${kind}/${i}`, errors));
    }
    return done;
  };
  if ('all' in clause) return { all: await inside(clause.all, 'all') };
  if ('any' in clause) return { any: await inside(clause.any, 'any') };
  if ('not' in clause) return { not: await resolve(on, owner, clause.not, `${at}/not`, errors) };
  if ('signed' in clause) {
    errors.push(...emptySpan(clause.signed, `${at}/signed`));
    const petition = await petitionId(on, owner, clause.signed.petition);
    if (petition !== undefined) return { signed: { ...clause.signed, petition } };
    errors.push({
      pointer: `${at}/signed/petition`,
      code: 'unknown',
      detail: 'You neither lead a petition with this id or slug nor are a partner of one.',
    });
  }
  if ('subscribed' in clause) errors.push(...emptySpan(clause.subscribed, `${at}/subscribed`));
  const [kind, mailing] = mailingIn(clause);
  if (mailing !== undefined && !(await findOwnMailing(on, owner.organizationKey, mailing))) {
    errors.push({
      pointer: `${at}/${kind}/mailing`,
      code: 'unknown',
      detail: 'You have no mailing with this id.',
    });
  }
  return clause;
}

async function petitionId(on: Reader, { organizationKey }: Owner, ref: string): Promise<string | undefined> {
  const petition = await findAnyHead(on, ref);
  return petition && (await findableOf(on, organizationKey, petition)) && petition.publicId;
}

function mailingIn(clause: Clause): [kind: string, mailing: string | undefined] {
  if ('came_by' in clause) return ['came_by', clause.came_by.mailing];
  return ['mailed', 'mailed' in clause && 'mailing' in clause.mailed ? clause.mailed.mailing : undefined];
}

const emptySpan = ({ since, until }: { since?: string; until?: string }, at: string): FieldError[] =>
  since !== undefined && until !== undefined && new Date(since) >= new Date(until)
    ? [{ pointer: `${at}/until`, code: 'empty_span', detail: 'It must be later than `since`.' }]
    : [];
