import type { IncomingMessage } from 'node:http';
import { beforeAll, describe, expect, it } from 'vitest';
import { certificateOf } from '../../../server/src/http/client-certificate.ts';
import { forwardedFor } from '../../../server/src/http/forwarded.ts';
import { createProxyWatch } from '../../../server/src/http/proxy-watch.ts';
import { createArrivals, sourceOf, type TrustedProxies } from '../../../server/src/http/source.ts';
import { type ClientCertificate, selfSigned } from '../../support/client-certificates.ts';

type Headers = Readonly<Record<string, string>>;
const requestFrom = (remoteAddress: string, headers: Headers = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage;

const proxies = (header: TrustedProxies['header']): TrustedProxies => ({
  cidrs: ['10.0.0.0/8', 'fd00::/8', '192.0.2.9'],
  header,
});
function arrive(remoteAddress: string, headers: Headers, trusted: TrustedProxies | undefined) {
  const told: boolean[] = [];
  const request = requestFrom(remoteAddress, headers);
  const { source, requestId } = createArrivals({ trusted: () => trusted, onArrival: (one) => told.push(one) })(request);
  expect(sourceOf(request)).toEqual(source);
  return { source, requestId, untrustedProxy: told[0] };
}
const client = (address: string) => ({ address, limitFactor: 1, trustworthy: true });
const proxy = (address: string) => ({ address, limitFactor: 20 });

describe('trusted proxies: where a request comes from', () => {
  it.each<[string, string, string, object]>([
    ['the client', '10.0.0.1', '198.51.100.7', client('198.51.100.7')],
    [
      'the nearest that is no proxy of ours',
      '10.0.0.1',
      '203.0.113.66, 198.51.100.7, 10.0.0.2',
      client('198.51.100.7'),
    ],
    ['A61: not what the client wrote before', '10.0.0.1', '127.0.0.1, 198.51.100.7', client('198.51.100.7')],
    ['without spaces', '10.0.0.1', '203.0.113.66,198.51.100.7', client('198.51.100.7')],
    ['with a port', '10.0.0.1', '198.51.100.7:5123', client('198.51.100.7')],
    ['of IPv6', '10.0.0.1', '2001:db8::7', client('2001:db8::7')],
    ['of IPv6 with a port', '10.0.0.1', '[2001:db8::7]:5123', client('2001:db8::7')],
    ['mapped', '10.0.0.1', '::ffff:198.51.100.7', client('198.51.100.7')],
    ['behind a proxy with a mapped address', '::ffff:10.0.0.1', '198.51.100.7', client('198.51.100.7')],
    ['behind a proxy of IPv6', 'fd00::1', '198.51.100.7', client('198.51.100.7')],
    ['inside: the farthest', '10.0.0.1', '10.7.7.7, 10.0.0.2', client('10.7.7.7')],
    ['behind one address that is trusted', '192.0.2.9', '198.51.100.7', client('198.51.100.7')],
    ['unknown: the proxy', '10.0.0.1', 'unknown', proxy('10.0.0.1')],
    ['garbage at the end: the proxy', '10.0.0.1', '198.51.100.7, x', proxy('10.0.0.1')],
    ['garbage of the client says nothing', '10.0.0.1', '<script>, 198.51.100.7', client('198.51.100.7')],
    ['an empty end: the proxy', '10.0.0.1', '198.51.100.7,', proxy('10.0.0.1')],
    ['a zone: the proxy', '10.0.0.1', 'fe80::1%eth0', proxy('10.0.0.1')],
    ['nothing: the proxy', '10.0.0.1', '', proxy('10.0.0.1')],
    ['from a peer that is not trusted: the peer', '198.51.100.1', '203.0.113.66', proxy('198.51.100.1')],
    ['from the neighbour of a trusted one', '192.0.2.10', '203.0.113.66', proxy('192.0.2.10')],
  ])('x-forwarded-for, %s', (_, peer, value, expected) => {
    expect(arrive(peer, { 'x-forwarded-for': value }, proxies('x-forwarded-for')).source).toEqual(expected);
  });

  it.each<[string, string, object]>([
    ['the client', 'for=198.51.100.7', client('198.51.100.7')],
    ['in any case', 'FOR=198.51.100.7;Proto=https', client('198.51.100.7')],
    ['behind others', 'for=203.0.113.66, for=198.51.100.7;by=10.0.0.2, for=10.0.0.3', client('198.51.100.7')],
    ['of IPv6', 'for="[2001:db8::7]:5123"', client('2001:db8::7')],
    ['quoted', 'proto=https;for="198.51.100.7:80";host="a,b;c"', client('198.51.100.7')],
    ['unknown', 'for=unknown', proxy('10.0.0.1')],
    ['a name', 'for="_hidden"', proxy('10.0.0.1')],
    ['no for', 'proto=https', proxy('10.0.0.1')],
    [
      'A61: quotes of the client that would swallow the proxy’s',
      'for=203.0.113.66;x=", for=198.51.100.7',
      proxy('10.0.0.1'),
    ],
    ['not read at all', 'for = 203.0.113.66', proxy('10.0.0.1')],
  ])('RFC 7239 forwarded, %s', (_, value, expected) => {
    expect(arrive('10.0.0.1', { forwarded: value }, proxies('forwarded')).source).toEqual(expected);
  });

  it.each<[string, string, object]>([
    ['the client', '198.51.100.7', client('198.51.100.7')],
    ['two of them', '203.0.113.66, 198.51.100.7', proxy('10.0.0.1')],
  ])('x-real-ip, %s', (_, value, expected) => {
    expect(arrive('10.0.0.1', { 'x-real-ip': value }, proxies('x-real-ip')).source).toEqual(expected);
  });

  it('another header than the agreed one says nothing', () => {
    const headers = { 'x-real-ip': '203.0.113.66', forwarded: 'for=203.0.113.66', 'x-forwarded-for': '198.51.100.7' };
    expect(arrive('10.0.0.1', headers, proxies('x-forwarded-for')).source).toEqual(client('198.51.100.7'));
    expect(arrive('10.0.0.1', { 'x-real-ip': '203.0.113.66' }, proxies('x-forwarded-for')).source).toEqual(
      proxy('10.0.0.1'),
    );
  });

  it('without any trusted proxy nobody is believed', () => {
    expect(arrive('10.0.0.1', { 'x-forwarded-for': '198.51.100.7' }, undefined).source).toEqual(proxy('10.0.0.1'));
    expect(arrive('10.0.0.1', {}, undefined).source).toEqual({ address: '10.0.0.1', limitFactor: 1 });
  });

  it('a long header ends', () => {
    const value = `${'for=1.2.3.4;x="'.repeat(1000)}`;
    expect(forwardedFor('forwarded', value)).toEqual([null]);
    expect(forwardedFor('x-forwarded-for', ','.repeat(8000))).toHaveLength(8001);
  });
});

describe('A61: the certificate in a header', () => {
  let certificate: ClientCertificate;
  beforeAll(async () => {
    certificate = await selfSigned();
  });
  const told = { ...proxies('x-forwarded-for'), certificate_header: 'client-cert' } as const;

  it.each<[string, string, boolean | undefined, TrustedProxies, boolean]>([
    ['of a trusted proxy, where certificates are asked for', '10.0.0.1', true, told, true],
    ['of the same proxy, which strangers reach the listener for everybody through', '10.0.0.1', false, told, false],
    ['of the same proxy, where nobody said what the listener is', '10.0.0.1', undefined, told, false],
    ['of anybody else', '198.51.100.1', true, told, false],
    ['of a proxy that is not said to pass certificates on', '10.0.0.1', true, proxies('x-forwarded-for'), false],
  ])('%s', (_, peer, certificates, trusted, believed) => {
    const headers = { 'client-cert': certificate.header };
    const request = Object.assign(requestFrom(peer, headers), {
      headersDistinct: { 'client-cert': [certificate.header] },
    });
    createArrivals({ trusted: () => trusted, ...(certificates === undefined ? {} : { certificates }) })(request);
    expect(certificateOf(request)?.thumbprint).toBe(believed ? certificate.thumbprint : undefined);
  });
});

describe('request ids', () => {
  const trusted = proxies('x-forwarded-for');
  const sent = (peer: string, id: string) => arrive(peer, { 'x-request-id': id }, trusted).requestId;
  it('are ours', () => expect(sent('198.51.100.1', 'chosen-by-a-stranger')).toMatch(/^[0-9a-f]{32}$/));
  it('or a trusted proxy’s', () => expect(sent('10.0.0.1', 'b3c1-7.f_E')).toBe('b3c1-7.f_E'));
  it.each(['short', 'x'.repeat(129), 'a b c d e f g', 'line\nbreak-in-it', '<script>alert</script>', 'ünicode-id'])(
    'not %s',
    (id) => expect(sent('10.0.0.1', id)).toMatch(/^[0-9a-f]{32}$/),
  );
});

describe('ClientAddressUnknown: a proxy that is not trusted', () => {
  it.each<[string, string, Headers, boolean]>([
    ['forwards', '198.51.100.1', { 'x-forwarded-for': '203.0.113.1' }, true],
    ['forwards in another way', '198.51.100.1', { via: '1.1 proxy' }, true],
    ['is none', '198.51.100.1', {}, false],
    ['is trusted', '10.0.0.1', { 'x-forwarded-for': '203.0.113.1' }, false],
  ])('the peer %s', (_, peer, headers, untrusted) => {
    expect(arrive(peer, headers, proxies('x-forwarded-for')).untrustedProxy).toBe(untrusted);
  });

  function watching() {
    let now = 0;
    const watch = createProxyWatch(() => now);
    return {
      watch,
      pass: (minutes: number) => {
        now += minutes * 60_000;
      },
      count: (untrusted: number, others: number) => {
        for (let index = 0; index < untrusted; index += 1) watch.count(true);
        for (let index = 0; index < others; index += 1) watch.count(false);
      },
    };
  }

  it('is one through which most requests come', () => {
    const { watch, count } = watching();
    expect(watch.isUntrusted()).toBe(false);
    count(1, 0);
    expect(watch.isUntrusted()).toBe(true);
    count(0, 1);
    expect(watch.isUntrusted()).toBe(false);
  });

  it('strangers with such a header among others do not make one', () => {
    const { watch, count } = watching();
    count(40, 60);
    expect(watch.isUntrusted()).toBe(false);
  });

  it('is no longer one some minutes after it was trusted', () => {
    const { watch, count, pass } = watching();
    count(100, 0);
    pass(2);
    count(0, 50);
    expect(watch.isUntrusted()).toBe(true);
    pass(2);
    expect(watch.isUntrusted()).toBe(false);
  });

  it('at once where what is trusted has changed', () => {
    const { watch, count } = watching();
    count(100, 0);
    watch.forget();
    expect(watch.isUntrusted()).toBe(false);
  });

  it('while nobody comes nothing is learnt', () => {
    const { watch, count, pass } = watching();
    count(1, 0);
    expect(watch.isUntrusted()).toBe(true);
    pass(600);
    expect(watch.isUntrusted()).toBe(true);
  });
});
