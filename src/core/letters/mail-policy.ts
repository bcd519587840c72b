/** The mail settings of an installation. */
export type Policy = Readonly<{
  /** Hours from the first mail to a reminder and between reminders; and the largest number of reminders. */
  reminderHours: number;
  reminders: number;
  /**
   * The most mails that strangers can cause to one mailbox: in 24 hours, in 7 days, and ever about one petition.
   * Further ones are dropped silently.
   */
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
