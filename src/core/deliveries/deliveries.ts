import { and, desc, eq, lt } from 'drizzle-orm';
import type {
  DeliveryColumn,
  DeliveryFormat,
  DeliveryRecipient,
  DeliveryWeeded,
} from '../../../schema/db/tables/deliveries.js';
import { ApiError, invalidBody, type FieldError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { speaksFor, type KeyedActor } from '../actor.js';
import type { Context } from '../context.js';
import { decodeCursor, pageOf, type Page, type PageRequest } from '../cursor.js';
import { once, type Retry } from '../idempotency.js';
import { requireWritten } from '../overtaken.js';
import { disclosedNow } from '../petitions/disclosures.js';
import { findOwnHead, findPetition } from '../petitions/petition-lookup.js';
import type { PetitionRow } from '../petitions/petition-rules.js';
import { chainOf, firstEntries, type Cut, type Delivery } from './cut.js';
import type { Entry } from './entries.js';
import { readWeeded, tallyCut } from './tally.js';
import { toldBy, untold } from './told.js';

/* Deliveries: a petition's signatures as they are handed to those whom it addresses. */

/** The states in which it has left the house: others may continue it, and everyone can read of it. */
export const HANDED_OVER = ['sent', 'opened', 'acknowledged'] as const;
export const isHandedOver = ({ state }: Pick<Delivery, 'state'>): boolean =>
  HANDED_OVER.some((one) => one === state);

/** A delivery, and the ids of what belongs to it. */
export type DeliveryView = Delivery & {
  petitionId: string;
  petition: Pick<PetitionRow, 'title' | 'locale' | 'status' | 'takedownReason'>;
  afterId: string | null;
};

export type Preview = { entries: Entry[]; weeded: DeliveryWeeded[] };

export type DeliveryInput = {
  petition: string;
  recipient?: { name: string; title?: string | null; organization?: string | null } | null;
  letter?: string | null;
  locale?: string | null;
  columns?: DeliveryColumn[] | null;
  groupBy?: Delivery['groupBy'] | null;
  formats?: DeliveryFormat[] | null;
  pageSize?: Delivery['pageSize'] | null;
  linesPerVolume?: number | null;
  after?: string | null;
  encryptTo?: string[] | null;
};

const DEFAULT_COLUMNS: DeliveryColumn[] = ['country', 'date'];
const DEFAULT_FORMATS: DeliveryFormat[] = ['pdf', 'csv', 'json'];
const LINES_PER_VOLUME = 50_000;
const PREVIEWED = 10;

/**
 * Cuts the list at this moment, and counts what is in it. Nothing is written yet: signatures can be taken out first.
 * Throws `petition_not_found`, `delivery_not_found` (of `after`), `delivery_not_sent`, `invalid_body`,
 * `idempotency_key_reused`.
 */
export async function createDelivery(
  ctx: Context,
  actor: KeyedActor,
  input: DeliveryInput,
  retry?: Retry,
): Promise<DeliveryView> {
  const on = ctx.store.read;
  const { organizationKey } = actor;
  const cutAt = ctx.now();
  const { publicId: petitionId } = await findOwnHead(on, actor, input.petition);
  const petition = await findPetition(on, actor, petitionId);
  const after = input.after ? await findAfter(on, actor, petition.key, input.after) : null;
  const chosen = choicesOf(petition, input);
  const chain = await chainOf(on, after?.key ?? null);
  const cut: Cut = { petitionKey: petition.key, organizationKey, cutAt, columns: chosen.columns, chain };
  const tallied = await tallyCut({ on, cut, told: await toldBy(on, petition) });
  const publicId = ctx.newId('dlv');
  return ctx.store.transact((tx) =>
    once(tx, retry, async () => {
      const made = await tx.db
        .insert(tx.tables.deliveries)
        .values({
          publicId,
          petitionKey: petition.key,
          organizationKey,
          apiKeyKey: actor.keyKey,
          state: 'draft',
          ...chosen,
          afterKey: after?.key ?? null,
          cutAt,
          ...tallied,
          weeded: [],
          createdAt: tx.now,
          updatedAt: tx.now,
        })
        .returning();
      const about = { petitionId, petition, afterId: after?.publicId ?? null };
      return { ...requireWritten(made), ...about };
    }),
  );
}

async function findAfter(on: Reader, actor: KeyedActor, petitionKey: number, id: string): Promise<Delivery> {
  const after = await findOwn(on, actor, id);
  if (after.petitionKey !== petitionKey) {
    throw wrong('after', 'other_petition', 'It is a delivery of another petition.');
  }
  if (!isHandedOver(after)) {
    throw new ApiError('delivery_not_sent', {
      detail: 'Send it first, or say how it was handed over: until then there is nothing to continue.',
    });
  }
  return after;
}

const wrong = (name: string, code: string, detail: string): ApiError =>
  invalidBody({ pointer: `/${name}`, code, detail });

/** What was asked for, with defaults. Throws `invalid_body`. */
function choicesOf(petition: PetitionRow, input: DeliveryInput) {
  const columns = input.columns ?? DEFAULT_COLUMNS;
  const groupBy = input.groupBy ?? 'none';
  const errors: FieldError[] = untold(columns, disclosedNow(petition)).map((column) => ({
    pointer: '/columns',
    code: 'not_disclosed',
    detail: `Signers were not told that ${column} is handed over: name it in form.discloses of the petition, for those who sign from then on.`,
  }));
  const needed = { none: null, country: 'country', region: 'region', postal_area: 'postal_code' } as const;
  const column = needed[groupBy];
  if (column !== null && !columns.includes(column)) {
    const detail = `Add ${column} to columns, or group by something else.`;
    errors.push({ pointer: '/group_by', code: 'column_missing', detail });
  }
  const recipient = recipientOf(petition, input);
  if (recipient === undefined) {
    const detail = 'The petition names no target: say to whom it is handed.';
    errors.push({ pointer: '/recipient', code: 'required', detail });
  }
  if (errors.length > 0 || recipient === undefined) throw invalidBody(...errors);
  return {
    recipient,
    letter: input.letter ?? '',
    locale: input.locale ?? petition.locale,
    columns: [...new Set(columns)],
    groupBy,
    formats: [...new Set(input.formats ?? DEFAULT_FORMATS)],
    pageSize: input.pageSize ?? ('A4' as const),
    linesPerVolume: input.linesPerVolume ?? LINES_PER_VOLUME,
    encryptTo: [...new Set(input.encryptTo ?? [])],
  };
}

/** The first target of the petition, if none is named. */
function recipientOf({ targets }: PetitionRow, { recipient }: DeliveryInput): DeliveryRecipient | undefined {
  const named = recipient ?? targets[0];
  return named && { name: named.name, title: named.title ?? null, organization: named.organization ?? null };
}

/** A delivery of the actor's organization. Throws `delivery_not_found`. */
export async function findOwn(on: Reader, actor: KeyedActor, publicId: string): Promise<DeliveryView> {
  const [row] = await selectDeliveries(on).where(eq(on.tables.deliveries.publicId, publicId));
  if (!row || !speaksFor(actor, row.delivery.organizationKey)) throw new ApiError('delivery_not_found');
  return viewOf(on, row);
}

export const selectDeliveries = ({ db, tables }: Reader) => {
  const { deliveries: t, petitions } = tables;
  return db
    .select({
      delivery: t,
      petitionId: petitions.publicId,
      petition: {
        title: petitions.title,
        locale: petitions.locale,
        status: petitions.status,
        takedownReason: petitions.takedownReason,
      },
    })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey));
};

