import { SIGNALS } from '../../db/tables/brakes.js';
import { component, enumOf, int, list, open } from '../typebox.js';

export const signal = () =>
  enumOf(SIGNALS, {
    description:
      'A reason for suspicion. `honeypot`: a hidden field was filled in; `too_fast`: sent within two seconds; `no_form`: without a valid `form_token`; `disposable_domain`: a throw-away mailbox; `alias_of_signer`, `many_spellings`: another spelling of a mailbox that has signed; `many_from_one_network`: many addresses from one network; `link_in_name`: a link in the name; `isolated_key`: an isolated key; `vouch_limit`: vouched for beyond the daily limit of the partnership; `isolated_network`: a network that is isolated for a key; `listed_word`: a word of your list in name or comment.',
  });

export const Suspicion = component(
  'Suspicion',
  open(
    {
      score: int(0, 1000, {
        description: 'The sum of the points of all signals: from 60 on it is quarantined.',
      }),
      signals: list(signal(), SIGNALS.length, { description: 'All reasons for suspicion.' }),
    },
    {
      description: 'Why a signature was quarantined.',
      examples: [{ score: 70, signals: ['no_form', 'disposable_domain'] }],
    },
  ),
);
