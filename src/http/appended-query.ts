/**
 * What libraries, networks and mailers append to an address, to pass caches by or to follow people. It says nothing to us:
 * public operations take no notice of it, while any other unknown parameter is refused.
 */
export const APPENDED =
  '^(?:_|_ga|_gl|_hsenc|_hsmi|cb|cachebuster|dclid|fbclid|gad_source|gbraid|gclid|gclsrc|igsh|igshid|li_fat_id|mc_cid|mc_eid|mkt_tok|msclkid|nocache|srsltid|ttclid|twclid|utm_[a-z_]+|v|ver|wbraid|yclid)$';

const IS_APPENDED = new RegExp(APPENDED);

/** A query without what was appended. */
export const plainQuery = (query: string): URLSearchParams =>
  new URLSearchParams([...new URLSearchParams(query)].filter(([name]) => !IS_APPENDED.test(name)));
