/** The program of a thread: the file `name` beside the module `of`; compiled in production. */
export function threadProgram(of: string, name: string): URL {
  if (!of.endsWith('.ts')) return new URL(`./${name}.js`, of);
  // In development and tests there are only sources, and threads do not inherit the TypeScript loader.
  const bootstrap = [
    `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};`,
    'register();',
    `await import(${JSON.stringify(new URL(`./${name}.ts`, of).href)});`,
  ];
  return new URL(`data:text/javascript,${encodeURIComponent(bootstrap.join('\n'))}`);
}
