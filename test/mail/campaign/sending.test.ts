import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { mailingJournalFile } from '../../../src/mailing-journal-file.js';
import { smtpWire } from '../../../src/mail/campaign/wire.js';
import { MailingWorker, type CampaignOptions } from '../../../src/mail/campaign/worker.js';
import type { Context } from '../../../src/core/context.js';
import { onEveryEngine, start } from '../../support/helper.js';
import { startMailServer, type MailServer } from '../../support/mail-server.js';
import { runningMailing, stateOf, sumsOf } from '../../support/mailing-world.js';
import { until } from '../../support/until.js';

type Line = { level: string; values: Record<string, unknown>; message: string };

export function startMailings(
  t: Test,
  ctx: Context,
  server: MailServer,
  options: Partial<CampaignOptions> = {},
): { worker: MailingWorker; lines: Line[] } {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-test-'));
  const lines: Line[] = [];
  const at = (level: string) => (values: Record<string, unknown>, message: string) =>
    void lines.push({ level, values, message });
  const worker = new MailingWorker({
    ctx,
    from: 'petitions@meadows.example',
    bounceAddress: 'bounces@meadows.example',
    wire: smtpWire({ url: server.url }),
    journal: mailingJournalFile(join(folder, 'mailings.log')),
    connections: 5,
    logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    ...options,
    times: { pollMs: 20, sweepMs: 50, pauseMs: 50, ...options.times },
  }).start();
  t.teardown(async () => {
    await worker.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return { worker, lines };
}

onEveryEngine('a mailing is sent once to each', async (t, engine) => {
  const api = await start(t, engine);
  const server = await startMailServer(t);
  const { key } = await api.organization('Meadows');
  const people = Array.from({ length: 450 }, (_, i) => ({
    email: `p${i}@d${i % 40}.example`,
    name: `Zoë${i} Ö`,
  }));
  const { mailingKey } = await runningMailing(api.store, key, people);
  const { lines } = startMailings(t, api.app.ctx, server);
  await until(async () => (await stateOf(api.store, mailingKey)).state === 'done', 'that it is done');
  t.same(await sumsOf(api.store, mailingKey), { sent: 450 });
  t.same(server.received.flatMap(({ to }) => to).sort(), people.map(({ email }) => email).sort());
  t.same(lines, []);
  t.match(server.received[0], { mail: { subject: /^Keep the meadows, Zoë\d+$/ } });
  t.equal(new Set(server.received.map(({ mail }) => mail.messageId)).size, 450);
});
