/**
 * PURE. What an X.509 certificate says of whom it is for (RFC 5280 §4.1.2.6, §4.2.1.6), from its DER: as text, names can be
 * written so that two of them look alike.
 */
import { type DerElement, elementsIn, expectTag, objectIdentifier, readDer } from './der.ts';

/** One `type=value` of an RDN. The type is an object identifier; `null`: a value that no text stands for. */
export interface SubjectPart {
  readonly type: string;
  readonly value: string | null;
}

export interface CertificateExtension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

export interface CertificateFacts {
  /** RDNs from the root down, as certificates hold them. */
  readonly subject: readonly (readonly SubjectPart[])[];
  readonly dns: readonly string[];
  readonly uri: readonly string[];
  readonly email: readonly string[];
  /** The octets in hexadecimal: 8 digits of IPv4, 32 of IPv6. */
  readonly ip: readonly string[];
  readonly extensions: ReadonlyMap<string, CertificateExtension>;
  /** Object identifier of the algorithm that it is signed with. */
  readonly signature: string;
  /** Of the hash in the parameters of RSASSA-PSS; `undefined`: another algorithm, or its default, SHA-1 (RFC 4055 §3.1). */
  readonly signatureHash: string | undefined;
}

const tags = {
  sequence: 0x30,
  set: 0x31,
  boolean: 0x01,
  octets: 0x04,
  version: 0xa0,
  extensions: 0xa3,
  pssHash: 0xa0,
} as const;
const alternativeNames = '2.5.29.17';
export const rsaPss = '1.2.840.113549.1.1.10';

/** @throws RangeError when it cannot be read to the last byte */
export function readCertificate(der: Uint8Array): CertificateFacts {
  const [body, signed] = elementsIn(expectTag(readDer(der), tags.sequence));
  const [algorithmId, parameters] = elementsIn(expectTag(signed, tags.sequence));
  const algorithm = objectIdentifier(algorithmId);
  const signatureHash = algorithm === rsaPss ? readPssHash(parameters) : undefined;
  const fields = [...elementsIn(expectTag(body, tags.sequence))];
  if (fields[0]?.tag === tags.version) fields.shift();
  // serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo, then what has a tag of its own.
  const subject = elementsIn(expectTag(fields[4], tags.sequence)).map(readRdn);
  const extensions = readExtensions(fields.slice(6).find(({ tag }) => tag === tags.extensions));
  const names = readAlternativeNames(extensions.get(alternativeNames)?.value);
  return { subject, ...names, extensions, signature: algorithm, signatureHash };
}

/** RFC 4055 §3.1: `hashAlgorithm` is the first parameter, where there is one. */
function readPssHash(parameters: DerElement | undefined): string | undefined {
  const hash = parameters && elementsIn(expectTag(parameters, tags.sequence)).find(({ tag }) => tag === tags.pssHash);
  return hash && objectIdentifier(elementsIn(expectTag(elementsIn(hash)[0], tags.sequence))[0]);
}

function readRdn(rdn: DerElement): readonly SubjectPart[] {
  return elementsIn(expectTag(rdn, tags.set)).map((part) => {
    const [type, value, ...rest] = elementsIn(expectTag(part, tags.sequence));
    if (value === undefined || rest.length > 0) throw new RangeError('not a name');
    return { type: objectIdentifier(type), value: readText(value) };
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `null`: of a kind whose characters nobody agrees on, or not what its kind allows. A NUL would end a text elsewhere. */
function readText({ tag, content }: DerElement): string | null {
  if (content.includes(0) && tag !== 0x1e) return null;
  switch (tag) {
    case 0x0c:
      try {
        return utf8.decode(content);
      } catch {
        return null;
      }
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
      return ascii(content);
    case 0x1e: {
      // BMPString
      if (content.length % 2 !== 0) return null;
      const text = Buffer.from(content).swap16().toString('utf16le');
      return text.isWellFormed() && !text.includes('\0') ? text : null;
    }
    default:
      return null;
  }
}

function ascii(content: Uint8Array): string | null {
  return content.every((byte) => byte > 0 && byte < 0x80) ? Buffer.from(content).toString('latin1') : null;
}

function readExtensions(element: DerElement | undefined): ReadonlyMap<string, CertificateExtension> {
  const extensions = new Map<string, CertificateExtension>();
  if (element === undefined) return extensions;
  const [list, ...rest] = elementsIn(element);
  if (rest.length > 0) throw new RangeError('not extensions');
  for (const extension of elementsIn(expectTag(list, tags.sequence))) {
    const parts = elementsIn(expectTag(extension, tags.sequence));
    const id = objectIdentifier(parts[0]);
    const flag = parts[1]?.tag === tags.boolean ? parts[1] : undefined;
    const value = expectTag(parts[flag === undefined ? 1 : 2], tags.octets).content;
    // RFC 5280 §4.2: never twice.
    if (extensions.has(id)) throw new RangeError('an extension twice');
    extensions.set(id, { critical: flag !== undefined && flag.content[0] !== 0, value });
  }
  return extensions;
}

function readAlternativeNames(value: Uint8Array | undefined): Pick<CertificateFacts, 'dns' | 'uri' | 'email' | 'ip'> {
  const names = value === undefined ? [] : elementsIn(expectTag(readDer(value), tags.sequence));
  const texts = (tag: number): readonly string[] =>
    names.flatMap((name) => (name.tag === tag ? (ascii(name.content) ?? []) : []));
  return {
    email: texts(0x81),
    dns: texts(0x82),
    uri: texts(0x86),
    ip: names.flatMap(({ tag, content }) => (tag === 0x87 ? Buffer.from(content).toString('hex') : [])),
  };
}
