import type { Config } from '../config.js';

/** `advice`: what to do about it. */
export type Finding = { about: string; level: 'ok' | 'warning' | 'problem'; found: string; advice?: string };
export type Check = (config: Config) => Promise<Finding[]>;
