import { randomBytes } from 'node:crypto';
import pg from 'pg';
import t, { type Test } from 'tap';
import { startMailServer, type MailServer } from '../support/mail-server.js';
import { cli, home, secretKeyIn, serve, type Running } from '../support/process.js';
import { lookFor } from '../support/until.js';

/*
 * Attacks come from outside: the real server as a process, HTTP and the mails that it sends, and nothing of its code. One
 * server has to do for many attacks, since starting it costs more than they do.
 */

export type EngineName = 'sqlite' | 'postgres';
export type Answer = { status: number; headers: Headers; body: any; text: string };
export type Call = {
  key?: string | undefined;
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
  /** The address of the client, as its proxy tells it. */
  from?: string;
};
export type Organization = { id: string; slug: string; secret: string };

export type World = {
  engine: EngineName;
  folder: string;
  url: string;
  server: Running;
  mail: MailServer;
  /** Leads petitions; takes part in them. */
  lead: Organization;
  partner: Organization;
  call: (method: string, path: string, options?: Call) => Promise<Answer>;
  command: (...args: string[]) => Promise<string>;
};

const server = process.env['TEST_POSTGRES_URL'];
const ENGINES: EngineName[] = server ? ['sqlite', 'postgres'] : ['sqlite'];

/** All attacks of a file together, on a machine that is busy with other things. */
const PATIENCE_MS = 600_000;

/** Runs the attacks on one world for each engine. */
export function againstEveryEngine(
  env: Record<string, string>,
  attack: (t: Test, world: World) => Promise<void>,
): void {
  // Side by side: most of the time is waiting for mails.
  t.jobs = ENGINES.length;
  t.setTimeout(PATIENCE_MS);
  for (const engine of ENGINES) {
    t.test(engine, { buffered: true, timeout: PATIENCE_MS }, async (t) =>
      attack(t, await startWorld(t, engine, env)),
    );
  }
}

async function databaseOf(t: Test, engine: EngineName): Promise<string> {
  if (engine === 'sqlite' || !server) return 'file:data/undersigned.db';
  const name = `attack_${randomBytes(8).toString('hex')}`;
  const administer = async (sql: string) => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(sql);
    await client.end();
  };
  await administer(`create database ${name}`);
  t.teardown(() => administer(`drop database ${name} with (force)`));
  return Object.assign(new URL(server), { pathname: `/${name}` }).href;
}