type Selected = { delivery: Delivery } & Pick<DeliveryView, 'petitionId' | 'petition'>;

export async function viewOf(on: Reader, { delivery, ...about }: Selected): Promise<DeliveryView> {
  const { deliveries: t } = on.tables;
  const [after] =
    delivery.afterKey === null
      ? []
      : await on.db.select({ publicId: t.publicId }).from(t).where(eq(t.key, delivery.afterKey));
  return { ...delivery, ...about, afterId: after?.publicId ?? null };
}

/**
 * A delivery, and while it is a draft the first of its lines and what was taken out since the cut. Throws
 * `delivery_not_found`.
 */
export async function getDelivery(
  on: Reader,
  actor: KeyedActor,
  publicId: string,
): Promise<DeliveryView & { preview: Preview | null }> {
  const view = await findOwn(on, actor, publicId);
  if (view.state !== 'draft') return { ...view, preview: null };
  const petition = await petitionOf(on, view);
  const cut: Cut = { ...view, chain: await chainOf(on, view.afterKey) };
  const entries = await firstEntries({ on, cut, told: await toldBy(on, petition) }, PREVIEWED);
  return { ...view, preview: { entries, weeded: await readWeeded(on, cut) } };
}

/** The petition of a delivery, in whatever state it is. */
export async function petitionOf(
  on: Reader,
  { petitionKey }: Pick<Delivery, 'petitionKey'>,
): Promise<PetitionRow> {
  const { petitions: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.key, petitionKey));
  if (!row) throw new Error('a delivery without its petition');
  return row;
}

/** The deliveries of the actor's organization, or of one of its petitions, latest first. Throws `invalid_cursor`, `petition_not_found`. */
export async function listDeliveries(
  on: Reader,
  actor: KeyedActor,
  petitionRef: string | undefined,
  { limit, cursor }: PageRequest,
): Promise<Page<DeliveryView>> {
  const petition = petitionRef === undefined ? undefined : await findOwnHead(on, actor, petitionRef);
  const { organizationKey } = actor;
  const list = `deliveries:${organizationKey}:${petition?.key ?? ''}`;
  const [before] = decodeCursor(list, cursor, [0]) ?? [];
  const { deliveries: t } = on.tables;
  const rows = await selectDeliveries(on)
    .where(
      and(
        eq(t.organizationKey, organizationKey),
        petition ? eq(t.petitionKey, petition.key) : undefined,
        before === undefined ? undefined : lt(t.key, before),
      ),
    )
    .orderBy(desc(t.key))
    .limit(limit + 1);
  const views = await Promise.all(rows.map((row) => viewOf(on, row)));
  return pageOf(list, views, limit, ({ key }) => [key]);
}
