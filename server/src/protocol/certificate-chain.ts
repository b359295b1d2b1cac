/**
 * PURE. Whether a client's certificate leads to an authority that its server trusts (RFC 5280 §6). Judged here and not by
 * the handshake alone, so that one rule holds for certificates that a proxy passes on, for open connections, and from the
 * moment in which the authorities change. What is not understood is refused: constraints on names and policies, and every
 * critical extension that is not listed. Revocation lists are not asked: a client is ended in its registration.
 */
import { X509Certificate } from 'node:crypto';
import { type CertificateFacts, readCertificate, rsaPss } from './certificate-names.ts';
import { elementsIn, readDer } from './der.ts';

export type ChainProblem = 'untrusted_certificate' | 'expired_certificate';

/** Authorities between a client and the one that is trusted. */
const longestPath = 4;
/** Signatures that one judgement may check: whoever sends a chain decides how many could fit. */
const mostChecks = 16;

const basicConstraints = '2.5.29.19';
const nameConstraints = '2.5.29.30';
const understood: readonly string[] = ['2.5.29.15', '2.5.29.17', basicConstraints, '2.5.29.32', '2.5.29.37'];
/** id-kp-clientAuth and anyExtendedKeyUsage. */
const clientUsages: readonly string[] = ['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'];
/** RSA and ECDSA with SHA-256, SHA-384 or SHA-512; Ed25519, Ed448. */
const signatures = /^1\.2\.840\.(?:113549\.1\.1\.1[1-3]|10045\.4\.3\.[234])$|^1\.3\.101\.11[23]$/;
/** SHA-256, SHA-384, SHA-512: RSASSA-PSS says in its parameters which hash it is over. */
const hashes = /^2\.16\.840\.1\.101\.3\.4\.2\.[123]$/;

/**
 * @param intermediates as the client sent them: any order, and any number that does not belong.
 * @param authorities trusted, each of them, whether it signs itself or not.
 * @param now epoch milliseconds.
 * @returns `null`: it is trusted.
 */
export function judgeChain(
  client: X509Certificate,
  intermediates: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
  now: number,
): ChainProblem | null {
  if (!isCurrent(client, now)) return 'expired_certificate';
  const budget = { left: mostChecks };
  const leaf = mayProveClients(client) && isStrong(client);
  return leaf && leadsToAuthority(client, 0, { intermediates, authorities, now, budget })
    ? null
    : 'untrusted_certificate';
}

export function isCurrent({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now <= validToDate.getTime();
}

interface Search {
  readonly intermediates: readonly X509Certificate[];
  readonly authorities: readonly X509Certificate[];
  readonly now: number;
  readonly budget: { left: number };
}

/** @param below authorities between `certificate` and the client, itself included. */
function leadsToAuthority(certificate: X509Certificate, below: number, search: Search): boolean {
  if (search.authorities.some((authority) => hasSigned(authority, certificate, below, search))) return true;
  if (below >= longestPath) return false;
  return search.intermediates.some(
    (one) => hasSigned(one, certificate, below, search) && leadsToAuthority(one, below + 1, search),
  );
}

/** The cheap questions first. */
function hasSigned(issuer: X509Certificate, certificate: X509Certificate, below: number, search: Search): boolean {
  if (!issuer.ca || !certificate.checkIssued(issuer) || !isCurrent(issuer, search.now)) return false;
  if (!isStrong(issuer) || !mayIssueClients(issuer, below)) return false;
  if (search.budget.left === 0) return false;
  search.budget.left -= 1;
  return certificate.verify(issuer.publicKey);
}

function mayIssueClients(issuer: X509Certificate, below: number): boolean {
  const facts = factsOf(issuer);
  if (facts === null || facts.extensions.has(nameConstraints) || !hasUnderstood(facts)) return false;
  return isForClients(issuer) && below <= longestBelow(facts);
}

function mayProveClients(client: X509Certificate): boolean {
  const facts = factsOf(client);
  return facts !== null && hasUnderstood(facts) && isForClients(client) && mayUseKey(facts);
}

/** keyUsage, where there is one: digitalSignature is its first bit (RFC 5280 §4.2.1.3). */
function mayUseKey({ extensions }: CertificateFacts): boolean {
  const usage = extensions.get('2.5.29.15');
  return usage === undefined || ((readDer(usage.value).content[1] ?? 0) & 0x80) !== 0;
}

function hasUnderstood({ extensions }: CertificateFacts): boolean {
  return [...extensions].every(([id, { critical }]) => !critical || understood.includes(id));
}

/** Left out: for everything. */
function isForClients({ keyUsage }: X509Certificate): boolean {
  // Node names the extended usage so; without the extension there is none.
  const usages: readonly string[] | undefined = keyUsage;
  return usages === undefined || usages.some((usage) => clientUsages.includes(usage));
}

/** pathLenConstraint (RFC 5280 §4.2.1.9). */
function longestBelow({ extensions }: CertificateFacts): number {
  const constraints = extensions.get(basicConstraints);
  const length = constraints && elementsIn(readDer(constraints.value)).find(({ tag }) => tag === 0x02);
  return length === undefined ? longestPath : (length.content[0] ?? 0);
}

/** What CAs have been forbidden for years: short RSA keys, signatures over SHA-1 or MD5. */
function isStrong(certificate: X509Certificate): boolean {
  const { modulusLength } = certificate.publicKey.asymmetricKeyDetails ?? {};
  const { signature: algorithm = '', signatureHash = '' } = factsOf(certificate) ?? {};
  const isSigned = algorithm === rsaPss ? hashes.test(signatureHash) : signatures.test(algorithm);
  return (modulusLength ?? 2048) >= 2048 && isSigned;
}

const read = new WeakMap<X509Certificate, CertificateFacts>();

/** `null`: it cannot be read. */
export function factsOf(certificate: X509Certificate): CertificateFacts | null {
  try {
    let facts = read.get(certificate);
    if (facts === undefined) {
      facts = readCertificate(certificate.raw);
      read.set(certificate, facts);
    }
    return facts;
  } catch {
    return null;
  }
}

/** Certificates of a bundle in PEM; `null`: there is none, or one cannot be read. */
export function readAuthorities(pem: string): readonly X509Certificate[] | null {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const certificates = blocks.map((block) => new X509Certificate(block));
    return certificates.length > 0 && certificates.every((one) => factsOf(one) !== null) ? certificates : null;
  } catch {
    return null;
  }
}

/** The longest bundle that a registration holds, in characters. */
const longestBundle = 262_144;

/** One sentence's end for whoever wrote the bundle; `null`: it can be used. */
export function authoritiesProblem(pem: string): string | null {
  if (pem.length > longestBundle) return `is longer than ${longestBundle} characters`;
  return readAuthorities(pem) === null ? 'does not hold certificates in PEM' : null;
}
