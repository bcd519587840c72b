/* How the bad mail server fails, and what is said between it and the trial. */

/** What a connection meets. */
export const AT_CONNECTION = ['connect_reset', 'greeting_421', 'greeting_554', 'ehlo_drop'] as const;
/** What a mail meets before its recipient is named. */
export const AT_MAIL = ['mail_421', 'mail_451', 'mail_454', 'mail_550', 'mail_drop', 'mail_ok_drop'] as const;
/** What an attempt at a recipient meets. `before` and `after`: hangs up before or after it has taken the mail. */
export const AT_RECIPIENT = [
  'rcpt_421',
  'rcpt_451',
  'rcpt_454',
  'rcpt_550',
  'rcpt_drop',
  'rcpt_ok_drop',
  'data_421',
  'data_451',
  'data_454',
  'data_550',
  'data_drop',
  'body_drop',
  'dot_421',
  'dot_451',
  'dot_454',
  'dot_550',
  'dot_drop_before',
  'dot_drop_after',
  'dot_slow',
] as const;
export const FAULTS = [...AT_CONNECTION, ...AT_MAIL, ...AT_RECIPIENT] as const;
export type Fault = (typeof FAULTS)[number];

export type SinkSetup = {
  seed: number;
  /** How often each fault of a recipient happens, in percent. Those of connections and of MAIL hold up all, so they are rarer. */
  percent: number;
  /** After so many temporary failures a recipient is put off no more: the next attempt comes only after minutes. */
  mostTemporary: number;
  /** How many complete mails are kept. */
  samples: number;
  /** About how many mails will come. */
  mails: number;
  /** To see that the trial finds it: one mail is recorded twice, or not at all. */
  wrong: 'double' | 'forget' | '';
  port: number;
};
export type Taken = { to: string; messageId: string; at: number };
export type Refused = { to: string; at: 'rcpt' | 'data' | 'dot' };
export type SinkRecord = {
  taken: Taken[];
  refused: Refused[];
  /** Every Message-ID that came for a recipient, also where the mail was not taken. */
  messageIds: [to: string, ids: string[]][];
  samples: { to: string; raw: string }[];
  faults: Partial<Record<Fault, number>>;
};
export type SinkCount = { seen: number; taken: number; refused: number };
export type SinkAsk = { ask: 'count' } | { ask: 'record' } | { ask: 'seen' } | { ask: 'away'; ms: number };
export type SinkSaid = { port: number } | SinkCount | SinkRecord | { seen: string[] } | { back: true };
