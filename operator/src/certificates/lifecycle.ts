/**
 * PURE. When which certificate is due. A new authority is published long before anything is signed by it, and an old one
 * stays published until it ends: whoever trusts yesterday's bundle can talk to today's server.
 */
import type { X509Certificate } from 'node:crypto';
import { type Inspected, inspect, isSignedBy, namesOf, type Pair, readCertificates } from './inspect.ts';

const day = 86_400_000;

/** Milliseconds. */
export const lifetimes = {
  /** Clocks differ: certificates count from an hour before they are made. */
  skew: 3_600_000,
  authority: 3650 * day,
  /** Left of the one that signs when the next one is published. */
  publishAuthority: 365 * day,
  /** Left of the one that signs when the next one takes over: more than a serving certificate lives. */
  replaceAuthority: 180 * day,
  serving: 90 * day,
  /** Left of a serving certificate when it is renewed. */
  renewServing: 30 * day,
  /** From a serving certificate of another authority until the one before is no longer published. */
  trustFormer: day,
} as const;

/** As a Secret keeps them. */
export interface Authorities {
  /** Signs. */
  readonly signing: Pair;
  /** Published, and signs nothing yet. */
  readonly next?: Pair;
  /** Certificates in PEM: what they signed is still accepted. Their keys are gone. */
  readonly former: readonly string[];
}

export interface FoundAuthorities {
  readonly signing: Pair | undefined;
  readonly next: Pair | undefined;
  readonly former: readonly string[];
}

/** A serving certificate as it stands: with the authority that it came with, which is trusted out there. */
export interface Serving extends Pair {
  readonly authority: string;
}

export type AuthorityStep =
  /** `moved`: something is to be written, without a new key. */
  | { readonly step: 'keep'; readonly authorities: Authorities; readonly moved: boolean }
  /** Make one that signs at once: there is none, or it counts only from then on (epoch milliseconds). */
  | { readonly step: 'first'; readonly former: readonly string[]; readonly notBefore?: number }
  /** Make the one that signs later. */
  | { readonly step: 'publish'; readonly authorities: Authorities };

export function planAuthorities(found: FoundAuthorities, serving: Serving | undefined, now: number): AuthorityStep {
  const signing = usable(found.signing, now);
  const next = usable(found.next, now);
  const known = [...found.former, ...(serving === undefined ? [] : [serving.authority])];
  const former = (...others: readonly (Pair | undefined)[]): readonly string[] => {
    const gone = new Set(others.map((pair) => pair?.certificate));
    return [...new Set(known)].filter((pem) => !gone.has(pem) && isStillTrusted(pem, serving, now));
  };
  if (signing === undefined) {
    if (next === undefined) return { step: 'first', former: former(), ...ofTheFuture(found.signing, now) };
    return { step: 'keep', authorities: { signing: next.pair, former: former(next.pair) }, moved: true };
  }
  const left = signing.until - now;
  if (next !== undefined && left <= lifetimes.replaceAuthority) {
    known.push(signing.pair.certificate);
    return { step: 'keep', authorities: { signing: next.pair, former: former(next.pair) }, moved: true };
  }
  const kept = former(signing.pair, next?.pair);
  if (next === undefined && left <= lifetimes.publishAuthority)
    return { step: 'publish', authorities: { signing: signing.pair, former: kept } };
  const authorities = { signing: signing.pair, ...(next === undefined ? {} : { next: next.pair }), former: kept };
  const same = kept.join('') === found.former.join('') && (found.next === undefined) === (next === undefined);
  return { step: 'keep', authorities, moved: !same };
}

/** What clients are to trust: the one that signs first. */
export function bundleOf({ signing, next, former }: Authorities): string {
  return [signing.certificate, ...(next === undefined ? [] : [next.certificate]), ...former].join('');
}

/** Why a serving certificate is to be made anew. */
export type Renewal = 'missing' | 'unusable' | 'names' | 'untrusted' | 'due';

