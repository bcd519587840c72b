/** What an installation decides about mail. */
export type Policy = Readonly<{
  /** Hours after the first mail until the reminder, and as many until the next; how many at most. */
  reminderHours: number;
  reminders: number;
  /** Of what anybody can ask for, to one mailbox: in 24 hours, in 7 days, about one petition ever. More are silently dropped. */
  perDay: number;
  perWeek: number;
  perPetition: number;
}>;

export const DEFAULT_POLICY: Policy = {
  reminderHours: 48,
  reminders: 2,
  perDay: 3,
  perWeek: 10,
  perPetition: 5,
};
