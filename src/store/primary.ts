import pg from 'pg';

/*
 * `postgres://one:5432,other:5432/name?target_session_attrs=read-write`, as libpq has it and node's driver has not: of
 * several servers the one that takes writes. After a failover the connections to the old one break, and new ones go to
 * the new one, without a restart.
 */

const SEVERAL = /^(postgres(?:ql)?:\/\/(?:[^@/?]*@)?)([^@/?]*,[^@/?]*)(.*)$/;
/** A server that does not answer by then is out of reach. */
const ANSWER_MS = 1000;
/** For so long nobody asks again after none was found: all who want to write would. */
const REST_MS = 200;
/** A connection whose server is gone without a word is given up, so much later than the server would end a statement. */
const GRACE_MS = 5000;

type Found = { host: string; port: number; timeline: number };

/** One URL for each server that a URL names; undefined where it names one. Throws when it asks for what there is not. */
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

/** Which of some servers is the primary, as of the last time that anybody asked. */
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

  /** All are asked: of two that take writes, the one that was promoted later is right, and the other an old primary. */
  async #look(): Promise<Found | undefined> {
    const found = (await Promise.all(this.urls.map(ask))).filter((one) => one !== undefined);
    this.#primary = found.sort((a, b) => b.timeline - a.timeline)[0];
    if (!this.#primary) this.#rests = performance.now() + REST_MS;
    // Always after an await: before the first one `#find` has not stored the promise yet, and would keep it for ever.
    this.#finding = undefined;
    return this.#primary;
  }
}

/** A server that takes writes says on which timeline: each promotion begins a new one. */
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

/** The driver's client; where the URL names several servers, one that connects to the primary among them. */
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
    // It may break before whoever connects has a listener of its own, and without one that would end the process.
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
    // The driver reads them when it connects.
    Object.assign(this, { host, port });
    try {
      await super.connect();
      // What was the primary a moment ago may be back as a standby.
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
