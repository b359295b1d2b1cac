import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv4 } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResolver } from '../../../server/src/outbound/resolve.ts';

const zone: Readonly<Record<string, readonly string[]>> = {
  'both.example': ['192.0.2.1', '192.0.2.2', '2001:db8::1'],
  'four.example': ['192.0.2.3'],
  'six.example': ['2001:db8::2'],
  'broken.example': ['192.0.2.4'],
};
const asked: string[] = [];

/** Says of names what the zone says (RFC 1035 §4), nothing of `silent.example`, and fails for IPv6 of `broken.example`. */
function answerTo(query: Buffer): Buffer | null {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString());
    at += length + 1;
  }
  const name = labels.join('.');
  const type = query.readUInt16BE(at + 1);
  asked.push(name);
  if (name === 'silent.example') return null;
  const known = zone[name];
  const fits = (known ?? []).filter((address) => isIPv4(address) === (type === 1));
  const records = fits.map((address) => {
    const data = isIPv4(address)
      ? Buffer.from(address.split('.').map(Number))
      : Buffer.from(`20010db8${address.slice(-1).padStart(24, '0')}`, 'hex');
    const head = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
    return Buffer.concat([head, data]);
  });
  const code = known === undefined ? 3 : name === 'broken.example' && type === 28 ? 2 : 0;
  const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80 + code, 0, 1, 0, records.length, 0, 0, 0, 0]);
  return Buffer.concat([header, query.subarray(12, at + 5), ...records]);
}

describe('names of outbound calls', () => {
  let server: Socket;
  let at: string;
  beforeAll(async () => {
    server = createSocket('udp4', (query, peer) => {
      const answer = answerTo(query);
      if (answer !== null) server.send(answer, peer.port, peer.address);
    });
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    at = `127.0.0.1:${server.address().port}`;
  });
  afterAll(() => server.close());

  const resolve = (name: string, signal = AbortSignal.timeout(10_000)) =>
    createResolver([at])(name, { local: false, signal });

  it.each([
    ['both.example', ['192.0.2.1', '192.0.2.2', '2001:db8::1']],
    ['four.example', ['192.0.2.3']],
    ['six.example', ['2001:db8::2']],
    ['broken.example', ['192.0.2.4']],
  ])('%s has every address that DNS knows', async (name, addresses) => {
    expect((await resolve(name)).toSorted()).toEqual(addresses);
  });

  it('a name that is not there is an error, and no search domain is tried', async () => {
    asked.length = 0;
    await expect(resolve('metrics.other')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    expect(new Set(asked)).toEqual(new Set(['metrics.other']));
  });

  it('a server that does not answer holds nobody beyond the time', async () => {
    const began = performance.now();
    await expect(resolve('silent.example', AbortSignal.timeout(100))).rejects.toThrow();
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('names of the installation are looked up as the machine does', async () => {
    const signal = AbortSignal.timeout(10_000);
    expect(await createResolver([at])('localhost', { local: true, signal })).toContain('127.0.0.1');
    expect(asked).not.toContain('localhost');
  });
});
