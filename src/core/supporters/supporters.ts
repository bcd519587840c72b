import { eq, sql, type Column } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { bind, bindAll, statement, type Reader, type Tx } from '../../store/store.js';
import { inWorld, parseEmail, type EmailAddress, type World } from '../email.js';

type SupporterRow = Tables['supporters']['$inferSelect'];

/** What a supporter says about themselves. */
export type ProfileData = Partial<
  Pick<
    SupporterRow,
    'name' | 'givenName' | 'familyName' | 'country' | 'postalCode' | 'postalAddress' | 'phone'
  >
>;

const insertSupporter = statement('supporter_insert', ({ db, tables: { supporters: t } }: Tx) =>
  db
    .insert(t)
    .values({ ...bindAll(t, ['publicId', 'identity', 'delivery', 'createdAt']), linkEpoch: 0 })
    .onConflictDoNothing()
    .returning({ key: t.key }),
);

/** Apart, so that a real signing binds no value for it. */
const insertTestSupporter = statement('supporter_insert_test', ({ db, tables: { supporters: t } }: Tx) =>
  db
    .insert(t)
    .values({
      ...bindAll(t, ['publicId', 'identity', 'delivery', 'testOrganizationKey', 'createdAt']),
      linkEpoch: 0,
    })
    .onConflictDoNothing()
    .returning({ key: t.key }),
);

const findKey = statement('supporter_find', ({ db, tables: { supporters: t } }: Tx) =>
  db
    .select({ key: t.key })
    .from(t)
    .where(eq(t.identity, bind(t.identity, 'identity'))),
);

/** The supporter with this address, created if there is none. An existing one is not changed. */
export async function findOrCreateSupporter(
  tx: Tx,
  email: EmailAddress,
  publicId: string,
): Promise<{ key: number }> {
  const insert = email.testOrganizationKey === undefined ? insertSupporter : insertTestSupporter;
  const [inserted] = await insert(tx, { publicId, ...email, createdAt: tx.now });
  const row = inserted ?? (await findKey(tx, { identity: email.identity }))[0];
  if (!row) throw new Error('a supporter was neither inserted nor found');
  return row;
}

/** The supporter with a typed address in a world; undefined also if it is not an address. */
export async function findSupporter(
  on: Reader,
  world: World,
  typed: string,
): Promise<SupporterRow | undefined> {
  const email = inWorld(world, parseEmail(typed));
  return email && findSupporterByIdentity(on, email.identity);
}

export async function findSupporterByIdentity(
  on: Reader,
  identity: string,
): Promise<SupporterRow | undefined> {
  const { supporters: t } = on.tables;
  const [row] = await on.db.select().from(t).where(eq(t.identity, identity));
  return row;
}

/**
 * Call it when the mailbox is proven: what the supporter says replaces their profile; fields that are left out keep
 * their value.
 */
export async function updateProvenProfile(tx: Tx, key: number, said: ProfileData): Promise<void> {
  const { supporters: t } = tx.tables;
  const { name, country, postalCode, postalAddress, phone } = said;
  const known = Object.entries({ name, country, postalCode, postalAddress, phone }).filter(
    ([, value]) => value != null,
  );
  // Parts stay only with the name that they are of.
  const part = (column: Column, value: string | null | undefined) =>
    value ?? sql`case when ${t.name} = ${name} then ${column} end`;
  const parts = name != null && {
    givenName: part(t.givenName, said.givenName),
    familyName: part(t.familyName, said.familyName),
  };
  await tx.db
    .update(t)
    .set({ ...Object.fromEntries(known), ...parts, provenAt: tx.now })
    .where(eq(t.key, key));
}
