import type * as Columns from '../columns.postgres.js';
import { referencesIn, type Parents } from '../references.js';

/* What the lead organization says in its own words, for each petition and language. */

/** Languages in which one petition can have own words. */
export const MOST_LANGUAGES = 30;

export function defineWordsTables(d: typeof Columns, { petitions }: Parents<'petitions'>) {
  const to = referencesIn(d);

  /** A text that is null is this server's. `{petition}` and `{organization}` are filled in when a text is shown. */
  const petitionWords = d.table(
    'petition_words',
    {
      key: d.key(),
      petitionKey: to(petitions).notNull(),
      locale: d.str().notNull(),
      /** Markdown: introduces the mail that asks to confirm a signature. */
      confirmation: d.str(),
      confirmationSubject: d.str(),
      /** Markdown: shown after signing. */
      thanks: d.str(),
      /** Rendered from `thanks` whenever that is written. */
      thanksHtml: d.str(),
      /** The button that signs. */
      button: d.str(),
      version: d.int().notNull(),
      createdAt: d.instant().notNull(),
      updatedAt: d.instant().notNull(),
    },
    (t) => [d.uniqueIndex('petition_words_locale').on(t.petitionKey, t.locale)],
  );

  return { petitionWords };
}
