import { PETITION_STATUSES } from '../../db/tables/petitions.js';
import { REF_RULE, externalId, paging, typedLocale } from '../common.js';
import { closed, enumOf, line, list, matching, optional } from '../typebox.js';

const PETITION_SORTS = ['-created_at', 'created_at', '-confirmed', 'confirmed', '-total', 'total'] as const;

export const PetitionQuery = closed({
  ...paging,
  q: optional(
    line(200, {
      description: 'Words that must all occur in title or statement; case and accents do not matter.',
      examples: ['meadow depot'],
    }),
  ),
  status: optional(
    list(enumOf(PETITION_STATUSES), 5, {
      description:
        'Any of these; repeat it for several. Drafts and petitions that were taken down: only your own.',
    }),
  ),
  locale: optional(
    typedLocale({
      description:
        'Only petitions that there are in this language, in it. BCP 47 language tag: `pt_br` is taken for `pt-BR`.',
    }),
  ),
  organization: optional(
    matching('^[a-z0-9_-]+$', 100, {
      rule: REF_RULE,
      description: 'Id or slug of the lead organization.',
    }),
  ),
  external_id: optional(externalId('petition')),
  sort: optional(enumOf(PETITION_SORTS, { description: 'Latest first (`-created_at`) if absent.' })),
});

export const PetitionLocaleQuery = closed({
  locale: optional(
    typedLocale({
      description:
        'The language to read it in: the closest that there is of it, `pt` for `pt-BR`; else the one that it was written in.',
    }),
  ),
});
