import { localeTag } from '../common.js';
import { closed, enumOf, optional } from '../typebox.js';

export const PICTURE_THEMES = ['light', 'dark'] as const;

export const HistoryPictureQuery = closed({
  locale: optional(
    localeTag({
      description:
        'The language of its words; if absent, that of `Accept-Language`, and without that header the petition’s. Else English.',
    }),
  ),
  theme: optional(
    enumOf(PICTURE_THEMES, {
      description: 'Its colours; if absent, those that the reader’s system prefers.',
    }),
  ),
});
