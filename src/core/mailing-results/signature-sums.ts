import { and, count, eq, inArray, isNotNull, type Column } from 'drizzle-orm';
import { hourOfColumn } from './hour-of-column.js';
import type { Reader } from '../../store/store.js';
import { accessOfOrganization } from '../signatures/signature-access.js';

/** Signatures that a mailing has brought, by wording (null: not known) and the hour in which they came or were confirmed. */
export type SignatureSum = {
  kind: 'signatures' | 'confirmed';
  variantKey: number | null;
  hour: number;
  events: number;
};

/**
 * Counts the signatures of a mailing that count or still may, and that the organization may see: on a petition of
 * others, those of others stay hidden here too.
 */
export async function readSignatureSums(
  on: Reader,
  { key, organizationKey }: { key: number; organizationKey: number },
): Promise<SignatureSum[]> {
  const { signatures: t, petitions } = on.tables;
  const found = await on.db
    .selectDistinct({ key: petitions.key, organizationKey: petitions.organizationKey })
    .from(t)
    .innerJoin(petitions, eq(petitions.key, t.petitionKey))
    .where(eq(t.mailingKey, key));
  const sums: SignatureSum[] = [];
  for (const petition of found) {
    const access = await accessOfOrganization(on, organizationKey, petition);
    if (!access) continue;
    const ofMailing = and(eq(t.mailingKey, key), eq(t.petitionKey, petition.key), access.visible);
    const byHour = (column: Column, kind: SignatureSum['kind']) => {
      const hour = hourOfColumn(column);
      const counts = kind === 'signatures' ? inArray(t.status, ['pending', 'confirmed']) : CONFIRMED(on);
      return on.db
        .select({ variantKey: t.mailingVariantKey, hour, events: count() })
        .from(t)
        .where(and(ofMailing, counts))
        .groupBy(t.mailingVariantKey, hour);
    };
    for (const [column, kind] of [
      [t.createdAt, 'signatures'] as const,
      [t.confirmedAt, 'confirmed'] as const,
    ]) {
      sums.push(...(await byHour(column, kind)).map((row) => ({ ...row, kind })));
    }
  }
  return sums;
}

const CONFIRMED = ({ tables: { signatures: t } }: Reader) =>
  and(eq(t.status, 'confirmed'), isNotNull(t.confirmedAt));
