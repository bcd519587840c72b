import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ApiError } from '../../errors.js';
import { MINUTE_MS } from '../../time.js';

/* Who may report bounces: requests that are signed as in https://www.standardwebhooks.com, over the bytes of the body. */

const TOLERANCE_MS = 5 * MINUTE_MS;
/** For pipes of mail servers, which cannot sign. */
const SECRET_HEADER = 'webhook-secret';

export type WebhookCheck = {
  /** Throws `invalid_webhook` unless the body is signed. */
  signed(request: FastifyRequest, body: Buffer): void;
  /** The same, or the secret itself is in a header. */
  signedOrTrusted(request: FastifyRequest, body: Buffer): void;
};

/** Checks requests with MAIL_WEBHOOK_SECRET. Without one, everything is refused. */
export function createWebhookCheck(secret: string): WebhookCheck {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const isSigned = ({ headers }: FastifyRequest, body: Buffer): boolean => {
    const [id, at] = [String(headers['webhook-id'] ?? ''), String(headers['webhook-timestamp'] ?? '')];
    if (id === '' || !/^\d{1,12}$/.test(at)) return false;
    if (Math.abs(Date.now() - Number(at) * 1000) > TOLERANCE_MS) return false;
    const expected = createHmac('sha256', key).update(`${id}.${at}.`).update(body).digest('base64');
    const given = String(headers['webhook-signature'] ?? '').split(' ');
    return given.some((one) => one.startsWith('v1,') && equals(one.slice(3), expected));
  };
  const signed = (request: FastifyRequest, body: Buffer) => {
    if (secret === '') throw refused('MAIL_WEBHOOK_SECRET is not set here.');
    if (!isSigned(request, body)) throw refused('Sign the body as it is, and send it within five minutes.');
  };
  return {
    signed,
    signedOrTrusted(request, body) {
      const given = request.headers[SECRET_HEADER];
      if (given === undefined || secret === '') return signed(request, body);
      if (!equals(String(given), secret)) throw refused('Webhook-Secret is not MAIL_WEBHOOK_SECRET.');
    },
  };
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
const equals = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

const refused = (detail: string) => new ApiError('invalid_webhook', { detail });
