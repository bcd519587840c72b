/**
 * Fills PostgreSQL for growth.ts with the rows that an import would leave, made by the database itself: imports at their
 * own pace would take hours for ten million.
 */
import pg from 'pg';

/** As many signers in a row for a petition, from the one with the number `first` on. */
export type Share = { slug: string; first: number; many: number };

/** Signers are spread over a year, so that each hour of the history has some. The number of the signer gives the time. */
export const YEAR_MS = 365 * 86_400_000;
export const instantOf = (n: number): number => (n % 10_000_000) * 3000;

/** Like instantOf and emailOf, in SQL. The ids are UUIDv7 of that time, and ascend as they do in life. */
const PEOPLE = `
  with given as (select $4::bigint as base, $5::bigint as start), shares as (
    select p.key as petition, p.organization_key as organization, s.first, s.many,
      (select max(i.key) from imports i where i.petition_key = p.key) as import
    from unnest($1::text[], $2::bigint[], $3::bigint[]) as s(slug, first, many) join petition_slugs using (slug)
      join petitions p on p.key = petition_slugs.petition_key
  ), signers as (
    select shares.*, n, base + n as supporter, start + (n % 10000000) * 3000 as at,
      ((n + 1) * 2654435761) & 4294967295 as mixed
    from shares, given, generate_series(first, first + many - 1) as n
  ), people as (
    select *, to_timestamp(at / 1000.0) as signed_at, lpad(to_hex(at), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0')
        || '8' as id, md5(n::text) as chance,
      substr(A, (mixed / 2176782336 % 36)::int + 1, 1) || substr(A, (mixed / 60466176 % 36)::int + 1, 1)
      || substr(A, (mixed / 1679616 % 36)::int + 1, 1) || substr(A, (mixed / 46656 % 36)::int + 1, 1)
      || substr(A, (mixed / 1296 % 36)::int + 1, 1) || substr(A, (mixed / 36 % 36)::int + 1, 1)
      || substr(A, (mixed % 36)::int + 1, 1) || '@signers.example.org' as email
    from signers
  )`.replaceAll('(A,', "('0123456789abcdefghijklmnopqrstuvwxyz',");

const IMPORTS = `${PEOPLE} insert into imports (public_id, petition_key, organization_key, kind, source, lines, created,
    confirmed, quarantined, begun_at, last_at)
  select gen_random_uuid(), petition, organization, 'file', 'growth', many, many, 0, 0, now(), now() from shares`;
const SUPPORTERS = `${PEOPLE} insert into supporters (key, public_id, identity, delivery, created_at)
  select supporter, (id || left(chance, 15))::uuid, email, email, signed_at from people order by n`;
const CONTACTS = `${PEOPLE}
  insert into contacts (organization_key, supporter_key, name, country, created_at, updated_at)
  select organization, supporter, 'Ada Okonkwo', 'NL', signed_at, signed_at from people order by n`;
const SIGNATURES = `${PEOPLE}
  insert into signatures (public_id, petition_key, supporter_key, status, display, hidden, name, country, source,
    collector_key, import_key, created_at, confirmed_at)
  select (id || right(chance, 15))::uuid, petition, supporter, 'confirmed', 'initials', 0, 'Ada Okonkwo', 'NL', 'growth',
    organization, import, signed_at, signed_at from people order by n`;
const HISTORY = `${PEOPLE} insert into petition_history as h (petition_key, hour, shard, confirmed)
  select petition, at / 3600000, 0, count(*) from people group by 1, 2
  on conflict (petition_key, hour, shard) do update set confirmed = h.confirmed + excluded.confirmed`;
const COUNTS = `${PEOPLE}
  insert into petition_counts as c
    (petition_key, shard, pending, confirmed, invalidated, withdrawn, quarantined, updated_at)
  select petition, 0, 0, many, 0, 0, 0, now() from shares
  on conflict (petition_key, shard) do update set confirmed = c.confirmed + excluded.confirmed`;
const PARTNERS = `${PEOPLE}
  insert into partner_counts as c
    (petition_key, organization_key, shard, pending, confirmed, invalidated, withdrawn, quarantined)
  select petition, organization, 0, 0, many, 0, 0, 0 from shares
  on conflict (petition_key, organization_key, shard) do update set confirmed = c.confirmed + excluded.confirmed`;

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** `start`: the time of signer 0. */
export const insertRows = (url: string, start: number, shares: readonly Share[]): Promise<void> =>
  withClient(url, async (client) => {
    // References are right by construction, and a crash ends the benchmark.
    await client.query('set session_replication_role = replica');
    await client.query('set synchronous_commit = off');
    await client.query('begin');
    const slugs = shares.map(({ slug }) => slug);
    const firsts = shares.map(({ first }) => first);
    const many = shares.map((share) => share.many);
    const { rows } = await client.query<{ key: string }>(
      'select coalesce(max(key), 0) as key from supporters',
    );
    const base = Number(rows[0]?.key) + 1 - Math.min(...firsts);
    for (const statement of [IMPORTS, SUPPORTERS, CONTACTS, SIGNATURES, HISTORY, COUNTS, PARTNERS]) {
      await client.query(statement, [slugs, firsts, many, base, start]);
    }
    await client.query(
      "select setval(pg_get_serial_sequence('supporters', 'key'), max(key)) from supporters",
    );
    await client.query('commit');
  });

/** As autovacuum leaves it after a while: with statistics, and pages known to be visible to all. */
export const settle = (url: string): Promise<void> =>
  withClient(url, async (client) => {
    await client.query('vacuum (analyze)');
    await client.query('checkpoint');
  });
