/** PURE. What a certificate and its key are: PEM, as Secrets hold it. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate (or a chain, leaf first) and its private key: PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Inspected {
  /** The first certificate. */
  readonly leaf: X509Certificate;
  /** Epoch milliseconds. Until: the first end in the chain. */
  readonly from: number;
  readonly until: number;
}

/** `undefined`: no certificates at all, or something among them that is none. */
export function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const found = blocks.map((block) => new X509Certificate(block));
    return found.length === 0 ? undefined : found;
  } catch {
    return undefined;
  }
}

/** Which of the two cannot be read; `pair`: each can, and they are not of each other. */
export type CertificateProblem = 'certificate' | 'key' | 'pair';

export function inspect({ certificate, key }: Pair): Inspected | CertificateProblem {
  const chain = readCertificates(certificate);
  const [leaf] = chain ?? [];
  if (chain === undefined || leaf === undefined) return 'certificate';
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(key))) return 'pair';
  } catch {
    return 'key';
  }
  return {
    leaf,
    from: Math.max(...chain.map(({ validFromDate }) => validFromDate.getTime())),
    until: Math.min(...chain.map(({ validToDate }) => validToDate.getTime())),
  };
}

/** Whether `issuer`, a certificate authority, signed it. Times are not looked at. */
export function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** By its alternative names, as clients check; a wildcard stands for one label. */
export function covers(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined;
  return certificate.checkHost(name, { subject: 'never' }) !== undefined;
}

/** Its DNS names and addresses, in order. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const parts = certificate.subjectAltName?.split(', ') ?? [];
  return parts.flatMap((part) => canonical(/^(?:DNS|IP Address):(.+)$/.exec(part)?.[1] ?? '')).sort();
}

/** Addresses of IPv6 can be written in many ways. */
function canonical(name: string): string | [] {
  if (name === '') return [];
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname.slice(1, -1) : name;
}
