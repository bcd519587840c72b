import { eq } from 'drizzle-orm';
import { idPattern } from '../../../schema/db/public-id.js';
import type { Tables } from '../../../schema/db/tables.js';
import type { PetitionStatus } from '../../../schema/db/tables/petitions.js';
import { ApiError } from '../../errors.js';
import { memoized } from '../../store/memo.js';
import { bind, statement, type Reader } from '../../store/store.js';
import { isApart, speaksFor, type Actor, type KeyedActor } from '../actor.js';
import { takenDown } from './petition-life.js';
import type { PetitionRow } from './petition-rules.js';

/* Finds petitions by id or slug, and decides who may see them. */

/** Thrown when a petition is requested by an old slug; the caller redirects to the new one. */
export class Moved extends Error {
  constructor(readonly slug: string) {
    super('The petition has another slug now');
  }
}

const ID = new RegExp(idPattern('pet'));

/** What signing and counting need. Keep it short: it is read for every signature. */
const headColumns = ({ petitions: t }: Tables) => ({
  key: t.key,
  publicId: t.publicId,
  organizationKey: t.organizationKey,
  slug: t.slug,
  status: t.status,
  test: t.test,
  opensAt: t.opensAt,
  closesAt: t.closesAt,
  takedownReason: t.takedownReason,
  confirmation: t.confirmation,
  form: t.form,
  formFields: t.formFields,
  goals: t.goals,
  thresholdValues: t.thresholdValues,
  challenge: t.challenge,
  origins: t.origins,
  locale: t.locale,
  translations: t.translations,
  version: t.version,
});

export type PetitionHead = Pick<PetitionRow, keyof ReturnType<typeof headColumns>> & {
  /** The version of its lead's list of words; null: there is none. */
  wordsVersion: number | null;
};

/** With the word list in one statement, so that petitions without one need no further read. */
const selectHeads = ({ db, tables }: Reader) => {
  const { petitions: t, wordLists } = tables;
  return db
    .select({ ...headColumns(tables), wordsVersion: wordLists.version })
    .from(t)
    .leftJoin(wordLists, eq(wordLists.organizationKey, t.organizationKey));
};

const byId = ({ petitions: t }: Tables) => eq(t.publicId, bind(t.publicId, 'ref'));
const bySlug = ({ petitions: t }: Tables) => eq(t.slug, bind(t.slug, 'ref'));

const headById = statement('petition_gate_by_id', (on: Reader) => selectHeads(on).where(byId(on.tables)));
const headBySlug = statement('petition_gate_by_slug', (on: Reader) =>
  selectHeads(on).where(bySlug(on.tables)),
);
const rowById = statement('petition_by_id', ({ db, tables }: Reader) =>
  db.select().from(tables.petitions).where(byId(tables)),
);
const rowBySlug = statement('petition_by_slug', ({ db, tables }: Reader) =>
  db.select().from(tables.petitions).where(bySlug(tables)),
);
const byAnySlug = statement(
  'petition_by_any_slug',
  ({ db, tables: { petitions: t, petitionSlugs } }: Reader) =>
    db
      .select({
        slug: t.slug,
        organizationKey: t.organizationKey,
        status: t.status,
        test: t.test,
        takedownReason: t.takedownReason,
      })
      .from(petitionSlugs)
      .innerJoin(t, eq(t.key, petitionSlugs.petitionKey))
      .where(eq(petitionSlugs.slug, bind(petitionSlugs.slug, 'ref'))),
);

/**
 * The petition with this id or slug, if the actor may see it. Throws `petition_not_found`, `petition_taken_down`, or
 * Moved for an old slug.
 */
export async function findPetition(on: Reader, actor: Actor, ref: string): Promise<PetitionRow> {
  const [row] = await (ID.test(ref) ? rowById : rowBySlug)(on, { ref });
  return visible(on, actor, ref, row);
}

/** Like `findPetition`, but reads few columns. */
export async function findHead(on: Reader, actor: Actor, ref: string): Promise<PetitionHead> {
  return visible(on, actor, ref, await headOf(on, ref));
}

/** A petition of the actor's own organization, even taken down; past slugs work too. Throws `petition_not_found`. */
export async function findOwnHead(on: Reader, actor: KeyedActor, ref: string): Promise<PetitionHead> {
  const row = await findAnyHead(on, ref);
  if (!row || !speaksFor(actor, row.organizationKey)) throw new ApiError('petition_not_found');
  return row;
}

/** The petition with this id or slug, past slugs included. Checks no access: the caller must. */
export async function findAnyHead(on: Reader, ref: string): Promise<PetitionHead | undefined> {
  const [moved] = ID.test(ref) ? [] : await byAnySlug(on, { ref });
  return headOf(on, moved?.slug ?? ref);
}

/** Read once for all signings of one petition in a commit. */
const headOf = memoized(async (on: Reader, ref: string): Promise<PetitionHead | undefined> => {
  const [row] = await (ID.test(ref) ? headById : headBySlug)(on, { ref });
  return row;
});

type Visible = {
  organizationKey: number;
  status: PetitionStatus;
  test: number;
  takedownReason: PetitionRow['takedownReason'];
};

async function visible<Row extends Visible>(
  on: Reader,
  actor: Actor,
  ref: string,
  row: Row | undefined,
): Promise<Row> {
  if (row) {
    assertVisible(actor, row);
    return row;
  }
  const [moved] = await byAnySlug(on, { ref });
  if (!moved) throw new ApiError('petition_not_found');
  assertVisible(actor, moved);
  throw new Moved(moved.slug);
}

function assertVisible(actor: Actor, petition: Visible): void {
  const isHidden = petition.status === 'draft' && !speaksFor(actor, petition.organizationKey);
  if (isHidden || isApart(actor, petition)) {
    throw new ApiError('petition_not_found');
  }
  if (petition.status === 'taken_down') throw takenDown(petition);
}
