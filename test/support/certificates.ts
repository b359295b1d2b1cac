/** Certificate authorities and serving certificates for tests: right ones, and each kind of wrong one. */
// tsyringe, inside x509, looks for this when it loads.
import 'reflect-metadata';
import { hostname } from 'node:os';
import * as x509 from '@peculiar/x509';

export interface ServingCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface CertificateRequest {
  /** DNS names. Default: `localhost`, and this machine's name, which OpenLDAP's clients look for instead. */
  readonly names?: readonly string[];
  /** Default: 127.0.0.1. */
  readonly addresses?: readonly string[];
  /** Days from now; negative: expired. Default 30. */
  readonly days?: number;
}

export interface TestAuthority {
  readonly name: string;
  readonly pem: string;
  issue(request?: CertificateRequest): Promise<ServingCertificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 24 * 3600 * 1000;

const makeKeys = () => crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

export async function makeAuthority(name = 'Test CA'): Promise<TestAuthority> {
  const keys = await makeKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(Date.now() - 400 * day),
    notAfter: new Date(Date.now() + 400 * day),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    name,
    pem: `${authority.toString('pem')}\n`,
    async issue({ names = ['localhost', hostname()], addresses = ['127.0.0.1'], days = 30 } = {}) {
      const own = await makeKeys();
      const certificate = await x509.X509CertificateGenerator.create({
        subject: 'CN=directory',
        issuer: authority.subject,
        publicKey: own.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        notBefore: new Date(Date.now() - 300 * day),
        notAfter: new Date(Date.now() + days * day),
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            ...names.map((value) => ({ type: 'dns' as const, value })),
            ...addresses.map((value) => ({ type: 'ip' as const, value })),
          ]),
          await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        ],
      });
      return { certificatePem: `${certificate.toString('pem')}\n`, privateKeyPem: await privateKeyPem(own.privateKey) };
    },
  };
}

async function privateKeyPem(key: CryptoKey): Promise<string> {
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${pkcs8.replaceAll(/.{64}/g, '$&\n').trimEnd()}\n-----END PRIVATE KEY-----\n`;
}
