import type { FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import { findSession } from '../core/my-data/sessions.js';
import type { Session } from '../core/session.js';
import { ApiError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The session of a request, in the `session` block: whose data it may read and change. */
    session: Session | null;
  }
}

const BEARER = /^Bearer +(ps_[^ ]+) *$/i;

/** The session of a request's token. Throws `session_required` without a session token, `invalid_session`. */
export async function resume(ctx: Context, request: FastifyRequest): Promise<Session> {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw sessionRequired();
  const session = await findSession(ctx, token);
  if (!session) throw new ApiError('invalid_session', { detail: 'Ask for a new link: createManageLink.' });
  return session;
}

/** The session of a route in the `session` block, whose hook has verified it. Throws `session_required` elsewhere. */
export function sessionOf({ session }: FastifyRequest): Session {
  if (!session) throw sessionRequired();
  return session;
}

const sessionRequired = () =>
  new ApiError('session_required', {
    detail: 'Send what createSession gave as: Authorization: Bearer ps_….',
  });
