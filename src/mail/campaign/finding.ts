import type { Finding } from '../../core/mailings/source.js';

/** Notes something about the text at hand. */
export type Report = (severity: Finding['severity'], code: string, detail: string) => void;
