import { and, desc, eq, inArray, isNull, or } from 'drizzle-orm';
import type { Reader } from '../../store/store.js';
import type { Context } from '../context.js';
import { linkedSubscription, verify } from '../links/signed-tokens.js';
import type { PetitionHead } from '../petitions/petition-lookup.js';
import type { ProfileData } from '../supporters/supporters.js';
import type { SignInput } from './sign-input.js';

/*
 * Who a mailing went to, for signing with one tap. What is found here never leaves the server by an answer: whoever has a
 * mail is not its recipient.
 */

export type MailRecipient = {
  supporterKey: number;
  organizationKey: number;
  identity: string;
  delivery: string;
  /** The language of the subscription. */
  locale: string | null;
};

/** The recipient of the mail with this token, as long as they may be mailed: undefined for every other token. */
export async function findRecipient(
  ctx: Context,
  on: Reader,
  token: string,
  now: Date,
): Promise<MailRecipient | undefined> {
  const claims = await verify(ctx, on, 'recognise', token, now);
  const linked = claims && (await linkedSubscription(on, 'recognise', claims));
  if (linked?.status !== 'active') return undefined;
  const { subscriptions: t, supporters } = on.tables;
  const [row] = await on.db
    .select({
      supporterKey: t.supporterKey,
      organizationKey: t.organizationKey,
      identity: supporters.identity,
      delivery: supporters.delivery,
      locale: t.locale,
    })
    .from(t)
    .innerJoin(supporters, eq(supporters.key, t.supporterKey))
    .where(and(eq(t.key, linked.key), isNull(supporters.erasedAt)));
  return row;
}

/** The parts of a form that an organization may know. */
export type KnownWords = Pick<SignInput, 'name' | 'country' | 'postalCode' | 'postalAddress' | 'phone'>;

/**
 * What the petition requires of a signer, from what the organization of the mailing knows: their latest signature that it
 * collected, else its contact. Nothing that they told others: the signature will show it to organizers before its signer
 * has confirmed it. Undefined: it does not know all.
 */
export async function knownWords(
  on: Reader,
  recipient: MailRecipient,
  petition: Pick<PetitionHead, 'form'>,
): Promise<KnownWords | undefined> {
  return (
    required(petition, await signedWords(on, recipient)) ??
    required(petition, await contactWords(on, recipient))
  );
}

const ASKED = {
  country: 'country',
  postalCode: 'postal_code',
  postalAddress: 'postal_address',
  phone: 'phone',
} as const;

function required(
  { form }: Pick<PetitionHead, 'form'>,
  said: ProfileData | undefined,
): KnownWords | undefined {
  if (!said?.name) return undefined;
  const asked = (Object.keys(ASKED) as (keyof typeof ASKED)[]).filter(
    (one) => form[ASKED[one]] === 'required',
  );
  if (asked.some((one) => said[one] == null)) return undefined;
  return { name: said.name, ...Object.fromEntries(asked.map((one) => [one, said[one]])) };
}

async function signedWords(
  { db, tables }: Reader,
  { supporterKey, organizationKey }: MailRecipient,
): Promise<ProfileData | undefined> {
  const { signatures: t, petitions, partnerships } = tables;
  const led = db
    .select({ key: petitions.key })
    .from(petitions)
    .where(eq(petitions.organizationKey, organizationKey));
  const shared = db
    .select({ key: partnerships.petitionKey })
    .from(partnerships)
    .where(and(eq(partnerships.organizationKey, organizationKey), eq(partnerships.status, 'accepted')));
  const [row] = await db
    .select({
      name: t.name,
      country: t.country,
      postalCode: t.postalCode,
      postalAddress: t.postalAddress,
      phone: t.phone,
    })
    .from(t)
    .where(
      and(
        eq(t.supporterKey, supporterKey),
        eq(t.status, 'confirmed'),
        or(
          and(inArray(t.petitionKey, led), or(isNull(t.collectorKey), eq(t.collectorKey, organizationKey))),
          and(inArray(t.petitionKey, shared), eq(t.collectorKey, organizationKey)),
        ),
      ),
    )
    .orderBy(desc(t.confirmedAt))
    .limit(1);
  return row;
}

async function contactWords(
  { db, tables: { contacts: t } }: Reader,
  { supporterKey, organizationKey }: MailRecipient,
): Promise<ProfileData | undefined> {
  const [row] = await db
    .select()
    .from(t)
    .where(and(eq(t.supporterKey, supporterKey), eq(t.organizationKey, organizationKey)));
  return row;
}
