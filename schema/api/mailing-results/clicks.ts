import { closed, matching } from '../typebox.js';

/** Accepts any text: a malformed code must get a 404 like an unknown one, not a 400. */
const code = () =>
  matching('^[\\s\\S]+$', 500, {
    description: 'The code of the link: 11 letters, digits, `-` and `_`.',
    examples: ['h7Kq2mWz9Tb'],
  });

export const ClickPath = closed({ code: code() });
export const PersonalClickPath = closed({
  code: code(),
  recognition: matching('^[\\s\\S]+$', 500, {
    description:
      'The recognition token of the mail. Links to the petition hand it on as `r`; all others drop it.',
    examples: ['pr_AQEBAAAAAE9nq1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c2v3b4n5m6'],
  }),
});
