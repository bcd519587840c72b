import { disposableEmailBlocklistSet } from 'disposable-email-domains-js';

/** Domains of throw-away mailboxes. */
const DISPOSABLE = disposableEmailBlocklistSet();

/** Whether an identity's domain, or a parent of it, hands out throw-away mailboxes. */
export function isDisposable(identity: string): boolean {
  let domain = identity.slice(identity.lastIndexOf('@') + 1);
  for (let dot = domain.indexOf('.'); dot !== -1; dot = domain.indexOf('.')) {
    if (DISPOSABLE.has(domain)) return true;
    domain = domain.slice(dot + 1);
  }
  return false;
}
