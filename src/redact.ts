/*
 * The last line of defence for the log: replaces tokens, keys and email addresses in any text. Code must not rely on
 * it, and must keep them out of messages itself.
 */

const TOKENS = /\b((?:p[rubcmexs]|sk|pk|ak|rc)_)[A-Za-z0-9_-]{16,}/g;
const ADDRESSES = /[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+/g;

export const redact = (text: string): string =>
  text.replace(TOKENS, '$1[redacted]').replace(ADDRESSES, '[address]');
