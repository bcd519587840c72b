/** Why a mail was not delivered: an enhanced status code (RFC 3463), and what the mail server said; either may be empty. */
export type Failure = { status: string; diagnostic: string };

/**
 * `hard`: there is no such mailbox. `soft`: it may take mail later. `refused`: the mailbox is there, but its server does
 * not want this mail or this sender, which says nothing about the address.
 */
export type Verdict = 'hard' | 'soft' | 'refused';

const ENHANCED = /(?<![\d.])([245])\.([0-7])\.(\d{1,3})(?![\d.])/g;
const REPLY = /(?<![\d.])([45][0-5]\d)(?![\d.])/;
const REFUSED =
  /spam|block|blacklist|denylist|policy|reputation|dmarc|\bspf\b|\bdkim\b|content rejected|virus/i;

/** What a failure means. Codes decide; words only where the codes say nothing. */
export function verdictOf({ status, diagnostic }: Failure): Verdict {
  const code = enhancedIn(status) ?? enhancedIn(diagnostic);
  if (code?.kind === 4) return code.subject === 7 ? 'refused' : 'soft';
  if (code) return permanent(code, diagnostic);
  const reply = Number(REPLY.exec(diagnostic)?.[1] ?? 0);
  return byReply(reply, diagnostic);
}

type Enhanced = { kind: number; subject: number; detail: number };

/** The first code that says something: x.0.0 and x.5.0 stand for any failure. */
function enhancedIn(text: string): Enhanced | undefined {
  for (const [, kind, subject, detail] of text.matchAll(ENHANCED)) {
    const code = { kind: Number(kind), subject: Number(subject), detail: Number(detail) };
    const isVague = code.detail === 0 && (code.subject === 0 || code.subject === 5);
    if (code.kind !== 2 && !isVague) return code;
  }
  return undefined;
}

function permanent({ subject, detail }: Enhanced, diagnostic: string): Verdict {
  switch (subject) {
    case 1:
      // About the sender's address, not the recipient's.
      return detail === 7 || detail === 8 ? 'refused' : 'hard';
    case 2:
      return detail === 1 ? 'hard' : 'soft';
    case 4:
      // No such domain; and how Exchange Online refuses mailboxes that are not there.
      return detail === 4 || detail === 310 || /recipient address rejected/i.test(diagnostic)
        ? 'hard'
        : 'soft';
    case 5:
    case 6:
    case 7:
      return 'refused';
    default:
      return 'soft';
  }
}

function byReply(reply: number, diagnostic: string): Verdict {
  if (reply === 556) return 'hard';
  if (reply === 550 || reply === 551 || reply === 553) return REFUSED.test(diagnostic) ? 'refused' : 'hard';
  return reply === 554 ? 'refused' : 'soft';
}
