/** What was looked at, and whether it holds. `open`: it could not be looked at, which is no failure. */
export type Finding = { level: 'holds' | 'fails' | 'open'; about: string; found: string };

export const holds = (about: string, found: string): Finding => ({ level: 'holds', about, found });
export const fails = (about: string, found: string): Finding => ({ level: 'fails', about, found });
export const open = (about: string, found: string): Finding => ({ level: 'open', about, found });
