/** Starts the server that is overloaded, with the petition and the links that are probed meanwhile. */
import { startOurs, type Contender } from './contenders.js';
import { publishPetition } from './petition.js';
import { startDurablePostgres } from './stage.js';

const ROOT_KEY = Buffer.alloc(32, 1).toString('base64');

export type World = {
  server: Contender;
  /** Path of a petition whose signatures count at once. */
  petition: string;
  /** Path of a one-click unsubscribe link. */
  unsubscribe: string;
  confirmed(): Promise<number>;
  stop(): Promise<void>;
};

export async function startWorld(engine: 'sqlite' | 'postgres', folder: string): Promise<World> {
  const postgres = engine === 'postgres' ? await startDurablePostgres() : undefined;
  const more = { ROOT_KEY, MAIL_WORKER: 'false', ...(postgres ? { DATABASE_URL: postgres.url } : {}) };
  const server = await startOurs(folder, [], more);
  const base = `http://127.0.0.1:${server.port}`;
  const DATABASE_URL = postgres?.url ?? `file:${server.file}`;
  const { path: petition, key } = await publishPetition(base, { DATABASE_URL, ROOT_KEY }, folder, 'none');
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const post = <T>(path: string, body: object) =>
    json<T>(base + path, { method: 'POST', headers, body: JSON.stringify(body) });

  const text = await post<{ id: string }>('/v1/consent-texts', { locale: 'en', text: 'Yes, mail me.' });
  await post('/v1/subscriptions/import', {
    consent_text_id: text.id,
    evidence: { source: 'bench' },
    rows: [{ email: 'reader@example.org' }],
  });
  const mailing = await post<{ id: string }>('/v1/mailings', { name: 'bench' });
  const links = await json<{ data: { list_unsubscribe: string }[] }>(
    `${base}/v1/mailings/${mailing.id}/links`,
    {
      headers,
    },
  );
  const unsubscribe = new URL(links.data[0]?.list_unsubscribe.slice(1, -1) ?? '').pathname;
  return {
    server,
    petition,
    unsubscribe,
    confirmed: async () => (await json<{ confirmed: number }>(`${base}${petition}/counts`)).confirmed,
    async stop() {
      await server.stop();
      await postgres?.stop();
    },
  };
}

async function json<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return (await response.json()) as T;
}
