import type { Contact } from '../../core/supporters/contacts.js';
import { iso } from '../case.js';

/** What an organization says of somebody. */
export const toContact = (row: Omit<Contact, 'organizationKey' | 'supporterKey'>) => ({
  name: row.name,
  country: row.country,
  postal_code: row.postalCode,
  postal_address: row.postalAddress,
  phone: row.phone,
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
});
