import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../app.js';
import { erasureJournalFile } from '../erasure-journal-file.js';
import { toYaml } from '../http/openapi/openapi-yaml.js';
import { documentOf } from '../http/openapi/openapi.js';
import { migrateStore, openStore } from '../store/open.js';

/**
 * The OpenAPI document as YAML. It is built on a temporary empty database, so it does not depend on the environment.
 */
export async function renderDocument(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'undersigned-'));
  const url = `file:${join(folder, 'empty.db')}`;
  await migrateStore(url);
  const store = await openStore(url, {
    now: () => new Date(),
    maxWaiting: 1,
    poolSize: 1,
    statementTimeoutMs: 1000,
    onFatal: () => undefined,
  });
  const config = { publicUrl: 'https://petitions.example', trustProxy: [], limits: null };
  const erasures = erasureJournalFile(join(folder, 'erasures.log'));
  const app = await build({ config, store, rootKey: Buffer.alloc(32), erasures });
  const document = toYaml(documentOf(app));
  await app.close();
  await store.close();
  rmSync(folder, { recursive: true });
  return document;
}

export async function openapiCommand({ write }: { write?: string }): Promise<void> {
  const document = await renderDocument();
  if (write === undefined) process.stdout.write(document);
  else writeFileSync(write, document);
}