async function startWorld(t: Test, engine: EngineName, more: Record<string, string>): Promise<World> {
  const mail = await startMailServer(t);
  const folder = home(t);
  const env = {
    DATABASE_URL: await databaseOf(t, engine),
    POSTGRES_ALLOW_UNSAFE: 'true',
    TRUST_PROXY: '127.0.0.1',
    SMTP_URL: mail.url,
    MAIL_DOMAIN_RATE: '100000/60',
    // A busy machine is not what is attacked.
    MAX_WAIT_MS: '60000',
    ...more,
  };
  const running = await serve(t, folder, env);
  const { url } = running;
  const call: World['call'] = async (method, path, { key, body, type, headers, from } = {}) => {
    const sent = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(sent === undefined ? {} : { 'content-type': type ?? 'application/json' }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(from === undefined ? {} : { 'x-forwarded-for': from }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
    });
    const text = await response.text();
    const json = /[/+]json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return {
      status: response.status,
      headers: response.headers,
      body: json ? JSON.parse(text) : undefined,
      text,
    };
  };
  const command = async (...args: string[]) => {
    const ended = await cli(folder, env, ...args);
    if (ended.code !== 0) throw new Error(`${args.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return ended.stdout;
  };
  const world = { engine, folder, url, server: running, mail, call, command };
  return {
    ...world,
    lead: await organizationOf(world, secretKeyIn(running.output())),
    partner: await organizationOf(world, await newKey(world, 'ewe-anglers')),
  };
}

type Bare = Omit<World, 'lead' | 'partner'>;

const newKey = async ({ command }: Bare, slug: string): Promise<string> =>
  secretKeyIn(await command('keys', 'create', '--organization', slug));

async function organizationOf({ call }: Bare, secret: string): Promise<Organization> {
  const { id, slug } = await must(200, call('GET', '/v1/organization', { key: secret }));
  return { id, slug, secret };
}

/** An organization that has nothing to do with the others. */
export async function newOrganization(world: World): Promise<Organization> {
  const created = await world.command('organizations', 'create', '--name', 'Far Away');
  return organizationOf(world, await newKey(world, created.trim().split(/ +/)[1] ?? ''));
}

let number = 0;
/** An address that nobody has used. */
export const newAddress = (domain = 'post.example') =>
  `person.${(number += 1)}.${randomBytes(3).toString('hex')}@${domain}`;

/** What must not fail for the attack to mean anything. */
export async function must(wanted: number, answer: Promise<Answer>): Promise<any> {
  const { status, text, body } = await answer;
  if (status !== wanted) throw new Error(`wanted ${wanted}, got ${status}: ${text}`);
  return body;
}

/** A published petition of the lead organization, or of another. */
export async function publish(
  { call, lead }: World,
  fields: Record<string, unknown> = {},
  key = lead.secret,
): Promise<{ id: string; slug: string; path: string }> {
  const words = { title: 'Leave the meadows to the river', statement: 'Build the depot elsewhere.' };
  const slug = `attacked-${randomBytes(5).toString('hex')}`;
  const body = { ...words, slug, challenge: 'off', ...fields };
  const { id } = await must(201, call('POST', '/v1/petitions', { key, body }));
  await must(200, call('POST', `/v1/petitions/${id}/transitions`, { key, body: { to: 'published' } }));
  return { id, slug, path: `/v1/petitions/${slug}` };
}

/** The partner organization takes part in it, on these terms. */
export async function join(
  { call, lead, partner }: World,
  petition: string,
  terms: Record<string, unknown> = { lead_sees: 'full' },
): Promise<Answer> {
  const body = { organization: partner.id, ...terms };
  const invited = await call('POST', `/v1/petitions/${petition}/partners`, { key: lead.secret, body });
  if (invited.status !== 201) return invited;
  const path = `/v1/partnerships/${invited.body.id}/accept`;
  return call('POST', path, { key: partner.secret, body: { lead_sees: terms['lead_sees'] } });
}

export const form = (email: string, fields: object = {}) => ({
  name: 'Ada King',
  email,
  country: 'NL',
  ...fields,
});

export const sign = (
  { call }: World,
  petition: { path: string },
  email: string,
  { key, from, ...fields }: { key?: string; from?: string; [field: string]: unknown } = {},
): Promise<Answer> =>
  call('POST', `${petition.path}/signatures`, {
    key,
    body: form(email, fields),
    ...(from === undefined ? {} : { from }),
  });

export const importLines = (
  { call }: World,
  petition: { id: string },
  key: string,
  lines: readonly object[],
): Promise<Answer> =>
  call('POST', `/v1/signatures/import?petition=${petition.id}`, {
    key,
    type: 'application/x-ndjson',
    body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  });

export async function countOf({ call }: World, { path }: { path: string }): Promise<number> {
  return (await must(200, call('GET', `${path}/counts`))).confirmed as number;
}

/** Whether nothing waits in the outbox: what has not come by then does not come. */
async function isMailOut({ call }: World): Promise<true | undefined> {
  const { text } = await call('GET', '/metrics');
  return /^mail_queued 0$/m.test(text) || undefined;
}

export async function mailsOut(world: World): Promise<void> {
  const done = await lookFor(() => isMailOut(world), { withinMs: 60_000, everyMs: 100 });
  if (!done) throw new Error('the outbox was not emptied');
}

const TOKEN = /\b(p[a-z]_[A-Za-z0-9_-]{44})(?![A-Za-z0-9_-])/g;

/** The tokens of one kind that were mailed to an address, in their order. */
export const tokensTo = ({ mail }: World, address: string, kind: string): string[] =>
  mail.received
    .filter(({ to }) => to.some((one) => one.toLowerCase() === address.toLowerCase()))
    .flatMap(({ mail: { text } }) => [...new Set([...(text ?? '').matchAll(TOKEN)].map(([token]) => token))])
    .filter((token) => token.startsWith(kind));

/** Asks for a mail, and takes the token out of the new one that comes. */
export async function mailed(
  world: World,
  address: string,
  kind: string,
  ask: () => Promise<unknown>,
): Promise<string | undefined> {
  const before = tokensTo(world, address, kind).length;
  await ask();
  // The server is asked now and then alone: that costs more than looking into the mailbox.
  let looks = 0;
  await lookFor(() => {
    if (tokensTo(world, address, kind).length > before) return true;
    return (looks += 1) % 20 === 0 ? isMailOut(world) : undefined;
  });
  return tokensTo(world, address, kind)[before];
}

/** The owner of the mailbox goes through “my data”. */
export async function enter(world: World, email: string): Promise<string> {
  const ask = () => must(202, world.call('POST', '/v1/manage-links', { body: { email } }));
  const token = await mailed(world, email, 'pm_', ask);
  if (token === undefined) throw new Error(`no mail with a link to “my data” came to ${email}`);
  const { session_token } = await must(201, world.call('POST', '/v1/sessions', { body: { token } }));
  return session_token as string;
}

export async function erase(world: World, email: string): Promise<void> {
  await must(204, world.call('DELETE', '/v1/me', { key: await enter(world, email) }));
}

/** Signs, and confirms by the mail that comes; false: none came. */
export async function signAndConfirm(
  world: World,
  petition: { path: string },
  email: string,
  options: Parameters<typeof sign>[3] = {},
): Promise<boolean> {
  const token = await mailed(world, email, 'pc_', () => sign(world, petition, email, options));
  if (token === undefined) return false;
  await must(200, world.call('POST', '/v1/confirmations', { body: { token } }));
  return true;
}

/** The signature of an address, as an organization sees it. */
export async function signatureOf(
  { call }: World,
  petition: { id: string },
  email: string,
  key: string,
): Promise<any> {
  const found = await must(
    200,
    call('GET', `/v1/signatures?petition=${petition.id}&email=${encodeURIComponent(email)}`, { key }),
  );
  return found.data[0];
}

/** What differs between any two answers is taken out: ids, receipts, instants. */
export const shapeOf = ({ status, body }: Answer): unknown =>
  JSON.parse(
    JSON.stringify({ status, body }, (name, value: unknown) =>
      typeof value === 'string' && /^(?:id|.*_id|receipt|.*_at)$/.test(name) ? name : value,
    ),
  );
