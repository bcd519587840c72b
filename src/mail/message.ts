import type { SendMailOptions } from 'nodemailer';
import type { Sent } from './outcome.js';

/** A rendered mail, ready to be sent. */
export type Message = {
  to: string;
  /** The local part of its Message-ID. */
  messageId: string;
  /** The display name of the From address. */
  sender: string;
  replyTo: string | null;
  subject: string;
  html: string;
  text: string;
  lang: string;
  /** Only of a mailing: it is bulk mail, which people can unsubscribe from in their mail program. */
  oneClickUrl?: string;
};

/** A way to send mails. */
export type Post = {
  /** Never throws: failures are outcomes. */
  send(message: Message): Promise<Sent>;
  /** After a failure: why no mail can be sent, as a short code; undefined if sending works again. */
  check(): Promise<string | undefined>;
  /** Closes all connections, including those in use. */
  close(): Promise<void>;
};

/** The mail as options for nodemailer, which encodes it. `from` is the From address. */
export function toMail(message: Message, from: string): SendMailOptions {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return {
    envelope: { from, to: [message.to] },
    from: { name: onOneLine(message.sender), address: from },
    to: { name: '', address: message.to },
    ...(message.replyTo === null ? {} : { replyTo: { name: '', address: message.replyTo } }),
    subject: onOneLine(message.subject),
    messageId: `<${message.messageId}@${domain}>`,
    text: message.text,
    html: message.html,
    headers: { ...kindOf(message), 'Content-Language': message.lang },
    // Values must never make nodemailer read a file or fetch a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

const kindOf = ({ oneClickUrl }: Message): Record<string, string> =>
  oneClickUrl === undefined
    ? { 'Auto-Submitted': 'auto-generated' }
    : {
        'List-Unsubscribe': `<${oneClickUrl}>`,
        'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
        Precedence: 'bulk',
      };

/** Prevents header injection: line breaks and other control characters become spaces. */
const onOneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
