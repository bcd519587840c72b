import type { FastifyRequest } from 'fastify';
import type { AdminScope } from '../../schema/db/tables/organization.js';
import type { Context } from '../core/context.js';
import { authenticateAdmin, type Admin } from '../core/organization/admin-keys.js';
import { ApiError } from '../errors.js';
import { assertNoPage } from './auth.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks, in the `admin` block. */
    admin: Admin | null;
  }
  interface FastifyContextConfig {
    /** The scope that an admin key needs to call this route. Required in the `admin` block. */
    adminScope?: AdminScope;
  }
}

const BEARER = /^Bearer +(ak_[^ ]+) *$/i;

/** The holder of an admin key. Throws `admin_key_required` without one, `invalid_key`, `secret_key_in_browser`. */
export async function identifyAdmin(ctx: Context, request: FastifyRequest): Promise<Admin> {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) throw adminKeyRequired();
  const admin = await authenticateAdmin(ctx, token);
  assertNoPage(request);
  return admin;
}

/** The holder of the admin key, if it may call this route. Throws `admin_key_required`, `scope_required`. */
export function adminOf({ admin }: FastifyRequest, scope: AdminScope | undefined): Admin {
  if (!admin) throw adminKeyRequired();
  if (scope === undefined || !admin.scopes.includes(scope)) {
    throw new ApiError('scope_required', { detail: `The key needs the scope ${scope}.` });
  }
  return admin;
}

const adminKeyRequired = () =>
  new ApiError('admin_key_required', {
    detail:
      'Send an admin key as: Authorization: Bearer ak_…. An operator makes one with `undersigned admin-keys create`.',
  });
