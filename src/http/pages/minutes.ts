import { lifetimeOf } from '../../core/links/random-tokens.js';
import { MINUTE_MS } from '../../time.js';

/* How long "my data" is open, as its pages say. */

/** The mailed link. */
export const LINK_MINUTES = lifetimeOf('manage') / MINUTE_MS;
/** The session that it starts. */
export const SESSION_MINUTES = lifetimeOf('session') / MINUTE_MS;
