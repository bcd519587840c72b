import { existsSync, readFileSync } from 'node:fs';

/** The folder with package.json and drizzle/: the same from the sources and from dist. */
export const packageRoot: URL = findRoot(new URL('.', import.meta.url));

function findRoot(from: URL): URL {
  return existsSync(new URL('package.json', from)) ? from : findRoot(new URL('..', from));
}

export const { version } = JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')) as {
  version: string;
};
