import { isIP } from 'node:net';
import { Type, type Static } from '@sinclair/typebox';
import { envSchema } from 'env-schema';
import { DEFAULT_POLICY, type Policy } from './core/letters/mail-policy.js';
import type { LinkTemplates } from './core/links/link-urls.js';
import { assertDatabaseSettings, DatabaseSettings } from './database-settings.js';
import { DeliverySettings } from './delivery-settings.js';
import { InstallationSettings, readInstallation, type Installation } from './installation.js';
import { MailingSettings } from './mailing-settings.js';

const rate = (value: string, description: string) =>
  Type.String({
    pattern: '^[0-9]{1,9}/[0-9]{1,6}$',
    default: value,
    description: `${description} As requests/seconds.`,
  });

const link = (what: string) =>
  Type.String({
    default: '',
    pattern: '^(?:|https?://.*\\{token\\}.*)$',
    description: `URL of ${what}, with {token} in it; empty: the built-in page.`,
  });

/**
 * Every environment variable, with its default. `.env.example` and docs/configuration.md repeat it; tests compare them.
 */
export const Environment = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', description: 'Address to listen on; 0.0.0.0 for all.' }),
  PORT: Type.Integer({ default: 3000, minimum: 0, maximum: 65535, description: 'Port to listen on.' }),
  PUBLIC_URL: Type.String({
    default: '',
    description: 'How the world reaches this server; http://HOST:PORT if empty.',
  }),
  ...InstallationSettings,
  NODE_ENV: Type.String({
    default: '',
    description: 'production: nothing is allowed that only helps with developing.',
  }),
  DOCS_SECRET_KEYS: Type.String({
    default: '',
    enum: ['', 'true', 'false'],
    description:
      'true, false: whether this server’s own pages, as /docs, may send secret keys; empty: unless NODE_ENV is production.',
  }),
  DATABASE_URL: Type.String({
    default: 'file:data/undersigned.db',
    pattern: '^(?:file:|postgres(?:ql)?://).+',
    description: 'file:<path> for SQLite, postgres://… for PostgreSQL.',
  }),
  ROOT_KEY: Type.String({
    default: '',
    pattern: '^(?:|[A-Za-z0-9+/]{43}=)$',
    description:
      'Base64 of 32 random bytes: seals receipts and link keys, hashes addresses. Several processes need the same one.',
  }),
  ROOT_KEY_FILE: Type.String({
    default: 'data/root.key',
    description: 'Where the root key is kept if ROOT_KEY is empty; made at the first start.',
  }),
  DEMO: Type.Boolean({ default: true, description: 'Put a demo petition into an empty database.' }),
  SMTP_URL: Type.String({
    default: '',
    pattern: '^(?:|smtps?://.+)$',
    description:
      'smtp://user:password@host:port of your mail server; empty: mails are written to MAIL_FOLDER.',
  }),
  MAIL_FROM: Type.String({
    default: 'petitions@localhost',
    pattern: '^[^@\\s<>]+@[^@\\s<>]+$',
    description: 'Address that mails come from. The organization’s name stands before it.',
  }),
  MAIL_FOLDER: Type.String({
    default: 'data/mail',
    description: 'Where mails are written, one .eml file each, while SMTP_URL is empty.',
  }),
  MAIL_WORKER: Type.Boolean({
    default: true,
    description: 'Send mails from this process. At least one of those that share a database must.',
  }),
  MAIL_CONNECTIONS: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 100,
    description: 'Connections to the mail server.',
  }),
  ...MailingSettings,
  MAIL_DOMAIN_RATE: rate('1200/60', 'To one recipient domain, per process; more wait.'),
  MAIL_WEBHOOK_SECRET: Type.String({
    default: '',
    pattern: '^(?:|whsec_[A-Za-z0-9+/=]{24,100})$',
    description: 'Signs POST /v1/mail-events, as whsec_ and base64; empty: it is refused.',
  }),
  LOCALES_FOLDER: Type.String({
    default: '',
    description: 'Folder with further languages of mails and pages, as <locale>.yaml.',
  }),
  LINK_CONFIRM_URL: link('your page for confirming'),
  LINK_UNSUBSCRIBE_URL: link('your page for unsubscribing'),
  LINK_MANAGE_URL: link('your page for “my data”'),
  LINK_EMAIL_CHANGE_URL: link('your page for confirming a new address'),
  LINK_EMAIL_UNDO_URL: link('your page for undoing a change of address'),
  CONFIRM_REMINDER_HOURS: Type.Integer({
    default: 48,
    minimum: 1,
    maximum: 160,
    description: 'Hours until a person who has not confirmed is reminded, and until the next reminder.',
  }),
  CONFIRM_REMINDERS: Type.Integer({
    default: 2,
    minimum: 0,
    maximum: 2,
    description: 'Reminders at most.',
  }),
  ERASURE_JOURNAL: Type.String({
    default: 'data/erasures.log',
    description:
      'File that remembers erasures, so that a restored backup forgets them again. Back it up apart.',
  }),
  ...DeliverySettings,
  LOG_LEVEL: Type.String({
    default: 'info',
    enum: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    description: 'What is logged.',
  }),
  TRUST_PROXY: Type.String({
    default: '',
    description:
      'Addresses or CIDR ranges of your reverse proxies, comma-separated: only they may name the client.',
  }),
  RATE_LIMIT: Type.Boolean({ default: true, description: 'False switches all limits off: for load tests.' }),
  RATE_LIMIT_CLIENT: rate(
    '3000/60',
    'Per client (IPv4 address, IPv6 /64), all requests. Its network (/24, /48) may five times that, here and below.',
  ),
  RATE_LIMIT_KEY: rate('60000/60', 'Per secret key, all requests.'),
  RATE_LIMIT_CONFIRM: rate('300/60', 'Per client, confirming and other uses of mailed links.'),
  RATE_LIMIT_MAIL: rate('150/60', 'Per client, everything that has a mail sent to a typed address.'),
  RATE_LIMIT_MAIL_SUSTAINED: rate('600/3600', 'The same, over an hour.'),
  RATE_LIMIT_SIGN_BURST: rate(
    '30/60',
    'Per client and petition, signing: beyond it a proof of work is required.',
  ),
  RATE_LIMIT_SIGN_SUSTAINED: rate('300/3600', 'The same, over an hour.'),
  RATE_LIMIT_SIGN_MOST: rate('3000/3600', 'Per client and petition, signing, with a proof of work too.'),
  RATE_LIMIT_SHARE: rate('300/60', 'Per client, making share links.'),
  REDIS_URL: Type.String({
    default: '',
    pattern: '^(?:|rediss?://.+)$',
    description:
      'redis://user:password@host:port of a Redis where several processes count limits together; empty: each on its own.',
  }),
  CHALLENGE_ABOVE: rate(
    '600/60',
    'Signing of one petition without a secret key, per process: above that, a proof of work is required.',
  ),
  LIVE_LISTENERS: Type.Integer({
    default: 10000,
    minimum: 1,
    description: 'Listeners to live counts, per process; one more gets 503.',
  }),
  MAX_WAITING: Type.Integer({
    default: 5000,
    minimum: 1,
    description: 'Transactions that may wait; one more gets 503.',
  }),
  MAX_WAIT_MS: Type.Integer({
    default: 1000,
    minimum: 50,
    maximum: 60_000,
    description: 'Requests that would wait longer get 503 at once, where they may be put off.',
  }),
  ...DatabaseSettings,
});

