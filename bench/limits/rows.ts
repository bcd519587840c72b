import { openFile } from '../../src/store/sqlite-driver.js';

/*
 * Hand-written statements that store the same rows as the server when it signs, under the same indexes and with the
 * same settings.
 */

export type Signer = { name: string; email: string; country: string; display: string };

/** An answer with as many bytes as our server's answer to a signature. */
export const answer = `{"petition_id":"pet_${'0'.repeat(26)}","confirmation":"none","next":"done","count":10000,"receipt":"rc_${'x'.repeat(59)}"}`;

const CACHE_KIB = 32_768;

/** A UUIDv7 as 16 bytes: the clock, a counter that keeps the order within a millisecond, and random bits. */
function publicIds(): () => Buffer {
  let sequence = 0;
  return () => {
    const id = Buffer.allocUnsafe(16);
    id.writeUIntBE(Date.now(), 0, 6);
    sequence = (sequence + 1) & 0xfffffff;
    id.writeUInt32BE(0x70000000 | sequence, 6);
    id.writeUInt32BE(Math.floor(Math.random() * 0x1_0000_0000), 10);
    id.writeUInt16BE(Math.floor(Math.random() * 0x1_0000), 14);
    id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
    return id;
  };
}

export function openRows(file: string, synchronous: 'FULL' | 'NORMAL' = 'FULL') {
  const db = openFile(file, { timeout: 5000 });
  db.pragma('journal_mode = wal');
  db.pragma('foreign_keys = 1');
  db.pragma('wal_autocheckpoint = 4000');
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('temp_store = 2');
  // The first write in WAL mode makes better-sqlite3 fall back to NORMAL: so write first, then set, then check.
  db.exec('begin immediate; commit');
  db.pragma(`synchronous = ${synchronous}`);
  if (db.pragma('synchronous', { simple: true }) !== (synchronous === 'FULL' ? 2 : 1)) {
    throw new Error('this would not be what it says');
  }

  const petition = db.prepare('select key from petitions limit 1').pluck().get() as number;
  const newId = publicIds();
  const statements = {
    begin: db.prepare('begin immediate'),
    commit: db.prepare('commit'),
    supporter: db
      .prepare(
        `insert into supporters (public_id, identity, delivery, created_at) values (?, ?, ?, ?)
         on conflict (identity) do nothing returning key`,
      )
      .pluck(),
    known: db.prepare('select key from supporters where identity = ?').pluck(),
    signature: db.prepare(
      `insert into signatures (public_id, petition_key, supporter_key, status, display, name, country, created_at,
         confirmed_at) values (?, ${petition}, ?, 'confirmed', ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    counts: db.prepare(
      `insert into petition_counts (petition_key, shard, pending, confirmed, invalidated, withdrawn, quarantined,
         updated_at) values (${petition}, 0, 0, ?, 0, 0, 0, ?)
       on conflict (petition_key, shard) do update set confirmed = confirmed + excluded.confirmed,
         updated_at = excluded.updated_at`,
    ),
    history: db.prepare(
      `insert into petition_history (petition_key, hour, shard, confirmed) values (${petition}, ?, 0, ?)
       on conflict (petition_key, hour, shard) do update set confirmed = confirmed + excluded.confirmed`,
    ),
  };

  /** One transaction for any number of signers, with one update of the counters. Durable when it returns. */
  function insert(signers: readonly Signer[]): void {
    const s = statements;
    const now = Date.now();
    let added = 0;
    s.begin.run();
    for (const { name, email, country, display } of signers) {
      const supporter = s.supporter.get(newId(), email, email, now) ?? s.known.get(email);
      added += s.signature.run(newId(), supporter, display, name, country, now, now).changes;
    }
    if (added > 0) {
      s.counts.run(added, now);
      s.history.run(Math.floor(now / 3_600_000), added);
    }
    s.commit.run();
  }

  return { insert };
}
