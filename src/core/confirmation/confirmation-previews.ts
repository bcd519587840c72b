import { and, eq, inArray } from 'drizzle-orm';
import type { Context } from '../context.js';
import { findToken } from '../links/random-tokens.js';
import { readRequest, type ConfirmationRequest } from '../mail/confirmation-requests.js';
import type { Confirmed } from './answering.js';

/* What the page behind a confirmation link shows. Reading it changes nothing. */

/** `confirmed`: what was requested is in effect, so there is nothing left to do. `refused`: "this wasn't me". */
export type RequestState = 'open' | 'confirmed' | 'refused';

/** It must say nothing about the person, since mails are forwarded. */
export type ConfirmationPreview = Confirmed & {
  petitionTitle: string | null;
  petitionUrl: string | null;
  organizations: string[];
  /** Credits share links to the signature; null: there is none, or its petition cannot be shared. */
  receipt: string | null;
  /** Whether it belongs to a test. */
  test: boolean;
};

/** What a token would confirm, or has confirmed. Undefined for every link that does not work. */
export async function readConfirmationPreview(
  ctx: Context,
  token: string,
): Promise<(ConfirmationPreview & { state: RequestState }) | undefined> {
  const on = ctx.store.read;
  const found = await findToken(on, 'confirm', token);
  if (!found || found.requestKey === null) return undefined;
  const { supporters } = on.tables;
  const [supporter] = await on.db
    .select({ epoch: supporters.linkEpoch })
    .from(supporters)
    .where(eq(supporters.key, found.supporterKey));
  if (supporter?.epoch !== found.epoch) return undefined;
  const request = await readRequest(on, found.requestKey);
  if (!request) return undefined;
  const state = await stateOf(ctx, request);
  if (!state || (state === 'open' && (found.usedAt || found.expiresAt <= ctx.now()))) return undefined;
  return { state, ...(await readRequestPreview(ctx, request)) };
}

/** Undefined: it was confirmed, and has been withdrawn, unsubscribed or taken out since. */
async function stateOf(ctx: Context, request: ConfirmationRequest): Promise<RequestState | undefined> {
  if (request.refusedAt) return 'refused';
  if (!request.confirmedAt) return 'open';
  const { db, tables } = ctx.store.read;
  const { signatures, subscriptions: t } = tables;
  if (request.signatureKey !== null) {
    const [row] = await db
      .select({ status: signatures.status })
      .from(signatures)
      .where(eq(signatures.key, request.signatureKey));
    // A quarantined signature looks like one that counts, as it does when it is confirmed.
    return row?.status === 'confirmed' || row?.status === 'quarantined' ? 'confirmed' : undefined;
  }
  const lists = (request.optIns ?? []).map(({ organizationKey }) => organizationKey);
  const active = await db
    .select({ key: t.key })
    .from(t)
    .where(
      and(
        eq(t.supporterKey, request.supporterKey),
        inArray(t.organizationKey, lists),
        eq(t.status, 'active'),
      ),
    );
  return active.length > 0 ? 'confirmed' : undefined;
}

export async function readRequestPreview(
  { store, sealer, links }: Context,
  { kind, petitionKey, signatureKey, optIns }: ConfirmationRequest,
): Promise<ConfirmationPreview> {
  const { db, tables } = store.read;
  const { petitions, organizations: o } = tables;
  const [petition] =
    petitionKey === null
      ? []
      : await db
          .select({
            id: petitions.publicId,
            title: petitions.title,
            slug: petitions.slug,
            pageUrl: petitions.pageUrl,
            status: petitions.status,
            test: petitions.test,
          })
          .from(petitions)
          .where(eq(petitions.key, petitionKey));
  const keys = (optIns ?? []).map(({ organizationKey }) => organizationKey);
  const names = await db
    .select({ key: o.key, name: o.name, testOf: o.testOf })
    .from(o)
    .where(inArray(o.key, keys));
  const isShared = signatureKey !== null && petition?.status === 'published';
  return {
    kind,
    petitionId: petition?.id ?? null,
    petitionTitle: petition?.title ?? null,
    petitionUrl: petition ? links.petition(petition) : null,
    organizations: keys.flatMap((key) => names.find((one) => one.key === key)?.name ?? []),
    test: petition?.test === 1 || names.some(({ testOf }) => testOf !== null),
    receipt: isShared ? sealer.receipt(signatureKey) : null,
  };
}
