import { simpleParser, type HeaderValue, type ParsedMail } from 'mailparser';
import type { Failure } from '../sending/verdicts.js';

/*
 * Reads what comes back to the envelope sender of a mailing: delivery status notifications (RFC 3464), feedback reports
 * (RFC 5965), and the two older forms without such a part that are still met, those of qmail and Exim. The words for
 * people are never read, so the language does not matter.
 */

/** Why a mail reports nothing. `delivered`: it says that the mail arrived; `delayed`: that it is still tried. */
export type NoReport = 'unreadable' | 'auto_reply' | 'no_report' | 'delivered' | 'delayed' | 'no_complaint';

/** What a mail reports. `places`: texts that may hold the code of its recipient, the most reliable first. */
export type MailReport =
  | { kind: 'bounce'; failure: Failure; places: string[] }
  | { kind: 'complaint'; places: string[] }
  | { kind: 'none'; why: NoReport; places: string[] };

/** Of a larger mail only the beginning is read: reports stand before the mail that they return. */
export const MOST_BYTES = 1024 * 1024;
const MOST_OF_PART = 64 * 1024;
const LONGEST_MS = 5000;

const OPTIONS = {
  keepDeliveryStatus: true,
  ignoreEmbedded: true,
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipImageLinks: true,
  skipTextLinks: true,
  checksumAlgo: false as unknown as string,
  maxChildNodes: 100,
  maxHeadSize: 256 * 1024,
};

/** Reads a mail as it arrived. Never throws: whatever it is, it takes little time and memory. */
export async function readMailReport(mail: Buffer): Promise<MailReport> {
  const parsed = await parse(mail.subarray(0, MOST_BYTES));
  if (!parsed) return { kind: 'none', why: 'unreadable', places: [] };
  const part = (types: RegExp) => parsed.attachments.find(({ contentType }) => types.test(contentType));
  const textOf = (found: ReturnType<typeof part>) => found && latin1(found.content);
  const status = textOf(part(/^message\/(?:global-)?delivery-status$/i));
  const feedback = textOf(part(/^message\/feedback-report$/i));
  const returned = textOf(part(/^(?:message\/(?:rfc822|global)|(?:text\/rfc822|message\/global)-headers)$/i));
  const outer = headersOf(parsed, RECIPIENT_HEADERS);
  const places = [outer, status ?? '', feedback ?? '', headOf(returned ?? '')];
  if (feedback !== undefined) return complaintIn(feedback, places);
  if (status !== undefined) return bounceIn(status, places);
  return bounceWithoutPart(parsed, places) ?? { kind: 'none', why: kindOfReply(parsed), places };
}

async function parse(mail: Buffer): Promise<ParsedMail | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), LONGEST_MS);
  });
  const parsing = simpleParser(withoutPostmark(mail), OPTIONS).catch(() => undefined);
  return Promise.race([parsing, tooLong]).finally(() => clearTimeout(timer));
}

/** Pipes of mail servers begin with a line of the mailbox format, `From sender date`. */
function withoutPostmark(mail: Buffer): Buffer {
  if (mail.subarray(0, 5).toString('latin1') !== 'From ') return mail;
  return mail.subarray(mail.indexOf(10) + 1);
}

const latin1 = (content: Buffer): string => content.subarray(0, MOST_OF_PART).toString('latin1');

/** The headers of a returned mail, without its body, which others may have written. */
const headOf = (mail: string): string => mail.split(/\r?\n\r?\n/, 1)[0] ?? '';

const RECIPIENT_HEADERS = new Set([
  'to',
  'delivered-to',
  'x-original-to',
  'envelope-to',
  'x-envelope-to',
  'x-rcpt-to',
]);

const headersOf = ({ headerLines }: ParsedMail, names: Set<string>): string =>
  headerLines.flatMap(({ key, line }) => (names.has(key) ? line : [])).join('\n');

/** The fields of each group, their names in lower case; of a field that is repeated, the first. */
function groupsOf(text: string): Map<string, string>[] {
  return text.split(/\r?\n(?:[ \t]*\r?\n)+/).map((group) => {
    const fields = new Map<string, string>();
    for (const line of group.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
      const colon = line.indexOf(':');
      const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
      if (name !== '' && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
    }
    return fields;
  });
}

function bounceIn(status: string, places: string[]): MailReport {
  const about = groupsOf(status).filter((group) => group.has('action') || group.has('status'));
  const is = (action: string) => (group: Map<string, string>) =>
    (group.get('action') ?? (group.get('status')?.startsWith('5') ? 'failed' : ''))
      .toLowerCase()
      .startsWith(action);
  const failed = about.find(is('failed'));
  if (!failed) return { kind: 'none', why: about.some(is('delayed')) ? 'delayed' : 'delivered', places };
  const failure = {
    status: failed.get('status') ?? '',
    diagnostic: (failed.get('diagnostic-code') ?? '').slice(0, 2000),
  };
  return { kind: 'bounce', failure, places };
}

/** What a person, or their provider for them, complains with. Others say that it was no spam, or how it was signed. */
const COMPLAINTS = new Set(['abuse', 'fraud', 'virus', 'other', 'opt-out']);

function complaintIn(feedback: string, places: string[]): MailReport {
  const type = groupsOf(feedback)[0]?.get('feedback-type')?.toLowerCase() ?? '';
  return COMPLAINTS.has(type) ? { kind: 'complaint', places } : { kind: 'none', why: 'no_complaint', places };
}

/** qmail's text begins with fixed words; Exim names the recipient in a header. Both return the mail in the same text. */
function bounceWithoutPart(parsed: ParsedMail, places: string[]): MailReport | undefined {
  const text = (parsed.text ?? '').slice(0, MOST_OF_PART);
  const isQmail = /^\s*Hi\. This is the /.test(text);
  if (!isQmail && !parsed.headers.has('x-failed-recipients')) return undefined;
  const at = text.search(/^--- (?:Below|Enclosed)|^-{4,} This is a copy/m);
  const [said, copy] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at)];
  const failure = { status: '', diagnostic: said.slice(0, 8000) };
  // Behind the line is an empty one, and then the headers of the mail.
  const head = copy.split(/\r?\n\r?\n/, 2)[1] ?? '';
  return { kind: 'bounce', failure, places: [...places, head] };
}

const text = (value: HeaderValue | undefined): string =>
  typeof value === 'string' ? value.toLowerCase() : JSON.stringify(value ?? '').toLowerCase();

function kindOfReply({ headers }: ParsedMail): NoReport {
  const submitted = text(headers.get('auto-submitted'));
  const isAuto =
    (submitted !== '""' && !submitted.startsWith('no')) ||
    /bulk|junk|auto_reply|list/.test(text(headers.get('precedence'))) ||
    text(headers.get('content-type')).includes('disposition-notification') ||
    ['x-autoreply', 'x-autorespond', 'x-auto-response-suppress'].some((name) => headers.has(name));
  return isAuto ? 'auto_reply' : 'no_report';
}
