import { openFile } from '../../src/store/sqlite-driver.js';

/*
 * Hand-written queries on our own tables: the petition with its count, the counts alone, the first page of signatures.
 */
export function openReads(file: string) {
  const db = openFile(file, { readonly: true, timeout: 5000 });
  db.pragma('cache_size = -32768');
  const petition = db.prepare(
    `select p.*, (select sum(confirmed) from petition_counts c where c.petition_key = p.key) as confirmed
     from petitions p where slug = ?`,
  );
  const counts = db.prepare(
    `select p.goals, sum(c.confirmed) as confirmed, sum(c.pending) as pending, max(c.updated_at) as updated_at
     from petitions p left join petition_counts c on c.petition_key = p.key where p.slug = ? group by p.key`,
  );
  const signatures = db.prepare(
    `select s.key, s.name, s.display, s.country, s.confirmed_at from signatures s
     join petitions p on p.key = s.petition_key
     where p.slug = ? and s.status = 'confirmed' and s.hidden = 0 order by s.key desc limit ?`,
  );
  return {
    petition: (slug: string) => petition.get(slug),
    counts: (slug: string) => counts.get(slug),
    signatures: (slug: string, limit: number) => ({ data: signatures.all(slug, limit) }),
  };
}
