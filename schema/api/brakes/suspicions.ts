import { SIGNALS } from '../../db/tables/brakes.js';
import { component, enumOf, int, list, open } from '../typebox.js';

export const signal = () =>
  enumOf(SIGNALS, {
    description:
      'What was odd: a field that people do not see was filled in; sent within two seconds; no form of ours; a throw-away mailbox; another spelling of a mailbox that has signed; many addresses from one network; a link in the name; a key that is set apart; vouched for beyond what its partnership allows in a day; a network that is set apart for a key.',
  });

export const Suspicion = component(
  'Suspicion',
  open(
    {
      score: int(0, 1000, { description: 'The sum of their points: from 60 on it is quarantined.' }),
      signals: list(signal(), SIGNALS.length, { description: 'All that was odd.' }),
    },
    {
      description: 'Why a signature was quarantined.',
      examples: [{ score: 70, signals: ['no_form', 'disposable_domain'] }],
    },
  ),
);
