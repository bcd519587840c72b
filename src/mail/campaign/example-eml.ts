import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import { headerLine } from '../header-line.js';

/* The raw mail of a preview. */

export type CampaignMail = {
  to: string;
  sender: string;
  replyTo: string | null;
  subject: string;
  html: string;
  text: string;
  lang: string;
  /** For the header List-Unsubscribe. */
  oneClickUrl: string;
};

export const exampleEml = (mail: CampaignMail, from: string): Promise<Buffer> => {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return new MailComposer({
    from: { name: headerLine(mail.sender, 100), address: from },
    to: { name: '', address: mail.to },
    ...(mail.replyTo === null ? {} : { replyTo: { name: '', address: mail.replyTo } }),
    subject: headerLine(mail.subject, 250),
    messageId: `<preview@${domain}>`,
    text: mail.text,
    html: mail.html,
    headers: {
      'Content-Language': mail.lang,
      'List-Unsubscribe': `<${mail.oneClickUrl}>`,
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
      Precedence: 'bulk',
    },
    newline: '\r\n',
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
};
