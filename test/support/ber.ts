/** LDAP messages made by hand, right and wrong, for servers that play a script. */

export function element(tag: number, value: Buffer): Buffer {
  const length =
    value.length < 0x80
      ? Buffer.from([value.length])
      : Buffer.from([
          0x84,
          value.length >>> 24,
          (value.length >>> 16) & 0xff,
          (value.length >>> 8) & 0xff,
          value.length & 0xff,
        ]);
  return Buffer.concat([Buffer.from([tag]), length, value]);
}

export const octets = (value: string | Buffer): Buffer => element(0x04, Buffer.from(value));

function integer(tag: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return element(tag, bytes);
}

export const message = (id: number, ...parts: readonly Buffer[]): Buffer =>
  element(0x30, Buffer.concat([integer(0x02, id), ...parts]));

const result = (code: number) => Buffer.concat([integer(0x0a, code), octets(''), octets('')]);

/** @param policy value of a password policy response control */
export function bindAnswer(id: number, code: number, policy?: Buffer): Buffer {
  const operation = element(0x61, result(code));
  if (policy === undefined) return message(id, operation);
  const control = element(0x30, Buffer.concat([octets('1.3.6.1.4.1.42.2.27.8.5.1'), octets(policy)]));
  return message(id, operation, element(0xa0, control));
}

export function entryAnswer(
  id: number,
  dn: string,
  attributes: Readonly<Record<string, readonly (string | Buffer)[]>>,
): Buffer {
  const list = Object.entries(attributes).map(([type, values]) =>
    element(0x30, Buffer.concat([octets(type), element(0x31, Buffer.concat(values.map(octets)))])),
  );
  return message(id, element(0x64, Buffer.concat([octets(dn), element(0x30, Buffer.concat(list))])));
}

export const referenceAnswer = (id: number, url: string): Buffer => message(id, element(0x73, octets(url)));

export const doneAnswer = (id: number, code: number): Buffer => message(id, element(0x65, result(code)));

/** The end of a page, after which another one begins (RFC 2696 §2); with an empty cookie the last one. */
export function pageAnswer(id: number, cookie: string): Buffer {
  const value = element(0x30, Buffer.concat([integer(0x02, 0), octets(cookie)]));
  const control = element(0x30, Buffer.concat([octets('1.2.840.113556.1.4.319'), octets(value)]));
  return message(id, element(0x65, result(0)), element(0xa0, control));
}

/** Notice of Disconnection (RFC 4511 §4.4.1). */
export const noticeAnswer = (): Buffer =>
  message(0, element(0x78, Buffer.concat([result(52), element(0x8a, Buffer.from('1.3.6.1.4.1.1466.20036'))])));
