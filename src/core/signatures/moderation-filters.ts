import { and, eq, exists, gte, inArray, like, lt, or, sql, type SQL } from 'drizzle-orm';
import type { Signal } from '../../../schema/db/tables/brakes.js';
import type { ModerationAction } from '../../../schema/db/tables/signatures.js';
import type { SignatureStatus } from '../../../schema/db/tables/signatures.js';
import { invalidBody } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import { signerIsKnown } from '../counts/counting-once.js';
import { parseEmail } from '../email.js';
import { RULES } from './moderations.js';
import type { Access } from './signature-access.js';

/** Which signatures of a petition to moderate. */
export type ModerationFilter = {
  statuses?: readonly SignatureStatus[] | undefined;
  /** Signatures with at least one of these. */
  signals?: readonly Signal[] | undefined;
  source?: string | undefined;
  collectorId?: string | undefined;
  importId?: string | undefined;
  createdFrom?: Date | undefined;
  createdBefore?: Date | undefined;
  emailDomain?: string | undefined;
};

export type Selection = { petitionKey: number; action: ModerationAction; filter: ModerationFilter };

/**
 * The condition for the signatures that an action would move. A filter by address finds only signatures whose address
 * the organization may see. Throws `invalid_body`.
 */
export function conditionOf(
  on: Reader,
  access: Access,
  { petitionKey, action, filter }: Selection,
): SQL | undefined {
  const { db, tables } = on;
  const { signatures: t, organizations, imports } = tables;
  const { statuses, signals, source, collectorId, importId, createdFrom, createdBefore, emailDomain } =
    filter;
  const movable = RULES[action].from.filter((status) => statuses?.includes(status) ?? true);
  const collectors = (id: string) =>
    db.select({ key: organizations.key }).from(organizations).where(eq(organizations.publicId, id));
  const brought = (id: string) =>
    db.select({ key: imports.key }).from(imports).where(eq(imports.publicId, id));
  return and(
    access.visible,
    eq(t.petitionKey, petitionKey),
    inArray(t.status, movable),
    RULES[action].counts && signerIsKnown(on),
    source === undefined ? undefined : eq(t.source, source),
    collectorId === undefined ? undefined : inArray(t.collectorKey, collectors(collectorId)),
    importId === undefined ? undefined : inArray(t.importKey, brought(importId)),
    createdFrom && gte(t.createdAt, createdFrom),
    createdBefore && lt(t.createdAt, createdBefore),
    signals && withAny(on, signals),
    emailDomain === undefined ? undefined : and(ofDomain(on, emailDomain), access.byEmail),
  );
}

/** Matches names in the JSON text: none has a character that JSON escapes. */
function withAny({ db, tables }: Reader, signals: readonly Signal[]): SQL {
  const { suspicions: t, signatures } = tables;
  const names = signals.map((signal) => sql`cast(${t.signals} as text) like ${`%"${signal}"%`}`);
  const odd = db
    .select({ key: t.signatureKey })
    .from(t)
    .where(and(eq(t.signatureKey, signatures.key), or(...names)));
  return exists(odd);
}

function ofDomain({ db, tables }: Reader, domain: string): SQL {
  const { supporters: t, signatures } = tables;
  const identity = parseEmail(`x@${domain}`)?.identity;
  if (identity === undefined) {
    throw invalidBody({
      pointer: '/filter/email_domain',
      code: 'format',
      detail: 'Write it like example.org.',
    });
  }
  // A domain contains no wildcards of LIKE.
  const theirs = db
    .select({ key: t.key })
    .from(t)
    .where(and(eq(t.key, signatures.supporterKey), like(t.identity, `%${identity.slice(1)}`)));
  return exists(theirs);
}
