import { e164Of } from '../../core/phones.js';
import type { Contact } from '../../core/supporters/contacts.js';
import { iso } from '../case.js';

/** The contact data that an organization keeps about a supporter. */
export const toContact = (row: Omit<Contact, 'organizationKey' | 'supporterKey'>) => ({
  name: row.name,
  given_name: row.givenName,
  family_name: row.familyName,
  country: row.country,
  postal_code: row.postalCode,
  postal_address: row.postalAddress,
  phone: row.phone,
  phone_e164: e164Of(row.phone, row.country),
  created_at: iso(row.createdAt),
  updated_at: iso(row.updatedAt),
});
