import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const PROGRAM = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));

/** Runs a command of the built program and resolves with what it prints. Rejects when it fails. */
export const command = async (env: NodeJS.ProcessEnv, cwd: string, ...args: string[]): Promise<string> => {
  const options = { cwd, env: { PATH: process.env['PATH'] ?? '', ...env } };
  return (await run(process.execPath, [PROGRAM, ...args], options)).stdout;
};

export type Published = { path: string; id: string; key: string };

/** Publishes a petition of the demo's organization; `confirmation: 'none'` counts a signature at once. */
export async function publishPetition(
  base: string,
  env: NodeJS.ProcessEnv,
  cwd: string,
  confirmation: 'email' | 'none',
): Promise<Published> {
  const list = await fetch(`${base}/v1/petitions`);
  const { data } = (await list.json()) as { data: { organization: { slug: string } }[] };
  const slug = data[0]?.organization.slug ?? '';
  const key = /sk_\w+/.exec(await command(env, cwd, 'keys', 'create', '--organization', slug))?.[0] ?? '';
  const post = async (path: string, body: object) => {
    const response = await fetch(base + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as { id: string };
  };
  const { id } = await post('/v1/petitions', {
    title: 'Keep every name',
    statement: 'Everyone who signs is counted once.',
    confirmation,
  });
  await post(`/v1/petitions/${id}/transitions`, { to: 'published' });
  return { path: `/v1/petitions/${id}`, id, key };
}
