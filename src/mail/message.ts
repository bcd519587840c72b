import type { SendMailOptions } from 'nodemailer';
import type { Sent } from './outcome.js';

/** A mail with its words, ready to go. */
export type Message = {
  to: string;
  /** The local part of its Message-ID. */
  messageId: string;
  /** The name before the address that it comes from. */
  sender: string;
  replyTo: string | null;
  subject: string;
  html: string;
  text: string;
  lang: string;
};

/** A way to get mails out. */
export type Post = {
  /** Never throws: what goes wrong is an outcome. */
  send(message: Message): Promise<Sent>;
  /** Why nothing can be sent, as a word; undefined if it can. For after a failure. */
  check(): Promise<string | undefined>;
  /** Ends connections, those that are in use as well. */
  close(): Promise<void>;
};

/** The mail for nodemailer, which encodes it. `from` is the address that mails come from. */
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
    headers: { 'Auto-Submitted': 'auto-generated', 'Content-Language': message.lang },
    // Nothing is read from disk or fetched, whatever a value says.
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

/** A header is one line: line breaks and other controls become spaces. */
const onOneLine = (text: string): string => text.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim();
