import { folderWire } from './folder-wire.js';
import { smtpWire, type Wire } from './wire.js';

/** The configured way to send mailings: SMTP, or a folder if SMTP_URL is empty. */
export const openWire = ({ SMTP_URL, MAIL_FOLDER }: { SMTP_URL: string; MAIL_FOLDER: string }): Wire =>
  SMTP_URL === '' ? folderWire(MAIL_FOLDER) : smtpWire({ url: SMTP_URL });
