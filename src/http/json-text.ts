import { ApiError } from '../errors.js';
import { pointerStep } from './problems.js';

/*
 * Refuses JSON with duplicate members. JSON.parse takes the last of several members with one name, other parsers the
 * first: a proxy could inspect another value than the one that is stored.
 */

/** A JSON pointer to the first duplicate member, or undefined. `value` must be the result of JSON.parse for `text`. */
export const repeatedMember = (text: string, value: unknown): string | undefined =>
  membersWritten(text) === membersKept(value) ? undefined : firstRepeated(text);

/** The `invalid_json` error for a duplicate member. */
export const saidTwice = (pointer: string): ApiError =>
  new ApiError('invalid_json', {
    detail: 'An object has two members with one name: send each once.',
    errors: [{ pointer, ...TWICE }],
  });

/** The deepest contract, a segment, needs 15 levels. */
const MOST_LEVELS = 64;

/**
 * Whether a body is nested deeper than any contract: the validator follows contracts that refer to themselves by calling
 * itself, and would exhaust the stack. `value` must be the result of JSON.parse for `text`.
 */
export const isTooDeep = (text: string, value: unknown): boolean =>
  hasManyBrackets(text) && isDeeper(value, MOST_LEVELS);

/** Most bodies have few, so their depth need not be measured. */
function hasManyBrackets(text: string): boolean {
  let brackets = 0;
  for (const open of ['{', '[']) {
    for (let at = text.indexOf(open); at !== -1; at = text.indexOf(open, at + 1)) {
      if ((brackets += 1) > MOST_LEVELS) return true;
    }
  }
  return false;
}

function isDeeper(root: unknown, levels: number): boolean {
  let inside: unknown[] = [root];
  for (let level = 0; inside.length > 0; level += 1) {
    if (level > levels) return true;
    inside = inside.flatMap((one): unknown[] =>
      typeof one === 'object' && one !== null ? Object.values(one) : [],
    );
  }
  return false;
}

export const TWICE = { code: 'duplicate', detail: 'It is there twice: send it once.' };

/**
 * How many strings are followed by a colon. It scans for quotes alone to be fast: every signature comes through here.
 */
function membersWritten(text: string): number {
  let written = 0;
  for (let quote = text.indexOf('"'); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    do quote = text.indexOf('"', quote + 1);
    while (isEscaped(text, quote));
    let next = quote + 1;
    while (text.charCodeAt(next) <= SPACE) next += 1;
    if (text.charCodeAt(next) === COLON) written += 1;
  }
  return written;
}

const [SPACE, COLON, BACKSLASH] = [0x20, 0x3a, 0x5c];

function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before -= 1;
  return (at - before) % 2 === 0;
}

/** How many members the parsed value has. Iterative, since a body may be nested deeper than the call stack. */
function membersKept(root: unknown): number {
  let kept = 0;
  const waiting = [root];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null) continue;
    const members: unknown[] = Array.isArray(value) ? value : Object.values(value);
    if (members !== value) kept += members.length;
    for (const member of members) if (typeof member === 'object') waiting.push(member);
  }
  return kept;
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gs;

function firstRepeated(text: string): string | undefined {
  const inside: { names: Set<string>; at: string | number }[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKENS)) {
    const object = inside.at(-1);
    if (token === '{' || token === '[') inside.push({ names: new Set(), at: 0 });
    else if (token === '}' || token === ']') inside.pop();
    else if (token === ',' && typeof object?.at === 'number') object.at += 1;
    else if (token === ':' && object) {
      object.at = JSON.parse(last) as string;
      if (object.names.has(object.at)) return pointerTo(inside.map(({ at }) => at));
      object.names.add(object.at);
    } else last = token;
  }
  return undefined;
}

/** A JSON pointer, cut off at 200 characters. */
const pointerTo = (steps: (string | number)[]) =>
  `/${steps.slice(0, 200).map(pointerStep).join('/')}`.slice(0, 200).toWellFormed();
