import { folderPost } from './folder-post.js';
import type { Post } from './message.js';
import { smtpPost } from './smtp-post.js';

/** See src/config.ts. */
type Settings = { SMTP_URL: string; MAIL_FROM: string; MAIL_FOLDER: string; MAIL_CONNECTIONS: number };

/** The configured way to send mails: SMTP, or a folder if SMTP_URL is empty. */
export const openPost = (config: Settings): Post =>
  config.SMTP_URL === ''
    ? folderPost({ folder: config.MAIL_FOLDER, from: config.MAIL_FROM })
    : smtpPost({ url: config.SMTP_URL, from: config.MAIL_FROM, connections: config.MAIL_CONNECTIONS });