/** `undefined`: it stays. */
export function renewalOf(
  serving: Serving | undefined,
  authorities: Authorities,
  { names, now }: { readonly names: readonly string[]; readonly now: number },
): Renewal | undefined {
  if (serving === undefined) return 'missing';
  const found = inspect(serving);
  if (typeof found === 'string' || found.from > now) return 'unusable';
  if (authorityOf(serving.certificate, authorities) !== serving.authority) return 'untrusted';
  const has = namesOf(found.leaf);
  if (has.join() !== [...new Set(names)].sort().join()) return 'names';
  return found.until - now <= lifetimes.renewServing ? 'due' : undefined;
}

/** The published authority that signed it, in PEM. */
export function authorityOf(certificate: string, authorities: Authorities): string | undefined {
  const [leaf] = readCertificates(certificate) ?? [];
  if (leaf === undefined) return undefined;
  const { signing, next, former } = authorities;
  return [signing.certificate, ...(next === undefined ? [] : [next.certificate]), ...former].find((pem) => {
    const [issuer] = readCertificates(pem) ?? [];
    return issuer !== undefined && isSignedBy(leaf, issuer);
  });
}

/** Epoch milliseconds: when the next step is due. */
export function nextStep(authorities: Authorities, serving: Serving): number {
  const [leaf] = readCertificates(serving.certificate) ?? [];
  const [signing] = readCertificates(authorities.signing.certificate) ?? [];
  if (leaf === undefined || signing === undefined) return 0;
  const { next, former } = authorities;
  return Math.min(
    leaf.validToDate.getTime() - lifetimes.renewServing,
    signing.validToDate.getTime() - (next === undefined ? lifetimes.publishAuthority : lifetimes.replaceAuthority),
    // Those that did not sign what is shown now go next.
    ...(former.some((pem) => pem !== serving.authority) ? [trustedUntil(leaf)] : []),
  );
}

/**
 * Epoch milliseconds: when the newest of these was made, the first of which is shown. `undefined`: that one cannot be.
 */
export function issuedBy([shown, ...others]: readonly [Pair, ...(Pair | undefined)[]]): number | undefined {
  const fromOf = (pair: Pair | undefined): number | undefined => {
    const found = pair === undefined ? 'certificate' : inspect(pair);
    return typeof found === 'string' ? undefined : found.from;
  };
  const from = fromOf(shown);
  if (from === undefined) return undefined;
  return Math.max(from, ...others.map(fromOf).filter((one) => one !== undefined)) + lifetimes.skew;
}

export function validityFrom(now: number, lifetime: number): { readonly notBefore: Date; readonly notAfter: Date } {
  // Whole seconds: certificates know no others.
  const start = Math.floor(now / 1000) * 1000;
  return { notBefore: new Date(start - lifetimes.skew), notAfter: new Date(start + lifetime) };
}

function usable(pair: Pair | undefined, now: number): (Inspected & { readonly pair: Pair }) | undefined {
  if (pair === undefined) return undefined;
  const found = inspect(pair);
  if (typeof found === 'string' || !isAuthority(found.leaf)) return undefined;
  // One of the future was made by a clock that was ahead: nobody accepts what it signs.
  return found.from > now || found.until <= now ? undefined : { ...found, pair };
}

function ofTheFuture(pair: Pair | undefined, now: number): { readonly notBefore?: number } {
  const found = pair === undefined ? 'certificate' : inspect(pair);
  return typeof found === 'string' || found.from <= now ? {} : { notBefore: found.from };
}

function isAuthority(certificate: X509Certificate): boolean {
  return isSignedBy(certificate, certificate);
}

/**
 * As long as what it signed is shown, and for a day after: servers and clients read what was written at different times.
 */
function isStillTrusted(pem: string, serving: Serving | undefined, now: number): boolean {
  const [authority] = readCertificates(pem) ?? [];
  if (authority === undefined || !isAuthority(authority)) return false;
  if (authority.validFromDate.getTime() > now || authority.validToDate.getTime() <= now) return false;
  const [leaf] = readCertificates(serving?.certificate ?? '') ?? [];
  if (leaf === undefined) return true;
  return isSignedBy(leaf, authority) ? leaf.validToDate.getTime() > now : trustedUntil(leaf) > now;
}

/** Epoch milliseconds: until when authorities before that of a serving certificate are published. */
function trustedUntil(leaf: X509Certificate): number {
  return leaf.validFromDate.getTime() + lifetimes.skew + lifetimes.trustFormer;
}
