import { Webhook } from 'standardwebhooks';
import { mailing, people, PETITION, type Invited } from './trial-campaign.js';
import { caller, sure, type Call, type TrialServer } from './trial-server.js';

/* What an organiser does before and while a mailing goes out: all of it through the API, but for the first admin key. */

export const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;

/**
 * How many must not be contacted before the start. Half of them are known before the import: it takes them, since an
 * organization must not learn that others may not mail them, and the mailing skips them.
 */
const BLOCKED = 20;
const PART = 1000;

export type Organiser = {
  call: Call;
  invited: Invited[];
  /** Who must not get the mail, known before it starts: whether the mailing skips them, or they are not among its audience. */
  blocked: Map<string, 'skipped' | 'absent'>;
  petition: string;
  mailing: string;
  variants: string[];
  consentText: string;
  said: string[];
};

/** Bounces and complaints, as a mail provider reports them. */
export async function reportEvents(
  server: TrialServer,
  type: 'bounce' | 'complaint',
  emails: readonly string[],
): Promise<void> {
  const events = emails.map((email) => ({ type, email, ...(type === 'bounce' ? { bounce: 'hard' } : {}) }));
  const body = JSON.stringify({ events });
  const [id, at] = [`msg_${process.hrtime.bigint()}`, new Date()];
  await sure(caller(server.url, ''))('POST', '/v1/mail-events', body, {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(WEBHOOK_SECRET.slice('whsec_'.length)).sign(id, at, body),
  });
}

async function organizations(server: TrialServer): Promise<{ call: Call; petition: string }> {
  const admin = /\bak_[0-9A-Za-z]+\b/.exec(server.command('admin-keys', 'create', '--name', 'Trial'))?.[0];
  const made = async (body: object) => {
    const answer = await sure(caller(server.url, admin ?? ''))('POST', '/v1/organizations', body);
    return { id: answer.organization.id as string, call: caller(server.url, answer.api_key.token) };
  };
  const lead = await made({
    name: 'Breathe Halden',
    slug: 'breathe-halden',
    url: 'https://breathe-halden.example',
    imprint: 'Breathe Halden, Quay Street 7, Halden',
    reply_to: 'hello@breathe-halden.example',
  });
  const partner = await made({ name: 'Nordic Lungs', slug: 'nordic-lungs', url: 'https://lungs.example' });
  const petition = await sure(lead.call)('POST', '/v1/petitions', PETITION);
  const path = `/v1/petitions/${petition.id}`;
  await sure(lead.call)('POST', `${path}/transitions`, { to: 'published' });
  const invitation = { organization: partner.id, lead_sees: 'full' };
  const { id } = await sure(lead.call)('POST', `${path}/partners`, invitation);
  await sure(partner.call)('POST', `/v1/partnerships/${id}/accept`, { lead_sees: 'full' });
  return { call: lead.call, petition: petition.id };
}

/** Names come with the signatures on paper; who subscribed on a list has none. */
async function signOnPaper(call: Call, petition: string, invited: readonly Invited[]): Promise<void> {
  const lines = invited.flatMap(({ email, name, country }) =>
    name === null ? [] : JSON.stringify({ email, name, country }),
  );
  const answer = await sure(call)('POST', `/v1/signatures/import?petition=${petition}`, lines.join('\n'), {
    'content-type': 'application/x-ndjson',
  });
  if (answer.problems?.length > 0) throw new Error(`signatures: ${JSON.stringify(answer.problems[0])}`);
}

async function subscribe(call: Call, consentText: string, invited: readonly Invited[]) {
  const sum = { created: 0, skipped: [] as string[] };
  for (let at = 0; at < invited.length; at += PART) {
    const part = invited.slice(at, at + PART);
    const answer = await sure(call)('POST', '/v1/subscriptions/import', {
      consent_text_id: consentText,
      evidence: { source: 'Street stall, Halden', collected_at: '2026-06-21T14:00:00Z' },
      rows: part.map(({ email, locale }) => ({ email, ...(locale === null ? {} : { locale }) })),
    });
    sum.created += answer.created;
    for (const { row, code } of answer.skipped) sum.skipped.push(`${code} ${part[row]?.email}`);
  }
  return sum;
}

/** Who would be skipped for which reason, if they were imported again. */
export const importAgain = (
  { call, consentText }: Organiser,
  emails: readonly string[],
): ReturnType<typeof subscribe> =>
  subscribe(
    call,
    consentText,
    emails.map((email) => ({ email, name: null, locale: null, country: '' })),
  );

async function write(
  call: Call,
  petition: string,
  said: string[],
): Promise<{ id: string; variants: string[] }> {
  const { id, variants } = await sure(call)('POST', '/v1/mailings', mailing(petition));
  for (const { id: variant } of variants) {
    for (const locale of ['en', 'de', 'ar']) {
      for (const person of ['example', 'unnamed']) {
        const seen = await sure(call)('POST', `/v1/mailings/${id}/preview`, {
          variant_id: variant,
          locale,
          ...(person === 'unnamed' ? { person } : {}),
        });
        if (/\{\{|\[\[/.test(seen.html + seen.text)) {
          throw new Error(`${locale}: something was not filled in`);
        }
      }
    }
  }
  const { ready, findings } = await sure(call)('GET', `/v1/mailings/${id}/check`);
  if (!ready) throw new Error(`it cannot be started: ${JSON.stringify(findings)}`);
  const codes = findings.map(({ code }: { code: string }) => code);
  said.push(
    `12 previews; the check says it is ready, with ${codes.length} warnings (${[...new Set(codes)].join(', ')})`,
  );
  return { id, variants: variants.map((one: { id: string }) => one.id) };
}

export async function prepare(server: TrialServer, mails: number): Promise<Organiser> {
  const invited = people(mails);
  const blocked = invited.filter((_, i) => i % Math.floor(mails / BLOCKED) === 3).map(({ email }) => email);
  const said: string[] = [];
  const { call, petition } = await organizations(server);
  const text = 'Breathe Halden may e-mail me about its campaigns. I can leave at any time.';
  const { id: consentText } = await sure(call)('POST', '/v1/consent-texts', { locale: 'en', text });
  await signOnPaper(call, petition, invited);
  const [before, after] = [blocked.slice(0, BLOCKED / 2), blocked.slice(BLOCKED / 2)];
  await reportEvents(server, 'complaint', before);
  const { created, skipped } = await subscribe(call, consentText, invited);
  await reportEvents(server, 'bounce', after);
  said.push(`${created} subscribers imported, ${skipped.length} skipped; ${after.length} blocked afterwards`);
  // What fails here would pause it: that is not what is tried.
  const breaker = { bounces: 100, complaints: 100, unsubscribes: 100 };
  await sure(call)('PUT', '/v1/organization/sending-policy', { breaker });
  const { id, variants } = await write(call, petition, said);
  await sure(call)('POST', `/v1/mailings/${id}/start`, undefined, { 'idempotency-key': 'trial' });
  const blockedAs = new Map([
    ...before.map((email) => [email, 'skipped'] as const),
    ...after.map((email) => [email, 'absent'] as const),
  ]);
  return { call, invited, blocked: blockedAs, petition, mailing: id, variants, consentText, said };
}
