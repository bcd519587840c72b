import { eq } from 'drizzle-orm';
import {
  DISCLOSED_FIELDS,
  type DisclosedField,
  type Disclosure,
  type Form,
  type FormField,
} from '../../../schema/db/tables/petitions.js';
import type { FieldError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { HOUR_MS } from '../../time.js';

/*
 * What of a signature those whom the petition addresses are given, besides what every delivery shows. It must have been
 * said before signing, and still be said: who was told one thing, and reads another now, is held to the less of both. So a
 * field that was removed and is added again begins anew, and of each only one instant has to be kept.
 */

/** Forms that were open when a field was added do not tell it. None is open longer, as far as we can know. */
const GRACE_MS = HOUR_MS;

type Disclosing = { disclosures: readonly Disclosure[] };

/** What the form of a petition says now. */
export const disclosedNow = ({ disclosures }: Disclosing): DisclosedField[] =>
  disclosures.map(({ field }) => field);

/** The disclosures after a change. Of a draft no form is open, so there they hold at once. */
export const changeDisclosures = (
  before: readonly Disclosure[],
  wanted: readonly DisclosedField[],
  { isDraft, now }: { isDraft: boolean; now: Date },
): Disclosure[] =>
  DISCLOSED_FIELDS.filter((field) => wanted.includes(field)).map((field) => ({
    field,
    from:
      before.find((one) => one.field === field)?.from ??
      new Date(now.getTime() + (isDraft ? 0 : GRACE_MS)).toISOString(),
  }));

/** Where each is asked; null: always. */
const ASKED_AS: Record<DisclosedField, FormField | null> = {
  full_name: null,
  postal_code: 'postal_code',
  city: 'postal_address',
  region: 'postal_address',
};

/** What the form does not ask for cannot be disclosed either. */
export const checkDisclosures = (form: Form, wanted: readonly DisclosedField[]): FieldError[] =>
  wanted.flatMap((field, i) => {
    const asked = ASKED_AS[field];
    if (asked === null || form[asked] !== 'off') return [];
    const detail = `The form does not ask for ${field}: set form.${asked}, or leave it out.`;
    return [{ pointer: `/form/discloses/${i}`, code: 'not_asked', detail }];
  });

/** The part of a signature that says whether its signer was told, and when. */
export type Told = {
  createdAt: Date;
  /** Null: neither a file nor a partner vouched for it. */
  importKey: number | null;
  /** The key that it came through. */
  apiKeyKey: number | null;
};

const NOTHING: readonly DisclosedField[] = [];

/**
 * What may be disclosed of a signature: what its form has said from before it was made until now. Nothing of those that
 * came by a file, by a partner who vouched, or through a secret key: their signers need not have seen any form of ours.
 * Paper has no such form at all: do not ask. `forms`: the keys of forms, from `formKeys`.
 */
export function disclosedOf(
  { disclosures }: Disclosing,
  { createdAt, importKey, apiKeyKey }: Told,
  forms: ReadonlySet<number>,
): readonly DisclosedField[] {
  if (disclosures.length === 0 || importKey !== null) return NOTHING;
  if (apiKeyKey !== null && !forms.has(apiKeyKey)) return NOTHING;
  return disclosures.flatMap(({ field, from }) => (Date.parse(from) <= createdAt.getTime() ? [field] : []));
}

/** The keys that stand in forms: the publishable ones, also those that were revoked since. */
export async function formKeys({ db, tables: { apiKeys: t } }: Reader): Promise<Set<number>> {
  const rows = await db.select({ key: t.key }).from(t).where(eq(t.kind, 'publishable'));
  return new Set(rows.map(({ key }) => key));
}

/** The same of one signature. */
export const readDisclosed = async (
  on: Reader,
  petition: Disclosing,
  signature: Told,
): Promise<readonly DisclosedField[]> =>
  petition.disclosures.length === 0
    ? NOTHING
    : disclosedOf(petition, signature, signature.apiKeyKey === null ? new Set() : await formKeys(on));
