/**
 * Loaded before everything else in each process that tap starts, unless coverage is wanted. Tap puts a module loader into
 * these processes, and into all that they start, which notes every file that is loaded and parses its source map: it takes
 * longer than loading does, and coverage alone needs it. Tap has no option that leaves it out.
 */
import module from 'node:module';

const isTapLoader = (specifier: string | URL) => String(specifier).includes('/@tapjs/processinfo/');

// What tap finds here it takes for the notes of a loader that is already there, and then adds none to child processes.
Object.assign(globalThis, {
  [Symbol.for('@tapjs/processinfo.ProcessInfoNodeData')]: { files: [], sources: {} },
});

// Where Node.js has this, tap would use it instead of `register`.
Reflect.deleteProperty(module, 'registerHooks');
const { register } = module;
module.register = (specifier: string | URL, ...rest: []) => {
  if (!isTapLoader(specifier)) register(specifier, ...rest);
};
