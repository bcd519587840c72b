import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* Segments: whom an organization writes to, as conditions on its subscribers. */

/** The most conditions in one segment, those inside others included. */
export const MOST_CLAUSES = 50;

/** Conditions that combine others, and conditions on one subscriber. Checked by `schema/api/segments/segments.ts`. */
export type Clause =
  | { all: Clause[] }
  | { any: Clause[] }
  | { not: Clause }
  /** Public ids of petitions; `since` and `until` are instants as texts. */
  | { signed: { petition: string; since?: string; until?: string } }
  | { subscribed: { since?: string; until?: string } }
  | { country: string[] }
  | { region: string[] }
  | { locale: string[] }
  | { source: string[] }
  | { frequency: string[] }
  /** Has signed through a link of this mailing. */
  | { came_by: { mailing: string } }
  /** Got this mailing, or any mailing within this many days. */
  | { mailed: { mailing: string } | { within_days: number } }
  /** The same people for the same seed, a share in percent. */
  | { sample: { percent: number; seed?: string } };

export function defineSegmentsTables(d: typeof Columns, parents: Parents<'organizations'>) {
  const { organizations } = parents;
  const to = referencesIn(d);

  const segments = d.table(
    'segments',
    {
      key: d.key(),
      publicId: d.publicId('seg').notNull().unique(),
      organizationKey: to(organizations).notNull(),
      name: d.str().notNull(),
      clause: d.json<Clause>().notNull(),
      version: d.int().notNull().default(1),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    (t) => [d.index('segments_organization').on(t.organizationKey, t.key)],
  );

  return { segments };
}
