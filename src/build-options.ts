import type { Resolver } from 'node:dns/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { Config } from './config.js';
import type { Context } from './core/context.js';
import type { LivePace } from './core/live/live-counts.js';
import type { Verbs } from './core/verbs/verbs.js';
import type { ContextOptions } from './create-context.js';
import type { Arrival } from './http/bounds.js';
import type { LiveOptions } from './http/live/live-streams.js';
import type { Locales } from './mail/locales.js';

/** What the HTTP server is built from. */
export type BuildOptions = ContextOptions & {
  config: Pick<Config, 'trustProxy' | 'limits'> &
    Partial<
      Pick<
        Config,
        | 'MAIL_FROM'
        | 'MAIL_DKIM_DOMAIN'
        | 'MAIL_DKIM_SELECTOR'
        | 'MAIL_DKIM_KEY_FILE'
        | 'MAIL_WEBHOOK_SECRET'
        | 'LIVE_LISTENERS'
        | 'REDIS_URL'
        | 'MAX_WAITING'
        | 'MAX_WAIT_MS'
        | 'secretKeysInDocs'
        | 'installation'
        | 'SECURITY_CONTACT'
        | 'DELIVERIES_FOLDER'
      >
    >;
  /** Runs what many people call at once somewhere else; in place if absent. */
  verbs?: ((ctx: Context) => Verbs) | undefined;
  /** The languages of pages; the built-in ones if absent. */
  locales?: Locales;
  /** The script of the widget; the one that `npm run build` makes if absent. */
  widget?: URL;
  /** For tests, whose pictures lie on this machine. */
  pictures?: { loopback?: boolean };
  /** For tests, which answer for the DNS. */
  resolver?: Pick<Resolver, 'resolveMx' | 'resolveTxt'>;
  /** For tests of limits, and tests that need short times. */
  live?: Partial<LiveOptions & LivePace>;
  /** For tests that need short times. */
  transfers?: { stallMs?: number };
  /** For tests that need short times. */
  arrival?: Arrival;
  /** Whether all requests come through workers. */
  behindWorkers?: boolean;
  logger?: FastifyBaseLogger;
};
