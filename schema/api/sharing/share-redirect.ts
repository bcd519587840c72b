import { closed, matching } from '../typebox.js';

/** Accepts any text: a malformed code must get a 404 like an unknown one, not a 400. */
export const ShareRedirectPath = closed({
  code: matching('^[\\s\\S]+$', 500, {
    description: 'The code of the link: 10 letters and digits.',
    examples: ['h7Kq2mWz9T'],
  }),
});
