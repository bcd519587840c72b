/** What a thread runs: the compiled file `name` beside the module `of`, in production. */
export function threadProgram(of: string, name: string): URL {
  if (!of.endsWith('.ts')) return new URL(`./${name}.js`, of);
  // In development and in tests there are only the sources, and a thread does not take over every loader.
  const bootstrap = [
    `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};`,
    'register();',
    `await import(${JSON.stringify(new URL(`./${name}.ts`, of).href)});`,
  ];
  return new URL(`data:text/javascript,${encodeURIComponent(bootstrap.join('\n'))}`);
}
