import { encodeWords, foldLines } from 'nodemailer/lib/mime-funcs';
import MimeNode from 'nodemailer/lib/mime-node';
import type { FrozenVariant } from '../../../schema/db/tables/mailings.js';
import { createSubject, onOneLine, type SpliceValues } from './splice.js';

/* The headers of a mailing's mails. nodemailer encodes them; what all recipients get is encoded once. */

/** What the headers say of a mailing, the same for all of its recipients. */
export type Letterhead = {
  from: string;
  variantId: string;
  mailingId: string;
  organization: { publicId: string; slug: string; name: string };
  /** The host of this server, under which lists have their ids. */
  host: string;
};

/** What they say of one mail. */
export type Addressed = {
  to: string;
  /** The local part of the Message-ID. */
  messageId: string;
  oneClickUrl: string;
  at: Date;
  values: SpliceValues;
};

/** Who sends, for reports of mailbox providers: they want the same name in every mail. */
const SENDER_ID = 'undersigned';

/** Makes the headers of a mail, each with its CRLF, without those of its body. */
export function createHeaders(
  head: Letterhead,
  { senderName, replyTo }: Pick<FrozenVariant, 'senderName' | 'replyTo'>,
  { locale, subject }: { locale: string; subject: string },
): (mail: Addressed) => string {
  const { from, organization, host, mailingId, variantId } = head;
  const domain = from.slice(from.lastIndexOf('@') + 1);
  const same = encode({
    From: { name: onOneLine(senderName), address: from },
    ...(replyTo === null ? {} : { 'Reply-To': { name: '', address: replyTo } }),
    'Feedback-ID': `${variantId}:${mailingId}:${organization.publicId}:${SENDER_ID}`,
    Precedence: 'bulk',
    'Content-Language': locale,
    'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
  });
  const list = foldLines(`List-Id: ${phrase(organization.name)} <${organization.slug}.${host}>`, 76);
  const subjectFor = createSubject(subject);
  const encodeSubject = remembered((text) => foldLines(`Subject: ${encodeWords(text, 'Q', 52, true)}`, 76));
  return ({ to, messageId, oneClickUrl, at, values }) =>
    `${same}${list}\r\n${encodeSubject(subjectFor(values))}\r\n` +
    `To: ${to}\r\nDate: ${dateOf(at)}\r\nMessage-ID: <${messageId}@${domain}>\r\n` +
    `List-Unsubscribe: <${oneClickUrl}>\r\n`;
}

/** A name before angle brackets. */
function phrase(name: string): string {
  const line = onOneLine(name);
  return /^[\x20-\x7e]*$/.test(line) ? `"${line.replace(/["\\]/g, '\\$&')}"` : encodeWords(line, 'Q', 52);
}

type Value = string | { name: string; address: string };

function encode(headers: Record<string, Value>): string {
  const node = new MimeNode();
  for (const [key, value] of Object.entries(headers)) node.setHeader(key, value);
  // It adds those that it thinks are missing.
  return node
    .buildHeaders()
    .split(/\r\n(?![ \t])/)
    .filter((line) =>
      Object.keys(headers).some((key) => line.toLowerCase().startsWith(`${key.toLowerCase()}:`)),
    )
    .map((line) => `${line}\r\n`)
    .join('');
}

/** Remembers the last result: most mailings have one subject for everybody. */
function remembered(make: (text: string) => string): (text: string) => string {
  let last: { text: string; made: string } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, made: make(text) };
    return last.made;
  };
}

/** As RFC 5322 wants it. */
const dateOf = (at: Date): string => at.toUTCString().replace('GMT', '+0000');