export type RateLimit = { requests: number; seconds: number };

export type Config = Readonly<
  Omit<
    Static<typeof Environment>,
    | `RATE_LIMIT${string}`
    | `LINK_${string}`
    | `CONFIRM_${string}`
    | 'PUBLIC_URL'
    | 'TRUST_PROXY'
    | 'MAIL_DOMAIN_RATE'
    | 'CHALLENGE_ABOVE'
  >
> & {
  readonly publicUrl: string;
  readonly installation: Installation;
  /** Whether pages of the server's own origin may send secret keys. */
  readonly secretKeysInDocs: boolean;
  readonly trustProxy: string[];
  readonly limits: Readonly<Record<LimitName, RateLimit>> | null;
  readonly links: LinkTemplates;
  readonly policy: Policy;
  readonly domainRate: RateLimit;
  readonly challengeAbove: RateLimit;
};

export type LimitName =
  | 'client'
  | 'key'
  | 'confirm'
  | 'mail'
  | 'mailSustained'
  | 'share'
  | 'signBurst'
  | 'signSustained'
  | 'signMost';

/** Reads the environment and `.env`. Throws an error that names the invalid variable. */
export function loadConfig(env: NodeJS.ProcessEnv = process.env, dotenv = true): Config {
  const {
    RATE_LIMIT,
    RATE_LIMIT_CLIENT,
    RATE_LIMIT_KEY,
    RATE_LIMIT_CONFIRM,
    RATE_LIMIT_MAIL,
    RATE_LIMIT_MAIL_SUSTAINED,
    RATE_LIMIT_SIGN_BURST,
    RATE_LIMIT_SIGN_SUSTAINED,
    RATE_LIMIT_SIGN_MOST,
    LINK_CONFIRM_URL,
    LINK_UNSUBSCRIBE_URL,
    LINK_MANAGE_URL,
    LINK_EMAIL_CHANGE_URL,
    LINK_EMAIL_UNDO_URL,
    CONFIRM_REMINDER_HOURS,
    CONFIRM_REMINDERS,
    RATE_LIMIT_SHARE,
    MAIL_DOMAIN_RATE,
    CHALLENGE_ABOVE,
    PUBLIC_URL,
    TRUST_PROXY,
    ...plain
  } = envSchema<Static<typeof Environment>>({ schema: Environment, data: env, dotenv, env: false });
  assertDatabaseSettings(plain);
  return Object.freeze({
    ...plain,
    publicUrl: (PUBLIC_URL || `http://${plain.HOST}:${plain.PORT}`).replace(/\/+$/, ''),
    installation: readInstallation(plain),
    secretKeysInDocs:
      plain.DOCS_SECRET_KEYS === 'true' || (plain.DOCS_SECRET_KEYS === '' && plain.NODE_ENV !== 'production'),
    trustProxy: parseProxies(TRUST_PROXY),
    limits: RATE_LIMIT
      ? {
          client: parseRate(RATE_LIMIT_CLIENT),
          key: parseRate(RATE_LIMIT_KEY),
          confirm: parseRate(RATE_LIMIT_CONFIRM),
          mail: parseRate(RATE_LIMIT_MAIL),
          mailSustained: parseRate(RATE_LIMIT_MAIL_SUSTAINED),
          share: parseRate(RATE_LIMIT_SHARE),
          signBurst: parseRate(RATE_LIMIT_SIGN_BURST),
          signSustained: parseRate(RATE_LIMIT_SIGN_SUSTAINED),
          signMost: parseRate(RATE_LIMIT_SIGN_MOST),
        }
      : null,
    links: {
      confirm: LINK_CONFIRM_URL,
      unsubscribe: LINK_UNSUBSCRIBE_URL,
      manage: LINK_MANAGE_URL,
      emailChange: LINK_EMAIL_CHANGE_URL,
      emailUndo: LINK_EMAIL_UNDO_URL,
    },
    policy: { ...DEFAULT_POLICY, reminderHours: CONFIRM_REMINDER_HOURS, reminders: CONFIRM_REMINDERS },
    domainRate: parseRate(MAIL_DOMAIN_RATE),
    challengeAbove: RATE_LIMIT ? parseRate(CHALLENGE_ABOVE) : { requests: Infinity, seconds: 60 },
  });
}

function parseProxies(text: string): string[] {
  const proxies = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  const wrong = proxies.find((proxy) => !isIP(proxy.replace(/\/\d{1,3}$/, '')));
  if (wrong !== undefined) {
    throw new Error('TRUST_PROXY must list addresses or CIDR ranges, such as 10.0.0.0/8');
  }
  return proxies;
}

function parseRate(text: string): RateLimit {
  const [requests, seconds] = text.split('/').map(Number);
  return { requests: requests ?? 0, seconds: seconds ?? 0 };
}
