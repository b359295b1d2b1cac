/** A page's form comes from our page, in the same browser: form token and origin, both. */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/**
 * Whether a POST came from a page of ours. Browsers that send `Sec-Fetch-Site` (a header that no script can set) have
 * decided; for others `Origin` must be ours. `Origin: null` alone is never ours; beside `Sec-Fetch-Site: same-origin` it is
 * what `Referrer-Policy: no-referrer` makes of our own origin.
 */
export function isSameOriginPost(headers: IncomingHttpHeaders, issuer: string): boolean {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  const ours = new URL(issuer).origin;
  if (site === undefined) return origin === ours;
  return site === 'same-origin' && (origin === undefined || origin === 'null' || origin === ours);
}

export interface FormTokens {
  /** A token for the form that `binding` stands for: browser cookie, session, interaction … in this order. */
  issue(binding: readonly string[]): string;
  isValid(token: string | undefined, binding: readonly string[]): boolean;
}

/** @param key 256 bits that all replicas hold. */
export function createFormTokens(key: KeyObject): FormTokens {
  const mac = (binding: readonly string[]): Buffer =>
    createHmac('sha256', key).update(JSON.stringify(binding)).digest();
  return {
    issue: (binding) => mac(binding).toString('base64url'),
    isValid(token, binding) {
      if (token === undefined || !/^[A-Za-z0-9_-]{43}$/.test(token)) return false;
      return timingSafeEqual(Buffer.from(token, 'base64url'), mac(binding));
    },
  };
}
