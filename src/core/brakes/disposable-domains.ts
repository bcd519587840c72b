import { disposableEmailBlocklistSet } from 'disposable-email-domains-js';

/** Domains of mailboxes that anybody can have for ten minutes. */
const DISPOSABLE = disposableEmailBlocklistSet();

/** Whether an identity's domain, or one above it, hands out throw-away mailboxes. */
export function isDisposable(identity: string): boolean {
  let domain = identity.slice(identity.lastIndexOf('@') + 1);
  for (let dot = domain.indexOf('.'); dot !== -1; dot = domain.indexOf('.')) {
    if (DISPOSABLE.has(domain)) return true;
    domain = domain.slice(dot + 1);
  }
  return false;
}
