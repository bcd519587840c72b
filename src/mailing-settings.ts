import { Type } from '@sinclair/typebox';

/** The environment variables about mailings. */
export const MailingSettings = {
  MAILING_CONNECTIONS: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 100,
    description: 'Further connections to the mail server, for mailings.',
  }),
  MAILING_JOURNAL: Type.String({
    default: 'data/mailings.log',
    description:
      'File that remembers how far mailings are, so that a restored backup does not send them again. Back it up apart.',
  }),
  MAIL_DKIM_DOMAIN: Type.String({
    default: '',
    pattern: '^(?:|[A-Za-z0-9.-]{3,253})$',
    description: 'Domain that mailings are signed with here; empty: your mail server signs.',
  }),
  MAIL_DKIM_SELECTOR: Type.String({
    default: '',
    pattern: '^(?:|[A-Za-z0-9._-]{1,63})$',
    description: 'Selector of that key: <selector>._domainkey.<domain> in the DNS.',
  }),
  MAIL_DKIM_KEY_FILE: Type.String({
    default: '',
    description: 'File with its private key: RSA, PEM.',
  }),
  MAIL_BOUNCE_ADDRESS: Type.String({
    default: '',
    pattern: '^(?:|[^@\\s<>+]{1,30}@[^@\\s<>]+)$',
    description:
      'Envelope sender of mailings; a code is put behind its local part: bounces+b-….@example.org. Empty: MAIL_FROM.',
  }),
  LMTP_LISTEN: Type.String({
    default: '',
    pattern: '^(?:|/.+|[^\\s/]+:\\d{1,5})$',
    description:
      'Socket (/run/undersigned/lmtp) or host:port where your mail server hands in what comes to MAIL_BOUNCE_ADDRESS, by LMTP; empty: nowhere.',
  }),
};
