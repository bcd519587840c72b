import type { FastifyRequest } from 'fastify';
import type { Context } from '../core/context.js';
import { findSession } from '../core/my-data/sessions.js';
import type { Session } from '../core/session.js';
import { ApiError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose data a route of the session block may touch. */
    session: Session | null;
  }
}

const BEARER = /^Bearer +(ps_[^ ]+) *$/i;

/** Finds out whose session it is. Throws `session_required` for whatever is none, `invalid_session`. */
export async function resume(ctx: Context, request: FastifyRequest): Promise<Session> {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw sessionRequired();
  const session = await findSession(ctx, token);
  if (!session) throw new ApiError('invalid_session', { detail: 'Ask for a new link: createManageLink.' });
  return session;
}

/** The session of a route in the session block, where the hook has made sure of it. Throws `session_required`. */
export function sessionOf({ session }: FastifyRequest): Session {
  if (!session) throw sessionRequired();
  return session;
}

const sessionRequired = () =>
  new ApiError('session_required', {
    detail: 'Send what createSession gave as: Authorization: Bearer ps_….',
  });
