/**
 * Parameters that libraries, social networks and mailers append to URLs, to bypass caches or to track people. Public
 * operations ignore them; they refuse any other unknown parameter.
 */
export const APPENDED =
  '^(?:_|_ga|_gl|_hsenc|_hsmi|cb|cachebuster|dclid|fbclid|gad_source|gbraid|gclid|gclsrc|igsh|igshid|li_fat_id|mc_cid|mc_eid|mkt_tok|msclkid|nocache|srsltid|ttclid|twclid|utm_[a-z_]+|v|ver|wbraid|yclid)$';

const IS_APPENDED = new RegExp(APPENDED);

export const isAppended = (name: string): boolean => IS_APPENDED.test(name);

/** The query without appended parameters. */
export const plainQuery = (query: string): URLSearchParams =>
  new URLSearchParams([...new URLSearchParams(query)].filter(([name]) => !isAppended(name)));
