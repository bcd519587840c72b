import type { MailKind } from '../../../schema/db/tables/mail.js';
import { confirmation } from './confirmation-letters.js';
import type { Draft, Drop, Plan } from './draft.js';
import { emailApply, emailNotice } from './email-change-letters.js';
import { mailingTest } from './mailing-test-letter.js';
import { manage } from './manage-letter.js';
import { unsubscribed, unsubscribeLinks } from './unsubscribing-letters.js';

/** Which function writes each kind of mail to a supporter. */
export const WRITERS: Record<Exclude<MailKind, 'delivery'>, (draft: Draft) => Promise<Plan | Drop>> = {
  signed: (draft) => confirmation(draft, { reminder: false }),
  already_signed: (draft) => confirmation(draft, { reminder: false }),
  subscribed: (draft) => confirmation(draft, { reminder: false }),
  reminder: (draft) => confirmation(draft, { reminder: true }),
  manage,
  unsubscribe_links: unsubscribeLinks,
  unsubscribed,
  email_apply: emailApply,
  email_notice: emailNotice,
  mailing_test: mailingTest,
};
