/** Makes certificate authorities and serving certificates: ECDSA on P-256. Keys are random; everything else is given. */
// tsyringe, inside x509, looks for this when it loads.
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { Pair } from './inspect.ts';

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

const newKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

/**
 * @param of the server that it is for: in the subject, with something of its key, so that two of one server are told apart
 */
export async function issueAuthority(
  of: { readonly namespace: string; readonly name: string },
  validity: Validity,
): Promise<Pair> {
  const keys = await newKeys();
  const digest = await crypto.subtle.digest('SHA-256', await crypto.subtle.exportKey('spki', keys.publicKey));
  const id = Buffer.from(digest).toString('hex').slice(0, 8);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ O: [of.namespace] }, { OU: [of.name] }, { CN: [`Nauthera CA ${id}`] }],
    keys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pairOf(certificate, keys.privateKey);
}

/**
 * @param names DNS names and IP addresses, at least one
 * @throws when the authority's key cannot be used
 */
export async function issueServing(
  authority: Pair,
  { name, names, validity }: { readonly name: string; readonly names: readonly string[]; readonly validity: Validity },
): Promise<Pair> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const signing = await importKeys(authority.key);
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [name] }],
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: signing.privateKey,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(signing.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return pairOf(certificate, keys.privateKey);
}

async function importKeys(pem: string): Promise<{ readonly privateKey: CryptoKey; readonly publicKey: CryptoKey }> {
  const key = createPrivateKey(pem);
  const [pkcs8, spki] = [
    key.export({ type: 'pkcs8', format: 'der' }),
    createPublicKey(key).export({ type: 'spki', format: 'der' }),
  ];
  return {
    privateKey: await crypto.subtle.importKey('pkcs8', new Uint8Array(pkcs8), algorithm, false, ['sign']),
    publicKey: await crypto.subtle.importKey('spki', new Uint8Array(spki), algorithm, true, ['verify']),
  };
}

async function pairOf(certificate: x509.X509Certificate, key: CryptoKey): Promise<Pair> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', key));
  return {
    certificate: new X509Certificate(Buffer.from(certificate.rawData)).toString(),
    key: String(
      createPrivateKey({ key: pkcs8, type: 'pkcs8', format: 'der' }).export({ type: 'pkcs8', format: 'pem' }),
    ),
  };
}
