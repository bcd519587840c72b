import { closed, component, CONTROLS, instant, list, matching, nullable, open } from '../typebox.js';

const MOST_WORDS = 1000;

const words = () =>
  list(
    matching(`^[^*${CONTROLS}]+\\*?$`, 50, {
      rule: 'Write a word or a few, with an asterisk at the end alone, like spam*.',
      typed: 'line',
      visible: true,
      description: 'A word, or several in this order. With `*` at the end, also longer words that begin so.',
      examples: ['spam*'],
    }),
    MOST_WORDS,
    {
      description:
        'Signatures on your petitions whose name or comment has one of these words are quarantined. Case, accents and width make no difference; parts of words do not count.',
      examples: [['spam*', 'buy now']],
    },
  );

export const WordList = component(
  'WordList',
  open(
    {
      words: words(),
      updated_at: nullable(instant({ description: 'When it was last replaced; null: never.' })),
    },
    {
      description: 'The words that an organization wants to look at.',
      examples: [{ words: ['spam*', 'buy now'], updated_at: '2026-11-23T19:04:05.678Z' }],
    },
  ),
);

export const WordListInput = component(
  'WordListInput',
  closed(
    { words: words() },
    { description: 'The whole list. An empty one ends it.', examples: [{ words: ['spam*', 'buy now'] }] },
  ),
);
