/** The outcome of sending a mail. Reasons are our own codes, since replies of a server may repeat the address. */
export type Sent =
  | { outcome: 'sent'; file?: string }
  | {
      outcome: 'retry';
      reason: string;
      /** The failure is about the server as a whole, not about this mail. */
      connection?: true;
    }
  | {
      outcome: 'rejected';
      reason: string;
      /** There is no such mailbox. */
      badAddress?: true;
    };

type Failed = Exclude<Sent, { outcome: 'sent' }>;

/** The members of a nodemailer error that are used here. */
export type SendFailure = {
  code?: unknown;
  /** The system's own code, such as ECONNREFUSED. */
  originalCode?: unknown;
  command?: unknown;
  response?: unknown;
  responseCode?: unknown;
};

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection_refused',
  ECONNRESET: 'connection_lost',
  ECONNECTION: 'connection_lost',
  EPIPE: 'connection_lost',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
  EABORT: 'timeout',
  EDNS: 'dns',
  ENOTFOUND: 'dns',
  ETLS: 'tls',
  EAUTH: 'auth',
  ENOAUTH: 'auth',
  ESOCKET: 'connection_failed',
};

/** Reasons that concern every mail, even if an earlier connection had begun to send this one. */
const BEFORE_ANY_MAIL = new Set(['connection_refused', 'unreachable', 'dns', 'tls', 'auth']);

/** Mistakes in the message, found by nodemailer before sending: permanent. */
const OURS: Readonly<Record<string, string>> = { EENVELOPE: 'invalid_envelope', EMESSAGE: 'too_large' };

/**
 * Classifies a failed attempt. `begun`: this mail was being sent on a connection that was logged in, so the failure may
 * be about the mail itself. A mail that makes the server hang or hang up must not block all others for ever.
 */
export function classify(failure: SendFailure, begun: boolean): Failed {
  const { responseCode: reply, command } = failure;
  if (typeof reply !== 'number') return unanswered(failure, begun);
  const reason = `smtp_${reply}`;
  // A 421 ends the connection; nodemailer does not say which command it answered.
  const aboutThisMail = command === 'RCPT TO' || command === 'DATA' || (reply === 421 && begun);
  // Refused before the recipient was named: every mail would be refused in the same way.
  if (!aboutThisMail || reply < 500) return retry(reason, !aboutThisMail);
  const text = typeof failure.response === 'string' ? failure.response : '';
  if (command === 'RCPT TO') {
    // Authentication is missing or wrong: a setting of this server, not the address.
    if (reply === 503 || reply === 530) return retry(reason, false);
    if (/\brelay|authenticat/i.test(text)) return retry('relay_refused', false);
    if (isBadAddress(reply, text)) return { outcome: 'rejected', reason, badAddress: true };
  }
  return { outcome: 'rejected', reason };
}

const retry = (reason: string, connection: boolean): Failed => ({
  outcome: 'retry',
  reason,
  ...(connection ? { connection: true } : {}),
});

function unanswered({ code, originalCode, command }: SendFailure, begun: boolean): Failed {
  const ours = command === 'API' && typeof code === 'string' ? OURS[code] : undefined;
  if (ours !== undefined || code === 'EMESSAGE') {
    return { outcome: 'rejected', reason: ours ?? 'too_large' };
  }
  const words = [originalCode, code].map((one) => (typeof one === 'string' ? REASONS[one] : undefined));
  const certificate = typeof originalCode === 'string' && /CERT|TLS|SSL/.test(originalCode);
  const reason = certificate ? 'tls' : (words[0] ?? words[1] ?? 'send_failed');
  return retry(reason, !begun || BEFORE_ANY_MAIL.has(reason));
}

/** Words in replies that are about the sender rather than the mailbox. */
const NOT_THE_ADDRESS = /spam|block|black|polic|sender|reputation|denied|auth|\bip\b|rate|limit/i;

/** Enhanced codes 5.1.x are about the recipient's address, except 5.1.7 and 5.1.8, which are about the sender's. */
function isBadAddress(reply: number, text: string): boolean {
  if (![550, 551, 553].includes(reply)) return false;
  const enhanced = /^\d{3}[ -](5\.\d{1,3}\.\d{1,3})\b/.exec(text)?.[1];
  if (enhanced === undefined) return !NOT_THE_ADDRESS.test(text);
  return /^5\.1\./.test(enhanced) && !/^5\.1\.[78]$/.test(enhanced);
}
