import type { FastifyPluginCallback } from 'fastify';
import type { Context } from '../../core/context.js';
import type { Locales } from '../../mail/locales.js';
import { confirmPages, emailPages, unsubscribePages } from './links.js';
import { myDataPages } from './my-data.js';
import { setUpPages } from './setup.js';

/** Plain pages behind links in mails, for installations that have not set their own (`LINK_…` settings). */
export const pageRoutes =
  (ctx: Context, locales: Locales): FastifyPluginCallback =>
  (app, _options, done) => {
    setUpPages(app, locales, ctx.store.explain);
    confirmPages(app, ctx, locales);
    unsubscribePages(app, ctx, locales);
    emailPages(app, ctx, locales);
    myDataPages(app, ctx, locales);
    done();
  };
