import { and, eq } from 'drizzle-orm';
import fc from 'fast-check';
import type { MailingState } from '../../../schema/db/tables/mailings.js';
import * as life from '../../../src/core/mailings/life.js';
import { scheduleMailing, startDue } from '../../../src/core/mailings/schedule.js';
import { startMailing } from '../../../src/core/mailings/starting.js';
import { authenticate } from '../../../src/core/organization/api-keys.js';
import { judgeMailing } from '../../../src/core/sending/breaker.js';
import { endMailings } from '../../../src/core/sending/ending.js';
import { resendUncertain } from '../../../src/core/sending/recipients.js';
import { ApiError } from '../../../src/errors.js';
import { onEveryEngine, start } from '../../support/helper.js';
import {
  addRecipients,
  compile,
  draft,
  moveRecipients,
  setMailing,
  subscribers,
  sumsOf,
  type MadeMailing,
} from '../../support/mailing-rows.js';

/** Which states may follow each other, whoever causes it. */
const NEXT: Record<MailingState, readonly MailingState[]> = {
  draft: ['scheduled', 'building'],
  scheduled: ['scheduled', 'draft', 'building', 'missed', 'cancelled'],
  missed: ['scheduled', 'draft', 'building', 'cancelled'],
  building: ['running', 'paused', 'cancelled', 'done'],
  running: ['paused', 'deciding', 'cancelled', 'done'],
  deciding: ['running', 'paused', 'cancelled', 'done'],
  paused: ['building', 'running', 'deciding', 'cancelled'],
  done: ['running'],
  cancelled: [],
};

/** States that can be reached from one in at most so many moves. */
function reachable(from: MailingState, moves: number): Set<MailingState> {
  let found = new Set([from]);
  for (let i = 0; i < moves; i += 1) {
    found = new Set([...found, ...[...found].flatMap((state) => NEXT[state])]);
  }
  return found;
}

const MOVES = [
  'start', 'schedule', 'unschedule', 'pause', 'resume', 'cancel', 'resend',
  'build', 'send', 'lose', 'bounce', 'finish', 'due', 'end', 'hour', 'day',
] as const; // prettier-ignore
type Step = (typeof MOVES)[number];

