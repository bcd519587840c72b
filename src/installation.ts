import { Type, type Static } from '@sinclair/typebox';

/* Who runs this server: the settings of it, which src/config.ts reads with all others. */

export const InstallationSettings = {
  INSTANCE_NAME: Type.String({
    default: '',
    maxLength: 100,
    pattern: '^[^\\u0000-\\u001F\\u007F]*$',
    description:
      'Who runs this server: sender of the mails that come from no organization, and in the head of pages.',
  }),
  INSTANCE_IMPRINT: Type.String({
    default: '',
    maxLength: 2000,
    description: 'Who is responsible for it, as text: at the end of those mails and of pages.',
  }),
  INSTANCE_URL: Type.String({
    default: '',
    pattern: '^(?:|https?://[^\\s"<>]+)$',
    description: 'Your website: linked there.',
  }),
  INSTANCE_LOGO: Type.String({
    default: '',
    pattern: '^(?:|https?://[^\\s"<>;,\']+)$',
    description: 'URL of a picture for the head of pages. Mails load no pictures.',
  }),
  SECURITY_CONTACT: Type.String({
    default: '',
    pattern: '^(?:|(?:mailto:|https://)\\S+|[^@\\s]+@[^@\\s]+)$',
    description: 'Address or URL for reports of security problems, in /.well-known/security.txt.',
  }),
};

/** Who runs this server, as pages and mails say it. Empty texts: it was not set. */
export type Installation = Readonly<{ name: string; imprint: string; url: string; logo: string }>;

export const UNNAMED: Installation = { name: '', imprint: '', url: '', logo: '' };

type Settings = { [Name in keyof typeof InstallationSettings]: Static<(typeof InstallationSettings)[Name]> };

export const readInstallation = (settings: Settings): Installation => ({
  name: settings.INSTANCE_NAME.trim(),
  // A setting is one line in most files: `\\n` stands for a line break.
  imprint: settings.INSTANCE_IMPRINT.replaceAll('\\n', '\n').trim(),
  url: settings.INSTANCE_URL,
  logo: settings.INSTANCE_LOGO,
});
