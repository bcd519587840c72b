import { lifetimeOf, renewTokens } from '../links/random-tokens.js';
import type { Cap, Draft, Plan } from './draft.js';
import { tokenFor } from './letter-parts.js';
import { DAY_MS, MINUTE_MS } from '../../time.js';

/** Mails a link to "my data", the supporter's own pages. */
export async function manage(draft: Draft, further?: Cap): Promise<Plan> {
  const { ctx, tx, mail, supporter } = draft;
  return {
    template: 'manage',
    kind: 'manage',
    locale: mail.locale ?? 'en',
    organizationKey: null,
    ...(further ? { atMost: [further] } : {}),
    // Anyone can request this mail, and using up the cap must not lock the owner out: the links already mailed work
    // longer.
    whenCapped: () => renewTokens(tx, 'manage', supporter.key, DAY_MS),
    async fill() {
      const token = await tokenFor(draft, 'manage');
      return { link: ctx.links.to('manage', token), minutes: lifetimeOf('manage') / MINUTE_MS };
    },
  };
}
