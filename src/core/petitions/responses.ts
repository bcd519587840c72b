import { and, count, desc, eq } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError, invalidBody, type FieldError } from '../../errors.js';
import type { Reader, Tx } from '../../store/store.js';
import { speaksFor, type Actor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { readClock, readTimeZone } from '../time-zones.js';
import { renderBackground } from './markdown.js';
import { tellPetitionChanged } from './petition-changes.js';
import { takenDown } from './petition-life.js';
import { findHead } from './petition-lookup.js';

/* What those answered whom a petition addresses, and hearings about it, for everybody to read. */

/** The most of one petition: all are in one list. */
const MOST = 100;

type Row = Tables['responses']['$inferSelect'];

export type ResponseView = Omit<Row, 'key' | 'petitionKey'> & { petitionId: string };

/** What the lead organization writes. */
type Fields = Pick<Row, 'who' | 'text' | 'date' | 'time' | 'timeZone' | 'place' | 'url' | 'threshold'>;
type Optional = 'text' | 'time' | 'timeZone' | 'place' | 'url' | 'threshold';

export type ResponseInput = Pick<Fields, 'who' | 'date'> &
  Partial<Pick<Fields, Optional>> & { kind?: Row['kind'] };
export type ResponsePatch = Partial<Fields>;

const NOTHING: Pick<Fields, Optional> = {
  text: null,
  time: null,
  timeZone: null,
  place: null,
  url: null,
  threshold: null,
};

/**
 * Records a response or a hearing for a petition of the actor's organization, in any state of the petition: answers come
 * late. Throws `petition_not_found`, `petition_taken_down`, `invalid_body`, `too_many_responses`,
 * `idempotency_key_reused`, or Moved.
 */
export async function recordResponse(
  ctx: Context,
  actor: KeyedActor,
  petitionRef: string,
  { kind = 'response', ...input }: ResponseInput,
  retry?: Retry,
): Promise<ResponseView> {
  const publicId = ctx.newId('rsp');
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const petition = await findHead(tx, actor, petitionRef);
      if (!speaksFor(actor, petition.organizationKey)) throw new ApiError('petition_not_found');
      const fields = checked(kind, { ...NOTHING, ...input }, [null, ...petition.thresholdValues]);
      if ((await countResponses(tx, petition.key)) >= MOST) {
        throw new ApiError('too_many_responses', { detail: `A petition has at most ${MOST}: delete some.` });
      }
      const row = { ...fields, ...derive(fields), publicId, kind, createdAt: tx.now, updatedAt: tx.now };
      await tx.db.insert(tx.tables.responses).values({ ...row, petitionKey: petition.key });
      tellPetitionChanged(tx, petition.key);
      return { ...row, petitionId: petition.publicId };
    }),
  );
}

/** All of a petition, newest first. Throws what `findHead` throws. */
export async function listResponses(on: Reader, actor: Actor, petitionRef: string): Promise<ResponseView[]> {
  const petition = await findHead(on, actor, petitionRef);
  const rows = await responsesOf(on, petition.key);
  return rows.map((row) => ({ ...row, petitionId: petition.publicId }));
}

export const responsesOf = (on: Reader, petitionKey: number): PromiseLike<Row[]> => {
  const { responses: t } = on.tables;
  return on.db.select().from(t).where(eq(t.petitionKey, petitionKey)).orderBy(desc(t.date), desc(t.key));
};

export async function countResponses(on: Reader, petitionKey: number): Promise<number> {
  const { responses: t } = on.tables;
  const [row] = await on.db.select({ rows: count() }).from(t).where(eq(t.petitionKey, petitionKey));
  return row?.rows ?? 0;
}

/** Changes what is named; null clears. Throws `response_not_found`, `petition_taken_down`, `invalid_body`. */
export const updateResponse = (
  ctx: Context,
  actor: KeyedActor,
  publicId: string,
  patch: ResponsePatch,
): Promise<ResponseView> =>
  ctx.store.transact(async (tx) => {
    const { response: before, petition } = await findOwn(tx, actor, publicId);
    if (petition.status === 'taken_down') throw takenDown(petition);
    const isWithoutTime = patch.time === null && patch.timeZone === undefined;
    const wanted = { ...before, ...patch, ...(isWithoutTime ? { timeZone: null } : {}) };
    // What is not named is not held against a threshold that was removed since.
    const thresholds =
      patch.threshold === undefined ? [before.threshold] : [null, ...petition.thresholdValues];
    const fields = checked(before.kind, wanted, thresholds);
    const { responses: t } = tx.tables;
    const row = requireWritten(
      await tx.db
        .update(t)
        .set({ ...fields, ...derive(fields), updatedAt: tx.now })
        .where(and(eq(t.key, before.key), eq(t.updatedAt, before.updatedAt)))
        .returning(),
    );
    tellPetitionChanged(tx, petition.key);
    return { ...row, petitionId: petition.publicId };
  });

/** Deletes a response for good. Throws `response_not_found`. */
export const deleteResponse = (ctx: Context, actor: KeyedActor, publicId: string): Promise<void> =>
  ctx.store.transact(async (tx) => {
    const { response, petition } = await findOwn(tx, actor, publicId);
    const { responses: t } = tx.tables;
    requireWritten(await tx.db.delete(t).where(eq(t.key, response.key)).returning({ key: t.key }));
    tellPetitionChanged(tx, petition.key);
  });

async function findOwn(tx: Tx, actor: KeyedActor, publicId: string) {
  const { responses: t, petitions: p } = tx.tables;
  const [found] = await tx.db
    .select({
      response: t,
      petition: {
        key: p.key,
        publicId: p.publicId,
        organizationKey: p.organizationKey,
        status: p.status,
        takedownReason: p.takedownReason,
        thresholdValues: p.thresholdValues,
      },
    })
    .from(t)
    .innerJoin(p, eq(p.key, t.petitionKey))
    .where(eq(t.publicId, publicId));
  if (!found || !speaksFor(actor, found.petition.organizationKey)) throw new ApiError('response_not_found');
  return found;
}

/** The fields as they are stored, if they go together. Throws `invalid_body`. */
function checked(kind: Row['kind'], fields: Fields, thresholds: readonly (number | null)[]): Fields {
  const { who, text, date, time, timeZone, place, url, threshold } = fields;
  const errors = [
    ...(kind === 'response'
      ? misplaced({ time, time_zone: timeZone, place })
      : togetherOrNot(time, timeZone)),
    ...(thresholds.includes(threshold)
      ? []
      : [error('threshold', 'unknown_threshold', 'The petition has no threshold with this number.')]),
  ];
  if (errors.length > 0) throw invalidBody(...errors);
  const zone = timeZone === null ? null : readTimeZone(timeZone);
  const clock = time === null ? null : readClock(time);
  return { who, text, date, time: clock, timeZone: zone, place, url, threshold };
}

const misplaced = (members: Record<string, unknown>): FieldError[] =>
  Object.entries(members)
    .filter(([, value]) => value !== null)
    .map(([name]) => error(name, 'misplaced', 'It goes with a hearing: leave it out.'));

function togetherOrNot(time: string | null, timeZone: string | null): FieldError[] {
  if ((time === null) === (timeZone === null)) return [];
  return time === null
    ? [error('time', 'required', 'Write the time, or leave out the time zone.')]
    : [error('time_zone', 'required', 'Write in which time zone clocks show this time.')];
}

const error = (name: string, code: string, detail: string): FieldError => ({
  pointer: `/${name}`,
  code,
  detail,
});

const derive = ({ text }: Fields) => ({ textHtml: text === null ? null : renderBackground(text) });
