import type { TLSSocket } from 'node:tls';
import type { Config } from '../config.js';
import { judgeCertificate } from './certificate.js';
import { say, type Asked, type Finding } from './finding.js';
import { SmtpDialogue, type Reply } from './smtp-dialogue.js';

const { ok, warning, problem } = say('mail server');

type Server = {
  host: string;
  port: number;
  secure: boolean;
  user: string;
  password: string;
  verify: boolean;
  insists: boolean;
};

function serverOf(smtpUrl: string): Server {
  const url = new URL(smtpUrl);
  const secure = url.protocol === 'smtps:' || url.searchParams.get('secure') === 'true';
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    verify: url.searchParams.get('tls.rejectUnauthorized') !== 'false',
    insists: url.searchParams.get('requireTLS') === 'true',
  };
}

const NETWORK: Record<string, string> = {
  ENOTFOUND: 'Its name is not found: look at SMTP_URL.',
  EAI_AGAIN: 'DNS does not answer: look at /etc/resolv.conf.',
  ETIMEDOUT: 'It is silent: look at host and port in SMTP_URL; many networks let nothing out on port 25.',
  EPROTO: 'It speaks no TLS on this port: smtps:// is for port 465, smtp:// for 587 and 25.',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'It speaks no TLS on this port: smtps:// is for port 465, smtp:// for 587 and 25.',
};

/** Talks to it as far as a mail would go before its text, with the login: nothing is sent. */
export async function checkMailServer(config: Config, asked: Asked): Promise<Finding[]> {
  if (config.SMTP_URL === '') {
    return [warning('mails are written into MAIL_FOLDER', 'Set SMTP_URL: until then no one gets a mail.')];
  }
  const server = serverOf(config.SMTP_URL);
  let dialogue: SmtpDialogue | undefined;
  const found: Finding[] = [];
  try {
    const [opened, greeting] = await SmtpDialogue.open(server.host, server.port, server.secure);
    dialogue = opened;
    await talk(opened, greeting, server, found, {
      from: config.MAIL_FROM,
      to: asked.mailTo ?? config.MAIL_FROM,
    });
  } catch (error) {
    const { code = 'ECONNECTION' } = error as { code?: string };
    const advice = NETWORK[code] ?? 'Look at host and port in SMTP_URL, and at the firewall.';
    found.push(problem(`it cannot be used (${code})`, advice));
  } finally {
    dialogue?.end();
  }
  return found;
}

type Envelope = { from: string; to: string };

/** Goes on until something is wrong that makes the rest pointless. */
async function talk(
  dialogue: SmtpDialogue,
  greeting: Reply,
  server: Server,
  found: Finding[],
  envelope: Envelope,
): Promise<void> {
  if (greeting.code !== 220) {
    return void found.push(refused('it refuses the connection', greeting, ADVICE.busy));
  }
  await dialogue.hello();
  if (!(await encrypted(dialogue, server, found))) return;
  if (server.user !== '' && !(await loggedIn(dialogue, server, found))) return;
  const from = await dialogue.say(`MAIL FROM:<${envelope.from}>`);
  if (from.code !== 250) {
    return void found.push(refused('it refuses MAIL_FROM as sender', from, ADVICE.sender));
  }
  const to = await dialogue.say(`RCPT TO:<${envelope.to}>`);
  if (to.code !== 250 && to.code !== 251) {
    return void found.push(refused('it refuses the recipient', to, ADVICE.recipient));
  }
  await dialogue.say('RSET');
  found.push(ok('it takes mails from MAIL_FROM'));
}

const ADVICE = {
  busy: 'Ask its operator whether this machine may send.',
  login: 'Look at user and password in SMTP_URL (in a URL, @ is %40 and / is %2F).',
  sender: 'Let this login send as MAIL_FROM, or set MAIL_FROM to an address that it may use.',
  recipient: 'Set user and password in SMTP_URL, or let the server relay for this machine.',
};

/** 4xx passes by itself, 5xx does not. Its words may hold addresses: only the numbers are said. */
function refused(what: string, { code, text }: Reply, advice: string): Finding {
  const enhanced = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/m.exec(text)?.[1];
  const found = `${what} (${code}${enhanced === undefined ? '' : ` ${enhanced}`})`;
  return code >= 500 ? problem(found, advice) : warning(`${found}, for now`, advice);
}

const CLEAR = 'Use smtps://, or a server with STARTTLS: mails';

/** Whether to go on: a login is sent to no one who cannot prove their name. */
async function encrypted(dialogue: SmtpDialogue, server: Server, found: Finding[]): Promise<boolean> {
  if (!server.secure) {
    if (!dialogue.can('STARTTLS')) {
      if (isLocal(server.host) && !server.insists) return true;
      if (server.user === '' && !server.insists) {
        found.push(warning('it offers no STARTTLS', `${CLEAR} go over the network readable.`));
        return true;
      }
      found.push(problem('it offers no STARTTLS', `${CLEAR} and password go over the network readable.`));
      return false;
    }
    const reply = await dialogue.say('STARTTLS');
    if (reply.code !== 220) {
      found.push(refused('it offers STARTTLS, and refuses it', reply, ADVICE.busy));
      return false;
    }
    await dialogue.encrypt();
    await dialogue.hello();
  }
  if (!server.verify) {
    const advice = 'Take tls.rejectUnauthorized=false out of SMTP_URL once its certificate is valid.';
    found.push(warning('its certificate is not looked at', advice));
    return true;
  }
  const judged = judgeCertificate('mail server', dialogue.socket as TLSSocket);
  found.push(judged);
  return judged.level !== 'problem';
}

/** On this machine, or a name without a dot: the container beside this one. */
const isLocal = (host: string): boolean => /^(?:127\..*|::1|[^.:]+)$/.test(host);

async function loggedIn(
  dialogue: SmtpDialogue,
  { user, password }: Server,
  found: Finding[],
): Promise<boolean> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const methods = dialogue.abilities.find((line) => /^AUTH[ =]/.test(line))?.split(/[ =]/) ?? [];
  if (methods.length === 0) {
    const advice = 'Use the port for submission (587 or 465), or take user and password out of SMTP_URL.';
    found.push(problem('it takes no login', advice));
    return false;
  }
  let reply: Reply;
  if (methods.includes('PLAIN')) reply = await dialogue.say(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
  else if (methods.includes('LOGIN')) {
    reply = await dialogue.say('AUTH LOGIN');
    if (reply.code === 334) reply = await dialogue.say(base64(user));
    if (reply.code === 334) reply = await dialogue.say(base64(password));
  } else {
    found.push(warning('the login was not tried', 'Send yourself a mail, by signing a petition of yours.'));
    return false;
  }
  if (reply.code === 235) return true;
  found.push(refused('it refuses user and password', reply, ADVICE.login));
  return false;
}
