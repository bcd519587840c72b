import { and, eq, isNull } from 'drizzle-orm';
import { ApiError, type FieldError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { readPauses } from '../brakes/pauses.js';
import { isOpenAt, statusAt } from '../petitions/petition-life.js';
import { readClause } from '../segments/clauses.js';
import type { MailingView } from './mailings.js';
import type { Finding } from './source.js';

/*
 * Whether a mailing can be sent, apart from what it says, which compiling judges. It is asked when the mailing is scheduled, for that moment, and again when it begins.
 */

/** `start`: now; `schedule`: at a moment to come, until which an organiser can still do something about it. */
export type Occasion = { kind: 'start' | 'schedule'; at: Date };

/** Throws `mailing_not_ready`, which lists all that is missing but the texts. */
export async function assertSendable(on: Reader, mailing: MailingView, occasion: Occasion): Promise<void> {
  const errors = await lacksOf(on, mailing, occasion);
  if (errors.length === 0) return;
  const all = errors.map(({ detail }) => detail).join(' ');
  throw new ApiError('mailing_not_ready', { detail: shortened(all), errors: errors.slice(0, MOST_ERRORS) });
}

/** All that is missing but the texts. */
const lacksOf = async (on: Reader, mailing: MailingView, occasion: Occasion): Promise<FieldError[]> => [
  ...(await lacksOfPetition(on, mailing, occasion)),
  ...(await lacksOfOrganization(on, mailing)),
  ...(await lacksOfSegment(on, mailing)),
  ...(occasion.kind === 'start' ? await lacksOfNow(on, mailing, occasion.at) : []),
];

/** What `assertSendable` would refuse, beside what compiling finds. */
export async function unsendable(on: Reader, mailing: MailingView, occasion: Occasion): Promise<Finding[]> {
  const where = { variant: null, locale: null, part: 'mailing' as const };
  return (await lacksOf(on, mailing, occasion)).map(({ pointer, code, detail }) => {
    const known = FINDINGS[code] ?? (pointer.startsWith('/segment') ? 'segment_unusable' : code);
    return { code: known, severity: 'error', detail, where };
  });
}

/** Their codes among findings, where the error has a pointer. */
const FINDINGS: Readonly<Record<string, string>> = {
  not_open: 'petition_not_open',
  test_email: 'test_email_missing',
  empty: 'audience_empty',
  past: 'expired',
};

const MOST_ERRORS = 50;
const LONGEST = 900;
const shortened = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text);

/** A petition that is a draft when a mailing is scheduled may be published by then; one that has ended stays so. */
async function lacksOfPetition(
  on: Reader,
  { petitionKey }: MailingView,
  { kind, at }: Occasion,
): Promise<FieldError[]> {
  if (petitionKey === null) return [];
  const { petitions: t } = on.tables;
  const [petition] = await on.db
    .select({ status: t.status, opensAt: t.opensAt, closesAt: t.closesAt })
    .from(t)
    .where(eq(t.key, petitionKey));
  if (petition && isOpenAt(petition, at)) return [];
  const isComing = petition && kind === 'schedule' && ['draft', 'published'].includes(statusAt(petition, at));
  if (isComing) return [];
  const state = petition ? statusAt(petition, at) : 'closed';
  const detail =
    state === 'draft'
      ? 'Its petition is a draft: publish it first.'
      : state === 'published'
        ? 'Its petition is not open yet.'
        : `Its petition ${kind === 'schedule' ? 'will be over by then' : 'is over'}: nobody can sign it.`;
  return [{ pointer: '/petition', code: 'not_open', detail }];
}

async function lacksOfOrganization(on: Reader, mailing: MailingView): Promise<FieldError[]> {
  const { organizationKey, petitionKey } = mailing;
  const { subscriptions, organizations, keyIsolations, apiKeys } = on.tables;
  const lacks: FieldError[] = [];
  const [organization] = await on.db
    .select({ testOf: organizations.testOf, testEmail: organizations.testEmail })
    .from(organizations)
    .where(eq(organizations.key, organizationKey));
  if (organization?.testOf != null && organization.testEmail === null) {
    const detail = 'Set `test_email` of your organization: mails of tests go there.';
    lacks.push({ pointer: '', code: 'test_email', detail });
  }
  const [subscriber] = await on.db
    .select({ key: subscriptions.key })
    .from(subscriptions)
    .where(and(eq(subscriptions.organizationKey, organizationKey), eq(subscriptions.status, 'active')))
    .limit(1);
  if (!subscriber) {
    const detail = 'Nobody has subscribed to your mails yet, so it would go to nobody.';
    lacks.push({ pointer: '/segment', code: 'empty', detail });
  }
  if (petitionKey === null) return lacks;
  const [isolated] = await on.db
    .select({ key: keyIsolations.key })
    .from(keyIsolations)
    .innerJoin(apiKeys, eq(apiKeys.key, keyIsolations.apiKeyKey))
    .where(
      and(
        eq(keyIsolations.petitionKey, petitionKey),
        eq(apiKeys.organizationKey, organizationKey),
        isNull(keyIsolations.releasedAt),
      ),
    )
    .limit(1);
  if (!isolated) return lacks;
  const detail =
    'A key of yours is isolated for its petition, so signatures that it brings would be quarantined. Release the key first.';
  return [...lacks, { pointer: '/petition', code: 'key_isolated', detail }];
}

/**
 * A petition or mailing that is no longer the organization's selects nobody, so a segment that leaves its people out would
 * select everybody.
 */
async function lacksOfSegment(on: Reader, { clause, ...owner }: MailingView): Promise<FieldError[]> {
  if (clause === null) return [];
  try {
    await readClause(on, owner, clause, '/segment');
    return [];
  } catch (error) {
    const errors = error instanceof ApiError ? error.details.errors : undefined;
    if (!errors) throw error;
    return errors.map((one) => ({ ...one, detail: `Its segment, at ${one.pointer}: ${one.detail}` }));
  }
}

async function lacksOfNow(
  on: Reader,
  { petitionKey, expiresAt }: MailingView,
  now: Date,
): Promise<FieldError[]> {
  const lacks: FieldError[] = [];
  if (expiresAt !== null && expiresAt <= now) {
    const detail = 'It has expired: schedule it with a later `expires_at`, or with null.';
    lacks.push({ pointer: '/expires_at', code: 'past', detail });
  }
  const paused = await readPauses(on);
  const isStopped = paused?.writing ?? (petitionKey === null ? undefined : paused?.signing);
  if (isStopped) {
    const detail = `The operator of this server has paused ${isStopped.what}: start it when that is over.`;
    lacks.push({ pointer: '', code: 'paused', detail });
  }
  return lacks;
}
