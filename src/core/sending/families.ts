const FAMILIES: Record<string, string> = {
  'gmail.com': 'google',
  'googlemail.com': 'google',
  'hotmail.com': 'microsoft',
  'live.com': 'microsoft',
  'msn.com': 'microsoft',
  'outlook.com': 'microsoft',
  'aol.com': 'yahoo',
  'yahoo.com': 'yahoo',
  'icloud.com': 'apple',
  'me.com': 'apple',
};

/** Which recipient domains share one pace: those of one provider, else each its own. */
export const familyOf = (domain: string): string => FAMILIES[domain] ?? domain;
