import { simpleParser, type ParsedMail } from 'mailparser';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Checks } from '../checks.js';
import type { SinkRecord } from './sink-faults.js';
import type { Statistics } from './trial-course.js';
import { greetingOf } from './trial-campaign.js';
import { sure, type TrialServer } from './trial-server.js';
import type { Organiser } from './trial-world.js';

/* The mails themselves: what a mail program makes of them, and what their links do. */

type Sample = { to: string; raw: string; mail: ParsedMail; invited: Organiser['invited'][number] };

const header = ({ raw }: Sample, name: string): string[] => {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ');
  return head.split('\r\n').flatMap((line) => {
    const [key = '', ...value] = line.split(':');
    return key.toLowerCase() === name.toLowerCase() ? value.join(':').trim() : [];
  });
};

const HEADERS: Record<string, RegExp> = {
  'List-Unsubscribe': /^<https:\/\/petitions\.example\/v1\/unsubscribe\/pu_[\w-]+>$/,
  'List-Unsubscribe-Post': /^List-Unsubscribe=One-Click$/,
  'List-Id': /^"Breathe Halden" <breathe-halden\.petitions\.example>$/,
  'Feedback-ID': /^mvr_\w+:mlg_\w+:org_\w+:undersigned$/,
  Precedence: /^bulk$/,
  'Message-ID': /^<[\w.-]+@meadows\.example>$/,
  Date: /\d{4} \d\d:\d\d:\d\d/,
  'MIME-Version': /^1\.0$/,
};
const LOCALES: Record<string, string> = { 'en-GB': 'en', 'de-AT': 'de', fr: 'en' };

