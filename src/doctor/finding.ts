import type { Config } from '../config.js';

/** `advice`: what to do about it. */
export type Finding = { about: string; level: 'ok' | 'warning' | 'problem'; found: string; advice?: string };

/** What the operator says on the command line. */
export type Asked = {
  /** The selector of the DKIM key that the mail server signs with. */
  dkimSelector?: string | undefined;
  /** An address elsewhere, for asking the mail server whether it would take a mail for it. */
  mailTo?: string | undefined;
};

export type Check = (config: Config, asked: Asked) => Promise<Finding[]>;

type Say = Record<'warning' | 'problem', (found: string, advice: string) => Finding> & {
  ok: (found: string) => Finding;
};

export const say = (about: string): Say => ({
  ok: (found) => ({ about, level: 'ok', found }),
  warning: (found, advice) => ({ about, level: 'warning', found, advice }),
  problem: (found, advice) => ({ about, level: 'problem', found, advice }),
});
