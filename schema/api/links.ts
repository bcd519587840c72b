import { matching } from './typebox.js';

/*
 * The tokens of mailed links, as callers send them. A malformed token must get the same answer as an invalid one, so
 * the pattern is deliberately loose. What mail programs and people add around a token is removed before.
 */

const EXAMPLES = {
  pc: 'pc_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2',
  pm: 'pm_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2',
  pe: 'pe_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2',
  px: 'px_q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2',
  pu: 'pu_AQIBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9zQ',
  pr: 'pr_AQEBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m6',
} as const;

/** A token of a mailed link. */
export const linkToken = (prefix: keyof typeof EXAMPLES, description: string) =>
  matching('^[\\x21-\\x7e]+$', 200, {
    rule: `Write the token as it stands in the link, like ${EXAMPLES[prefix]}.`,
    description,
    examples: [EXAMPLES[prefix]],
    typed: 'mailed_token',
  });
