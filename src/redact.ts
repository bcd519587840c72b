/*
 * The last line of defence: nothing that reaches the log as text holds a token, a key or an address, however it got into
 * a message. Nobody should rely on it.
 */

const TOKENS = /\b((?:p[rubcmexs]|sk|pk|rc)_)[A-Za-z0-9_-]{16,}/g;
const ADDRESSES = /[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+/g;

export const redact = (text: string): string =>
  text.replace(TOKENS, '$1[redacted]').replace(ADDRESSES, '[address]');
