import { open } from 'node:fs/promises';

/** A whole file that should be small. Throws errors of the system, and one for files that are larger. */
export async function readSmall(path: string, mostBytes: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > mostBytes) throw new Error('the file is too large for what it should be');
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The same; undefined: there is none. */
export async function readIfThere(path: string, mostBytes: number): Promise<Buffer | undefined> {
  try {
    return await readSmall(path, mostBytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
