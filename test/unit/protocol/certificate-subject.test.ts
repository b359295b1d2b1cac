import { X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../../server/src/protocol/certificate-names.ts';
import { type ExpectedSubject, isSubject, subjectProblem } from '../../../server/src/protocol/certificate-subject.ts';
import { type ClientCertificateRequest, selfSigned } from '../../support/client-certificates.ts';

/** @param subject from the root down, as certificates hold it: text stands the other way round. */
async function matches(request: ClientCertificateRequest, expected: ExpectedSubject): Promise<boolean> {
  return isSubject(expected, readCertificate((await selfSigned(request)).x509.raw));
}

const dn = (text: string): ExpectedSubject => ({ tls_client_auth_subject_dn: text });

describe('RFC 8705 §2.1.2: the subject DN', () => {
  it.each([
    ['one RDN', 'CN=shop', 'CN=shop'],
    ['from the entry up', 'C=GB, O=Example, CN=shop', 'CN=shop,O=Example,C=GB'],
    ['spaces around separators', 'C=GB, O=Example, CN=shop', 'CN = shop, O = Example , C = GB'],
    ['types in any case', 'O=Example, CN=shop', 'cn=shop,o=Example'],
    ['types as object identifiers', 'O=Example, CN=shop', '2.5.4.3=shop,2.5.4.10=Example'],
    ['parts of one RDN in any order', 'O=Example, CN=shop+OU=eu', 'OU=eu+CN=shop,O=Example'],
    ['an escaped comma', 'O=Example, CN=shop\\, inc', 'CN=shop\\, inc,O=Example'],
    ['an escaped comma as octets', 'O=Example, CN=shop\\, inc', 'CN=shop\\2c inc,O=Example'],
    ['UTF-8', 'CN=Zoë', 'CN=Zo\\c3\\ab'],
    ['components of a domain', 'DC=org, DC=example, CN=shop', 'CN=shop,DC=example,DC=org'],
  ])('matches: %s', async (_name, subject, expected) => {
    expect(subjectProblem(dn(expected))).toBeNull();
    expect(await matches({ subject }, dn(expected))).toBe(true);
  });

  it.each([
    ['another value', 'CN=shop', 'CN=shop2'],
    ['another case of the value', 'CN=shop', 'CN=Shop'],
    ['from the root down', 'C=GB, O=Example, CN=shop', 'C=GB,O=Example,CN=shop'],
    ['RDNs in another order', 'C=GB, O=Example, CN=shop', 'CN=shop,C=GB,O=Example'],
    ['fewer RDNs', 'O=Example, CN=shop', 'CN=shop'],
    ['more RDNs', 'CN=shop', 'CN=shop,O=Example'],
    ['two RDNs for one with two parts', 'CN=shop+O=Example', 'CN=shop,O=Example'],
    ['one with two parts for two RDNs', 'O=Example, CN=shop', 'CN=shop+O=Example'],
    ['two RDNs written into one value', 'CN=shop\\,O=Example', 'CN=shop,O=Example'],
    ['one value for two RDNs', 'O=Example, CN=shop', 'CN=shop\\,O=Example'],
    ['an RDN written with a plus into one value', 'CN=shop\\+OU=eu', 'CN=shop+OU=eu'],
    ['another type', 'OU=shop', 'CN=shop'],
    ['a space at the end', 'CN=shop\\ ', 'CN=shop'],
    ['a look-alike letter', 'CN=shоp', 'CN=shop'],
    ['composed otherwise', 'CN=Zoë', 'CN=Zoe\u0308'],
    ['a text that looks like octets', 'CN=\\#0c0473686f70', 'CN=shop'],
  ])('does not match: %s', async (_name, subject, expected) => {
    expect(await matches({ subject }, dn(expected))).toBe(false);
  });

  it.each(['', 'shop', 'CN=', 'CN=shop,', 'CN=#0c0473686f70', 'XY=shop', 'CN="shop"', 'CN=\\zz'])(
    'is not registered as %j',
    (text) => {
      expect(subjectProblem(dn(text))).toMatch(/^tls_client_auth_subject_dn must be/);
    },
  );

  it('no text but its own matches a name', async () => {
    const escape = (value: string): string => value.replaceAll(/[^A-Za-z]/g, (one) => `\\${one}`);
    const value = fc.stringMatching(/^[ab,+=; ]{1,5}$/);
    await fc.assert(
      fc.asyncProperty(value, value, async (own, other) => {
        const certificate = await selfSigned({ subject: [{ CN: [own] }] });
        const facts = readCertificate(certificate.x509.raw);
        expect(isSubject(dn(`CN=${escape(own)}`), facts)).toBe(true);
        expect(isSubject(dn(`CN=${escape(other)}`), facts)).toBe(own === other);
      }),
      { numRuns: 50 },
    );
  });
});

describe('RFC 8705 §2.1.2: a subject alternative name', () => {
  const names = [
    { type: 'dns', value: 'shop.example.com' },
    { type: 'dns', value: '*.eu.example.com' },
    { type: 'url', value: 'spiffe://example.com/shop' },
    { type: 'ip', value: '192.0.2.7' },
    { type: 'ip', value: '2001:db8::7' },
    { type: 'email', value: 'Shop@example.com' },
  ] as const;
  const subject = 'CN=other.example.com';

  it.each<[ExpectedSubject]>([
    [{ tls_client_auth_san_dns: 'shop.example.com' }],
    [{ tls_client_auth_san_dns: 'SHOP.example.com' }],
    [{ tls_client_auth_san_uri: 'spiffe://example.com/shop' }],
    [{ tls_client_auth_san_ip: '192.0.2.7' }],
    [{ tls_client_auth_san_ip: '2001:db8::7' }],
    [{ tls_client_auth_san_ip: '2001:DB8:0:0::0.0.0.7' }],
    [{ tls_client_auth_san_email: 'Shop@EXAMPLE.com' }],
  ])('%j matches', async (expected) => {
    expect(subjectProblem(expected)).toBeNull();
    expect(await matches({ subject, names: [...names] }, expected)).toBe(true);
  });

  it.each<[ExpectedSubject]>([
    [{ tls_client_auth_san_dns: 'a.eu.example.com' }],
    [{ tls_client_auth_san_dns: 'example.com' }],
    [{ tls_client_auth_san_dns: 'other.example.com' }],
    [{ tls_client_auth_san_dns: '192.0.2.7' }],
    [{ tls_client_auth_san_uri: 'spiffe://example.com/SHOP' }],
    [{ tls_client_auth_san_uri: 'spiffe://example.com/shop/' }],
    [{ tls_client_auth_san_ip: '192.0.2.8' }],
    [{ tls_client_auth_san_ip: '::ffff:192.0.2.7' }],
    [{ tls_client_auth_san_email: 'shop@example.com' }],
    [{}],
  ])('%j does not match', async (expected) => {
    expect(await matches({ subject, names: [...names] }, expected)).toBe(false);
  });

  it.each<[ExpectedSubject]>([
    [{ tls_client_auth_san_dns: '*.example.com' }],
    [{ tls_client_auth_san_dns: 'shop example' }],
    [{ tls_client_auth_san_uri: '/relative' }],
    [{ tls_client_auth_san_ip: '192.0.2.300' }],
    [{ tls_client_auth_san_ip: '192.0.2.0/24' }],
    [{ tls_client_auth_san_ip: 'fe80::1%eth0' }],
    [{ tls_client_auth_san_email: 'example.com' }],
  ])('%j is not registered', (expected) => {
    expect(subjectProblem(expected)).not.toBeNull();
  });
});

it('a certificate that is cut or altered is not read', async () => {
  const { raw } = (await selfSigned({ subject: 'O=Example, CN=shop' })).x509;
  for (let length = 0; length < raw.length; length += 1) {
    expect(() => readCertificate(raw.subarray(0, length))).toThrow(RangeError);
  }
  expect(() => readCertificate(Buffer.concat([raw, Buffer.from([0])]))).toThrow(RangeError);
  expect(new X509Certificate(raw).subject).toBe('O=Example\nCN=shop');
});

it('whatever bytes come, reading them ends in facts or in a RangeError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readCertificate(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});
