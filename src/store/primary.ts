import pg from 'pg';

/*
 * Adds what libpq supports and node's driver does not:
 * `postgres://one:5432,other:5432/name?target_session_attrs=read-write` finds the one of several servers that accepts
 * writes. After a failover the connections to the old primary break, and new ones go to the new primary, without a
 * restart.
 */

const SEVERAL = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^@/?]*,[^@/?]*)(.*)$/;
/** A server that does not answer within this time is out of reach. */
const ANSWER_MS = 1000;
/** How long no server is asked again after none was found, since every writer would ask. */
const REST_MS = 200;
/** A query is given up this long after the server should have ended it: the connection is dead. */
export const GRACE_MS = 5000;

type Found = { host: string; port: number; timeline: number };

/**
 * One URL per server that a URL names; undefined if it names only one. Throws if it asks for something other than the
 * primary.
 */
export function serversOf(url: string): string[] | undefined {
  const [, head = '', hosts, rest = ''] = SEVERAL.exec(url) ?? [];
  if (hosts === undefined) return undefined;
  const [path = '', query = ''] = rest.split('?', 2);
  const parameters = new URLSearchParams(query);
  const wanted = parameters.get('target_session_attrs') ?? 'read-write';
  if (!['read-write', 'primary'].includes(wanted)) {
    throw new Error('target_session_attrs in DATABASE_URL must be read-write: this server writes');
  }
  parameters.delete('target_session_attrs');
  const end = parameters.size > 0 ? `${path}?${parameters.toString()}` : path;
  return hosts.split(',').map((host) => head + host + end);
}

/** Remembers which of several servers is the primary. */
class Servers {
  #primary: Found | undefined;
  #finding: Promise<Found | undefined> | undefined;
  #rests = 0;

  constructor(readonly urls: readonly string[]) {}

  async primary(): Promise<Found> {
    const found = this.#primary ?? (await this.#find());
    if (!found) {
      throw Object.assign(new Error('no PostgreSQL of DATABASE_URL takes writes'), { code: 'ENOPRIMARY' });
    }
    return found;
  }

  forget(): void {
    this.#primary = undefined;
  }

  async #find(): Promise<Found | undefined> {
    if (performance.now() < this.#rests) return undefined;
    return (this.#finding ??= this.#look());
  }

  /** Asks all servers. If two accept writes, the one that was promoted later (the higher timeline) is the primary. */
  async #look(): Promise<Found | undefined> {
    const found = (await Promise.all(this.urls.map(ask))).filter((one) => one !== undefined);
    this.#primary = found.sort((a, b) => b.timeline - a.timeline)[0];
    if (!this.#primary) this.#rests = performance.now() + REST_MS;
    // Must come after an await: before the first one, `#find` has not yet stored the promise, and would keep it
    // forever.
    this.#finding = undefined;
    return this.#primary;
  }
}

/**
 * The timeline of a server that accepts writes (each promotion starts a new one); undefined for a standby or no answer.
 */
async function ask(url: string): Promise<Found | undefined> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
    application_name: 'undersigned',
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ standby: boolean; file: string | null }>(
      'select pg_is_in_recovery() as standby, case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_lsn()) end as file',
    );
    const { host, port } = client;
    return rows[0]?.file ? { host, port, timeline: parseInt(rows[0].file.slice(0, 8), 16) } : undefined;
  } catch {
    return undefined;
  } finally {
    void client.end().catch(() => undefined);
  }
}

const known = new Map<string, Servers>();

function serversFor(url: string): Servers | undefined {
  const urls = serversOf(url);
  if (!urls) return undefined;
  let servers = known.get(url);
  if (!servers) known.set(url, (servers = new Servers(urls)));
  return servers;
}

/** The driver's client; if the URL names several servers, it connects to the primary among them. */
export class PrimaryClient extends pg.Client {
  readonly #servers: Servers | undefined;

  constructor(config: pg.ClientConfig = {}) {
    const servers = serversFor(config.connectionString ?? '');
    if (!servers) {
      super(config);
      return;
    }
    const { statement_timeout: ms } = config;
    super({
      ...config,
      connectionString: servers.urls[0] ?? '',
      ...(ms ? { query_timeout: ms + GRACE_MS } : {}),
    });
    this.#servers = servers;
    // The connection may break before its user has added a listener; without one the error would end the process.
    this.on('error', () => undefined);
  }

  override connect(): Promise<pg.Client>;
  override connect(callback: ((err: Error) => void) | ((err: null, c: pg.Client) => void)): void;
  override connect(callback?: unknown): Promise<pg.Client> | void {
    const told = callback as ((error: Error | null, client?: pg.Client) => void) | undefined;
    if (!this.#servers) return told ? super.connect(told) : super.connect();
    const connecting = this.#toPrimary(this.#servers);
    if (!told) return connecting;
    connecting.then(() => told(null, this), told);
  }

  async #toPrimary(servers: Servers): Promise<pg.Client> {
    const { host, port } = await servers.primary();
    // The driver reads these when it connects.
    Object.assign(this, { host, port });
    try {
      await super.connect();
      // A former primary may be back as a standby.
      const { rows } = await this.query<{ standby: boolean }>('select pg_is_in_recovery() as standby');
      if (rows[0]?.standby) throw Object.assign(new Error('it is a standby now'), { code: 'ENOPRIMARY' });
    } catch (error) {
      servers.forget();
      void this.end().catch(() => undefined);
      throw error;
    }
    return this;
  }
}
