import { eq, inArray } from 'drizzle-orm';
import type { TokenPurpose } from '../../../schema/db/tables/links.js';
import type { RequestedOptIn } from '../../../schema/db/tables/mail.js';
import type { Tx } from '../../store/store.js';
import { issueToken, type NewToken } from '../links/random-tokens.js';
import type { Draft } from './draft.js';
import type { LetterValues } from './letter.js';

/** Issues a token for the recipient, while the mail is written. */
export async function tokenFor(
  { tx, supporter, random }: Draft,
  purpose: TokenPurpose,
  about: Partial<Pick<NewToken, 'requestKey' | 'emailChangeKey' | 'lifetimeMs'>> = {},
): Promise<string> {
  const { key: supporterKey, linkEpoch: epoch } = supporter;
  const issued = await issueToken(tx, { purpose, bytes: random.token, supporterKey, epoch, ...about });
  return issued.token;
}

/** The organizations that the recipient would agree to be mailed by, with their consent texts. */
export async function wordsOf(
  tx: Tx,
  optIns: readonly RequestedOptIn[],
): Promise<NonNullable<LetterValues['opt_ins']>> {
  if (optIns.length === 0) return [];
  const { consentTexts: t, organizations } = tx.tables;
  const keys = optIns.map((one) => one.consentTextKey);
  return tx.db
    .select({ organization: organizations.name, text: t.text })
    .from(t)
    .innerJoin(organizations, eq(organizations.key, t.organizationKey))
    .where(inArray(t.key, keys));
}