/** What is wrong with a mail, if anything is. */
function faultsOf(sample: Sample): string[] {
  const { mail, invited, raw, to } = sample;
  const wrong = Object.entries(HEADERS).flatMap(([name, form]) => {
    const values = header(sample, name);
    return values.length === 1 && form.test(values[0] ?? '') ? [] : `${name}: ${values.join(' | ')}`;
  });
  const say = (what: string, holds: boolean) => {
    if (!holds) wrong.push(what);
  };
  const [html, text] = [String(mail.html), mail.text ?? ''];
  const locale = LOCALES[invited.locale ?? 'en'] ?? invited.locale ?? 'en';
  say('Auto-Submitted', header(sample, 'Auto-Submitted').length === 0);
  say('the language', header(sample, 'Content-Language')[0] === locale);
  say('the direction', html.includes(locale === 'ar' ? 'dir="rtl"' : 'dir="ltr"'));
  say('the recipient', [mail.to].flat()[0]?.text === to);
  say('the name', html.includes(greetingOf(invited, locale)) && !html.includes("O'Neill"));
  say('an open place', !/\{\{|\{%|\[\[|undefined|null,/.test(html + text));
  for (const [part, said] of [
    ['HTML', html],
    ['text', text],
  ] as const) {
    say(`the address in the ${part}`, said.includes(to));
    say(`the imprint in the ${part}`, said.includes('Quay Street 7'));
    say(
      `the coalition in the ${part}`,
      ['Nordic Lungs', 'Harbour Doctors'].every((one) => said.includes(one)),
    );
    say(`the campaigner in the ${part}`, said.includes('Jonas Weber'));
    say(`the statement in the ${part}`, said.includes('clean air to breathe'));
    say(
      `six references in the ${part}`,
      ['Ports', 'Grid', 'Post'].every((one) => said.includes(one)),
    );
    say(`a link to unsubscribe in the ${part}`, /unsubscribe\?token=pb_[\w-]+/.test(said));
    say(
      `share lines in the ${part}`,
      ['Facebook', 'WhatsApp', 'Bluesky'].every((one) => said.includes(one)),
    );
  }
  say(
    'a line above 998',
    raw.split('\r\n').every((line) => line.length <= 998),
  );
  return wrong;
}

async function parsed(record: SinkRecord, { invited }: Organiser): Promise<Sample[]> {
  const byEmail = new Map(invited.map((one) => [one.email, one]));
  return Promise.all(
    record.samples.map(async ({ to, raw }) => ({
      to,
      raw,
      mail: await simpleParser(Buffer.from(raw, 'latin1')),
      invited: byEmail.get(to) ?? { email: to, name: null, locale: null, country: '' },
    })),
  );
}

const CLICKS_DECIDED_MS = 14_000;

export async function lookAtMails(
  checks: Checks,
  server: TrialServer,
  organiser: Organiser,
  record: SinkRecord,
): Promise<void> {
  const samples = await parsed(record, organiser);
  const wrong = samples.flatMap((sample) =>
    faultsOf(sample).map((fault) => `${sample.invited.locale}: ${fault}`),
  );
  const languages = new Set(samples.map((sample) => header(sample, 'Content-Language')[0] ?? ''));
  checks.add(
    `${samples.length} mails parsed, in ${[...languages].sort().join(', ')}: headers, language, names, all parts`,
    samples.length > 0 && languages.size === 3 && wrong.length === 0,
    wrong.slice(0, 5).join('; '),
  );
  const [leaver, scanned] = samples;
  if (!leaver || !scanned) return;
  const statistics = (): Promise<Statistics> =>
    sure(organiser.call)('GET', `/v1/mailings/${organiser.mailing}/statistics`);
  const signatures = async () =>
    JSON.stringify(await sure(organiser.call)('GET', `/v1/petitions/${organiser.petition}/counts`));
  const local = (url: string) => url.replace('https://petitions.example', server.url);
  const subscription = async ({ to }: Sample): Promise<string> => {
    const { data } = await sure(organiser.call)('GET', `/v1/subscriptions?email=${encodeURIComponent(to)}`);
    return data[0]?.status;
  };
  const before = await statistics();
  const counted = await signatures();

  const scan = async (url: string, method: string) =>
    fetch(local(url), { method, redirect: 'manual', headers: { 'user-agent': 'LinkScan/2.1 (+bot)' } });
  const oneClick = (sample: Sample) => header(sample, 'List-Unsubscribe')[0]?.slice(1, -1) ?? '';
  const links = [
    ...new Set(
      /href="(https:\/\/petitions\.example\/l\/[^"]*)"/g[Symbol.matchAll](String(scanned.mail.html)),
    ),
  ];
  const petition = links.map(([, url]) => url ?? '').find((url) => url.includes('/pr_')) ?? '';
  const answers: string[] = [];
  for (const url of [petition, oneClick(scanned)]) {
    for (const method of ['HEAD', 'GET']) answers.push(String((await scan(url, method)).status));
  }
  const leaving = await fetch(local(oneClick(leaver)), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'List-Unsubscribe=One-Click',
  });
  // Clicks are counted when it is decided whose they were.
  await sleep(CLICKS_DECIDED_MS);
  const after = await statistics();
  const grown = (figure: string) => Number(after[figure]) - Number(before[figure]);
  checks.add(
    `a scanner gets ${answers.join(', ')} for a petition link and a link to unsubscribe, and changes nothing`,
    answers[1] === '302' &&
      (await subscription(scanned)) === 'active' &&
      (await signatures()) === counted &&
      grown('signatures') === 0 &&
      grown('clicks') === 0,
    `${await subscription(scanned)}, ${grown('clicks')} clicks`,
  );
  checks.add(
    `it is ${grown('machine_clicks')} machine click in the statistics`,
    grown('machine_clicks') === 1,
  );
  checks.add(
    `one click (${leaving.status}) unsubscribes, and is counted`,
    leaving.status < 300 && grown('unsubscribed') === 1 && (await subscription(leaver)) === 'unsubscribed',
    `${grown('unsubscribed')} in the statistics, ${await subscription(leaver)}`,
  );
  const log = server.log();
  checks.add('no address and no token in the log', !/@(?:d\d|large)|\b(?:p[rub]|sk)_[\w-]{20}/.test(log));
}
