import { and, eq, isNull } from 'drizzle-orm';
import type { Tables } from '../../../schema/db/tables.js';
import { ApiError } from '../../errors.js';
import type { Reader } from '../../store/store.js';
import type { Context } from '../context.js';
import { renamed } from '../names.js';
import type { Session } from '../session.js';

export type MyProfile = Tables['supporters']['$inferSelect'];

/** The session's supporter. Throws `invalid_session` if they were erased since the session was found. */
export async function readMe(on: Reader, { supporterKey }: Session): Promise<MyProfile> {
  const { supporters: t } = on.tables;
  const [row] = await on.db
    .select()
    .from(t)
    .where(and(eq(t.key, supporterKey), isNull(t.erasedAt)));
  if (!row) throw new ApiError('invalid_session');
  return row;
}

export type MePatch = Partial<
  Pick<MyProfile, 'name' | 'givenName' | 'familyName' | 'country' | 'postalCode' | 'postalAddress' | 'phone'>
>;

/** Changes the supporter's profile; the name as `renamed` does. Signatures keep their data. Throws `invalid_session`. */
export async function patchMe(ctx: Context, session: Session, patch: MePatch): Promise<MyProfile> {
  return ctx.store.transact(async (tx) => {
    const { supporters: t } = tx.tables;
    const before = await readMe(tx, session);
    const [row] = await tx.db
      .update(t)
      .set({ ...patch, ...renamed(before, patch) })
      .where(and(eq(t.key, session.supporterKey), isNull(t.erasedAt)))
      .returning();
    if (!row) throw new ApiError('invalid_session');
    return row;
  });
}
