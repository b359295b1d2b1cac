/** Certificates that clients present: under authorities, self-signed, and each kind of wrong one. */
// tsyringe, inside x509, looks for this when it loads.
import 'reflect-metadata';
import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { PublicJwk } from '../../server/src/registry/registration.ts';

/** For extensions that a test adds. */
export { x509 };

/** As a TLS client takes it. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
  /** The leaf alone. */
  readonly x509: X509Certificate;
  /** `x5t#S256` */
  readonly thumbprint: string;
  /** A structured field (RFC 9440 §2.2). */
  readonly header: string;
  readonly jwk: PublicJwk;
}

export interface ClientCertificateRequest {
  /** As text that `@peculiar/x509` reads, root last; default `CN=client`. An array of RDNs where the order of parts matters. */
  readonly subject?: string | x509.JsonName;
  readonly names?: x509.JsonGeneralNames;
  /** Days from now; negative: expired. Default 30. */
  readonly days?: number;
  /** Days from now from which it holds. Default -300. */
  readonly from?: number;
  readonly usages?: readonly string[];
  readonly extensions?: readonly x509.Extension[];
  /** Of the signature; default SHA-256. */
  readonly hash?: 'SHA-1' | 'SHA-256';
  /** Of an earlier certificate: a new one over the same key. */
  readonly keys?: CryptoKeyPair;
}

export interface AuthorityRequest {
  readonly days?: number;
  readonly pathLength?: number;
  readonly ca?: boolean;
  readonly usages?: x509.KeyUsageFlags;
  readonly extensions?: readonly x509.Extension[];
  /** Signs, itself too, with RSASSA-PSS over that hash. Default: ECDSA. */
  readonly pss?: 'SHA-1' | 'SHA-256' | 'SHA-512';
}

export interface ClientAuthority {
  readonly pem: string;
  readonly x509: X509Certificate;
  issue(request?: ClientCertificateRequest): Promise<ClientCertificate>;
  /** What it issues brings this authority's certificate along. */
  under(name: string, request?: AuthorityRequest): Promise<ClientAuthority>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 24 * 3600 * 1000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * day);

const pssAlgorithm = (hash: string) => ({
  name: 'RSA-PSS',
  hash,
  saltLength: 32,
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
});
type SigningAlgorithm = typeof algorithm | ReturnType<typeof pssAlgorithm>;

export const makeKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

interface Issuer {
  readonly subject: string;
  readonly keys: CryptoKeyPair;
  readonly algorithm: SigningAlgorithm;
  /** Certificates that lead from here to the root, the root left out. */
  readonly chain: string;
}

export async function clientAuthority(name = 'Client CA', request: AuthorityRequest = {}): Promise<ClientAuthority> {
  return authorityOf(name, request, undefined);
}

async function authorityOf(
  name: string,
  {
    days = 400,
    pathLength,
    ca = true,
    usages = x509.KeyUsageFlags.keyCertSign,
    extensions = [],
    pss,
  }: AuthorityRequest,
  above: Issuer | undefined,
): Promise<ClientAuthority> {
  const own: SigningAlgorithm = pss === undefined ? algorithm : pssAlgorithm(pss);
  const keys =
    pss === undefined ? await makeKeys() : await crypto.subtle.generateKey(pssAlgorithm(pss), true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`,
    issuer: above?.subject ?? `CN=${name}`,
    publicKey: keys.publicKey,
    signingKey: (above?.keys ?? keys).privateKey,
    signingAlgorithm: above?.algorithm ?? own,
    notBefore: daysFromNow(-400),
    notAfter: daysFromNow(days),
    extensions: [
      new x509.BasicConstraintsExtension(ca, pathLength, true),
      new x509.KeyUsagesExtension(usages, true),
      ...extensions,
    ],
  });
  const pem = `${certificate.toString('pem')}\n`;
  const chain = above === undefined ? '' : `${pem}${above.chain}`;
  const issuer: Issuer = { subject: certificate.subject, keys, algorithm: own, chain };
  return {
    pem,
    x509: new X509Certificate(pem),
    issue: (wanted = {}) => issueFrom(issuer, wanted),
    under: (below, wanted = {}) => authorityOf(below, wanted, issuer),
  };
}

/** Issued by nobody but itself. */
export async function selfSigned(request: ClientCertificateRequest = {}): Promise<ClientCertificate> {
  return issueFrom(undefined, request);
}

async function issueFrom(
  issuer: Issuer | undefined,
  {
    subject = 'CN=client',
    names,
    days = 30,
    from = -300,
    usages,
    extensions = [],
    keys,
    hash,
  }: ClientCertificateRequest,
): Promise<ClientCertificate> {
  const own = keys ?? (await makeKeys());
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    publicKey: own.publicKey,
    signingKey: (issuer?.keys ?? own).privateKey,
    signingAlgorithm: { ...(issuer?.algorithm ?? algorithm), ...(hash === undefined ? {} : { hash }) },
    notBefore: daysFromNow(from),
    notAfter: daysFromNow(days),
    extensions: [
      ...(usages === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
      ...(names === undefined ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ...extensions,
    ],
  });
  const pem = `${certificate.toString('pem')}\n`;
  return describe(pem, `${pem}${issuer?.chain ?? ''}`, await privateKeyPem(own.privateKey));
}

function describe(leaf: string, cert: string, key: string): ClientCertificate {
  const certificate = new X509Certificate(leaf);
  return {
    cert,
    key,
    x509: certificate,
    thumbprint: createHash('sha256').update(certificate.raw).digest('base64url'),
    header: `:${certificate.raw.toString('base64')}:`,
    jwk: publicJwkOf(certificate.publicKey),
  };
}

function publicJwkOf(key: KeyObject): PublicJwk {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  return { kid: x.slice(0, 8), kty: 'EC', crv: 'P-256', x, y };
}

async function privateKeyPem(key: CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
}