onEveryEngine(
  'whoever moves a mailing, and when: its states follow the rules, and its sums balance',
  async (t, engine) => {
    const api = await start(t, engine);
    const { ctx } = api.app;
    const lead = await api.organization('River Meadows');
    const actor = await authenticate(ctx, lead.secret);
    const people = await subscribers(
      api,
      lead.secret,
      ['a', 'b', 'c', 'd'].map((name) => `${name}@example.org`),
    );
    const { mailings: m } = api.store.tables;
    let now = new Date('2026-12-01T09:00:00Z');
    const stateOf = async (key: number) => {
      const [row] = await api.store.read.db.select({ state: m.state }).from(m).where(eq(m.key, key));
      return row?.state ?? 'draft';
    };
    /** What the workers do, each on the condition of the state. */
    const work = (
      mailing: MadeMailing,
      from: MailingState,
      to: MailingState | undefined,
      then: Parameters<typeof api.store.transact>[0],
    ) =>
      api.store.transact(async (tx) => {
        const isThere = and(eq(m.key, mailing.key), eq(m.state, from));
        const rows = await tx.db
          .update(m)
          .set({ state: to ?? from })
          .where(isThere)
          .returning({ key: m.key });
        if (rows.length > 0) await then(tx);
      });
    const run = async (mailing: MadeMailing, step: Step): Promise<unknown> => {
      const { id } = mailing;
      switch (step) {
        case 'start':
          return startMailing(ctx, actor, id, compile);
        case 'schedule': {
          const at = (ms: number) => new Date(now.getTime() + ms).toISOString();
          return scheduleMailing(
            ctx,
            actor,
            id,
            { sendAt: at(1_800_000), expiresAt: at(20_000_000) },
            compile,
          );
        }
        case 'unschedule':
          return life.unscheduleMailing(ctx, actor, id);
        case 'pause':
          return life.pauseMailing(ctx, actor, id);
        case 'resume':
          return life.resumeMailing(ctx, actor, id);
        case 'cancel':
          return life.cancelMailing(ctx, actor, id);
        case 'resend':
          return resendUncertain(ctx, actor, id, 'all');
        case 'build':
          return work(mailing, 'building', 'running', (tx) => addRecipients(tx, mailing, people));
        case 'send':
          return work(mailing, 'running', undefined, (tx) =>
            moveRecipients(tx, mailing, 'queued', 'sent', 1),
          );
        case 'lose':
          return work(mailing, 'running', undefined, (tx) =>
            moveRecipients(tx, mailing, 'queued', 'uncertain', 1),
          );
        case 'bounce':
          return work(mailing, 'running', undefined, async (tx) => {
            await moveRecipients(tx, mailing, 'queued', 'failed', 1);
            await judgeMailing(tx, mailing.key);
          });
        case 'finish':
          return work(mailing, 'running', undefined, async (tx) => {
            if ((await moveRecipients(tx, mailing, 'queued', 'queued', 1)) === 0) {
              await tx.db.update(m).set({ state: 'done', finishedAt: tx.now }).where(eq(m.key, mailing.key));
            }
          });
        case 'due':
          return startDue(ctx, compile);
        case 'end':
          return endMailings(ctx);
        case 'hour':
        case 'day':
          now = new Date(now.getTime() + (step === 'hour' ? 2_000_000 : 86_400_000));
          return api.setClock(now);
      }
    };
    api.setClock(now);
    const policy = { breaker: { after: 2, bounces: 40 } };
    await api.call('PUT', '/v1/organization/sending-policy', { key: lead.secret, body: policy });
    const seen = new Set<MailingState>();

    const pair = fc.uniqueArray(fc.constantFrom(...MOVES), { minLength: 1, maxLength: 3 });
    // Where chance alone hardly comes.
    const begin = fc.constantFrom<Step[][]>(
      [],
      [['start'], ['build']],
      [['schedule'], ['hour'], ['due'], ['build']],
      [['schedule'], ['day'], ['due']],
      [['start'], ['build'], ['lose', 'send', 'bounce'], ['send', 'lose'], ['finish']],
    );
    await fc.assert(
      fc.asyncProperty(begin, fc.array(pair, { minLength: 4, maxLength: 14 }), async (first, steps) => {
        const mailing = await draft(api, lead);
        for (const together of [...first, ...steps, ['end' as const], ['end' as const]]) {
          const before = await stateOf(mailing.key);
          const results = await Promise.allSettled(together.map((step) => run(mailing, step)));
          for (const result of results) {
            if (result.status === 'rejected' && !(result.reason instanceof ApiError)) throw result.reason;
          }
          const after = await stateOf(mailing.key);
          seen.add(after);
          if (!reachable(before, together.length).has(after)) {
            throw new Error(`from ${before} to ${after} by ${together.join(' and ')}`);
          }
          const { tallies, rows } = await sumsOf(api, mailing.key);
          t.strictSame(tallies, rows, `the sums balance after ${together.join(' and ')}`);
        }
        const [row] = await api.store.read.db.select().from(m).where(eq(m.key, mailing.key));
        const { rows } = await sumsOf(api, mailing.key);
        const isEnded = row?.state === 'done' || row?.state === 'cancelled';
        if (isEnded && (row.finishedAt === null || 'queued' in rows)) {
          throw new Error('it has not come to rest');
        }
        await setMailing(api, mailing.key, { state: 'cancelled', finishedAt: now });
      }),
      { numRuns: 25, endOnFailure: true },
    );
    t.comment([...seen].sort().join(' '));
  },
);
