import { renewTokens } from '../links/random-tokens.js';
import type { Cap, Draft, Plan } from './draft.js';
import { tokenFor } from './letter-parts.js';

const DAY = 86_400_000;

/** Lets the reader into their own data, whatever they have asked for under their address. */
export async function manage(draft: Draft, further?: Cap): Promise<Plan> {
  const { ctx, tx, mail, supporter } = draft;
  return {
    template: 'manage',
    kind: 'manage',
    locale: mail.locale ?? 'en',
    organizationKey: null,
    ...(further ? { atMost: [further] } : {}),
    // Anybody can ask for this mail: whoever uses it up must not keep its owner out.
    whenCapped: () => renewTokens(tx, 'manage', supporter.key, DAY),
    async fill() {
      const token = await tokenFor(draft, 'manage');
      return { link: ctx.links.to('manage', token), minutes: 30 };
    },
  };
}
