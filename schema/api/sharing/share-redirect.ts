import { closed, matching } from '../typebox.js';

/** Whatever stands there is looked up: what is no code is no link (404), not a wrong request. */
export const ShareRedirectPath = closed({
  code: matching('^[\\s\\S]+$', 500, {
    description: 'The code of the link: 10 letters and digits.',
    examples: ['h7Kq2mWz9T'],
  }),
});
