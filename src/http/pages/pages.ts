import type { FastifyPluginCallback } from 'fastify';
import type { Context } from '../../core/context.js';
import type { Verbs } from '../../core/verbs/verbs.js';
import { confirmPages } from './confirm.js';
import { deliveryPages } from './delivery.js';
import { emailPages, unsubscribePages } from './links.js';
import { myDataPages } from './my-data.js';
import { setUpPages } from './setup.js';
import { sharePages } from './thanks.js';
import type { Site } from './visit.js';

/** Plain pages behind links in mails, for installations that have not set their own (`LINK_…` settings). */
export const pageRoutes =
  (ctx: Context, verbs: Verbs, site: Site, deliveries: string): FastifyPluginCallback =>
  (app, _options, done) => {
    setUpPages(app, site, ctx.store.explain);
    confirmPages(app, ctx, verbs, site);
    sharePages(app, ctx, site);
    unsubscribePages(app, ctx, site);
    emailPages(app, ctx, site);
    myDataPages(app, ctx, site);
    deliveryPages(app, ctx, site, deliveries);
    done();
  };
