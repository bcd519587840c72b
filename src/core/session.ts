/** The supporter whose data a request may see and change. */
export type Session = { readonly supporterKey: number };
