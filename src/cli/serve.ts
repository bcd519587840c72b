import closeWithGrace from 'close-with-grace';
import { loadConfig } from '../config.js';
import { installDemo, welcome } from '../demo/install.js';
import { describeError } from '../errors.js';

/** Longer than any request may take. */
const DRAIN_MS = 20_000;

export async function serveCommand(): Promise<void> {
  // A wrong configuration is reported before the whole server is loaded.
  const config = loadConfig();
  const { startServer } = await import('../server.js');
  const { app, url, migrated, say, stop } = await startServer(config);
  closeWithGrace({ delay: DRAIN_MS, logger: false }, async ({ err }) => {
    if (err) app.log.fatal({ error: describeError(err) }, 'ending after an unexpected error');
    await stop();
  });
  const demo = config.DEMO ? await installDemo(app.ctx) : undefined;
  const engine = app.ctx.store.engine === 'sqlite' ? 'SQLite' : 'PostgreSQL';
  say(`Undersigned listens on ${url} (${engine}${migrated > 0 ? ', migrated' : ''})`);
  say(`  API document  ${url}/docs  ${url}/openapi.yaml`);
  if (demo) say(welcome(url, demo));
}
