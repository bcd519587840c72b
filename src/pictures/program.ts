/** What the thread runs: the compiled file, in production. */
export function program(): URL {
  const { url } = import.meta;
  if (!url.endsWith('.ts')) return new URL('./worker.js', url);
  // In development and in tests there are only the sources, and a thread does not take over every loader.
  const bootstrap = [
    `import { register } from ${JSON.stringify(import.meta.resolve('tsx/esm/api'))};`,
    'register();',
    `await import(${JSON.stringify(new URL('./worker.ts', url).href)});`,
  ];
  return new URL(`data:text/javascript,${encodeURIComponent(bootstrap.join('\n'))}`);
}
