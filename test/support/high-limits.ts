/** Limits that nobody meets, so that their headers are there. No window ends during a test: that would show in them. */
const ENOUGH = { requests: 10_000_000, seconds: 3600 };
const NAMES = [
  'client',
  'signBurst',
  'signSustained',
  'signMost',
  'confirm',
  'mail',
  'mailSustained',
  'share',
  'key',
] as const;
export const limits = Object.fromEntries(NAMES.map((name) => [name, ENOUGH])) as Record<
  (typeof NAMES)[number],
  typeof ENOUGH
>;
