import type { Checks } from '../checks.js';
import type { SinkRecord } from './sink-faults.js';
import type { Course, Statistics, Watch } from './trial-course.js';
import { sure } from './trial-server.js';
import { importAgain, type Organiser } from './trial-world.js';

/* The record of the mail server against what the API says, person by person. */

type Listed = { email: string; state: string; reason: string | null; attempts: number };

/** Who is listed by name, in all states that are. Whoever of the audience is not in it has been sent the mail. */
async function listed({ call, mailing }: Organiser): Promise<Map<string, Listed>> {
  const found = new Map<string, Listed>();
  const states = ['uncertain', 'failed', 'skipped', 'deferred'].map((state) => `state=${state}`).join('&');
  for (let cursor: string | null = ''; cursor !== null;) {
    const from = cursor === '' ? '' : `&cursor=${cursor}`;
    const page: { data: Listed[]; next_cursor: string | null } = await sure(call)(
      'GET',
      `/v1/mailings/${mailing}/recipients?${states}&limit=100${from}`,
    );
    for (const one of page.data) found.set(one.email, one);
    cursor = page.next_cursor;
  }
  return found;
}

const some = (emails: readonly string[]): string =>
  `${emails.length}: ${emails.slice(0, 5).join(' ')}${emails.length > 5 ? ' …' : ''}`;

type Audited = { organiser: Organiser; course: Course; watched: Watch; record: SinkRecord };

export async function audit(checks: Checks, { organiser, course, watched, record }: Audited): Promise<void> {
  const { call, mailing, invited, blocked } = organiser;
  const statistics: Statistics = await sure(call)('GET', `/v1/mailings/${mailing}/statistics`);
  const named = await listed(organiser);
  const stateOf = (email: string) => named.get(email)?.state ?? 'sent';
  const audience = invited.flatMap(({ email }) => (blocked.get(email) === 'absent' ? [] : email));
  const mustSkip = audience.filter((email) => blocked.has(email) || course.left.has(email));
  const members = new Set(audience);
  const inState = (state: string) => audience.filter((email) => stateOf(email) === state);
  const taken = new Map<string, number>();
  for (const { to } of record.taken) taken.set(to, (taken.get(to) ?? 0) + 1);
  const refused = new Map(record.refused.map(({ to, at }) => [to, at]));
  const none = (what: string, emails: readonly string[]) =>
    checks.add(what, emails.length === 0, some(emails));

  none(
    `${record.taken.length} mails taken, of ${taken.size} people: nobody twice`,
    [...taken].flatMap(([email, n]) => (n > 1 ? email : [])),
  );
  none(
    'each is sent or uncertain',
    [...taken.keys()].filter((email) => !['sent', 'uncertain'].includes(stateOf(email))),
  );
  none(
    'each is of the audience',
    [...taken.keys()].filter((email) => !members.has(email)),
  );
  const sent = inState('sent');
  none(
    `${sent.length} sent: each was taken`,
    sent.filter((email) => !taken.has(email)),
  );
  const uncertain = inState('uncertain');
  const arrived = uncertain.filter((email) => taken.has(email)).length;
  const interrupted = uncertain.filter((email) => named.get(email)?.reason === 'interrupted').length;
  const unexplained = [...named.values()].filter(
    ({ state, reason }) => state !== 'deferred' && reason === null,
  );
  none(
    `${audience.length - taken.size} have no mail: they are uncertain, failed or skipped`,
    audience.filter((email) => !taken.has(email) && stateOf(email) === 'sent'),
  );
  none(
    `${uncertain.length} uncertain (${interrupted} interrupted), of which ${arrived} have arrived: each has its reason`,
    unexplained.map(({ email }) => email),
  );
  const failed = inState('failed');
  none(
    `${failed.length} failed: each was refused for good`,
    failed.filter((email) => !refused.has(email)),
  );
  none(
    `${refused.size} refused for good: each is failed, or uncertain`,
    [...refused.keys()].filter((email) => !['failed', 'uncertain'].includes(stateOf(email))),
  );
  none(
    'nobody who was refused for good has the mail',
    [...refused.keys()].filter((email) => taken.has(email)),
  );
  const skipped = inState('skipped');
  none(
    `${skipped.length} skipped: none has the mail, and nobody else was to be`,
    skipped.filter((email) => !mustSkip.includes(email) || taken.has(email)),
  );
  none(
    `${course.left.size} left while it was paused, ${mustSkip.length - course.left.size} were blocked unknown to the organization: each is skipped, with the reason`,
    mustSkip.filter((email) => {
      const { state, reason } = named.get(email) ?? {};
      // Under way in a process that was killed before: that they left comes too late, and changes nothing.
      if (state === 'uncertain' && reason === 'interrupted') return false;
      return state !== 'skipped' || reason !== (course.left.get(email) ?? 'do_not_contact');
    }),
  );
  none(
    `${blocked.size} must not be contacted: none has the mail`,
    [...blocked.keys()].filter((email) => taken.has(email)),
  );
  none('nothing is left', inState('deferred'));
  const noUser = failed.filter((email) => refused.get(email) === 'rcpt');
  checks.add(
    `${noUser.length} failed for want of a mailbox: the statistics say so`,
    statistics['bounced'] === noUser.length,
    String(statistics['bounced']),
  );
  const again = await importAgain(organiser, noUser.slice(0, 1000));
  checks.add(
    'they get no more mail',
    again.skipped.length === Math.min(1000, noUser.length) &&
      again.skipped.every((one) => one.startsWith('do_not_contact')),
    `${again.created} could be imported again`,
  );
  checkSums(checks, statistics, audience.length, inState);
  none(
    `${record.messageIds.length} people for whom a message came, some several times: each always had the same Message-ID`,
    record.messageIds.flatMap(([email, ids]) => (ids.length === 1 && ids[0] !== '' ? [] : email)),
  );
  const ids = new Set(record.messageIds.flatMap(([, each]) => each));
  checks.add('and a different one', ids.size === record.messageIds.length);
  checks.add(`the sums balanced at ${watched.looks} looks`, watched.wrong.length === 0, watched.wrong[0]);
  checks.add(
    `all of this happened: ${course.happened.join('; ')}`,
    course.wrong.length === 0,
    course.wrong.join('; '),
  );
}

function checkSums(
  checks: Checks,
  { audience, states, variants }: Statistics,
  expected: number,
  inState: (state: string) => string[],
): void {
  const said = JSON.stringify(states);
  checks.add(`the audience was ${audience}`, audience === expected, `not ${expected}`);
  const counted = Object.entries(states).every(([state, n]) => n === inState(state).length);
  checks.add(`the states are those of the list: ${said}`, counted);
  const byVariant = variants.map((one) => one.states['sent'] ?? 0);
  const sum = byVariant.reduce((a, b) => a + b, 0);
  checks.add(`sent by wording: ${byVariant.join(' and ')}`, sum === states['sent']);
}
