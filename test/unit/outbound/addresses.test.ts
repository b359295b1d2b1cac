import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress, isServiceOf, mayCall, readExceptions } from '../../../server/src/outbound/addresses.ts';
import { parseCidr } from '../../../server/src/protocol/networks.ts';

const none = readExceptions([]);

describe('F24, A60: addresses that a call on a client’s word may not go to', () => {
  it.each([
    ['unspecified', '0.0.0.0'],
    ['this network', '0.1.2.3'],
    ['private', '10.0.0.1'],
    ['private', '172.16.0.1'],
    ['private', '172.31.255.255'],
    ['private', '192.168.1.1'],
    ['carrier-grade NAT', '100.64.0.1'],
    ['a cloud’s metadata in it', '100.100.100.200'],
    ['loopback', '127.0.0.1'],
    ['loopback', '127.255.255.254'],
    ['link-local: metadata of most clouds', '169.254.169.254'],
    ['a cloud’s machinery', '168.63.129.16'],
    ['protocol assignments', '192.0.0.170'],
    ['documentation', '192.0.2.1'],
    ['documentation', '198.51.100.1'],
    ['documentation', '203.0.113.1'],
    ['relays of 6to4', '192.88.99.1'],
    ['benchmarks', '198.19.0.1'],
    ['multicast', '224.0.0.1'],
    ['reserved', '240.0.0.1'],
    ['broadcast', '255.255.255.255'],
    ['unspecified', '::'],
    ['loopback', '::1'],
    ['loopback, written out', '0:0:0:0:0:0:0:1'],
    ['mapped loopback', '::ffff:127.0.0.1'],
    ['mapped, in hexadecimal', '::ffff:7f00:1'],
    ['mapped public', '::ffff:8.8.8.8'],
    ['compatible', '::127.0.0.1'],
    ['translated', '::ffff:0:127.0.0.1'],
    ['NAT64', '64:ff9b::7f00:1'],
    ['NAT64 of a public address', '64:ff9b::8.8.8.8'],
    ['local NAT64', '64:ff9b:1::1'],
    ['discard', '100::1'],
    ['Teredo', '2001::1'],
    ['benchmarks', '2001:2::1'],
    ['documentation', '2001:db8::1'],
    ['documentation', '3fff::1'],
    ['6to4 of loopback', '2002:7f00:1::1'],
    ['unique-local', 'fc00::1'],
    ['unique-local', 'fd00:ec2::254'],
    ['link-local', 'fe80::1'],
    ['link-local with a zone', 'fe80::1%lo'],
    ['site-local', 'fec0::1'],
    ['multicast', 'ff02::1'],
    ['segment routing', '5f00::1'],
    ['no address', 'localhost'],
    ['no address', ''],
  ])('%s %s', (_, address) => {
    expect(isPublicAddress(address)).toBe(false);
    expect(mayCall(address, 'app.example.com', 'shop', none)).toBe(false);
  });

  it.each(['8.8.8.8', '1.1.1.1', '172.32.0.1', '100.63.255.255', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])(
    '%s is public',
    (address) => expect(mayCall(address, 'app.example.com', 'shop', none)).toBe(true),
  );

  it('an IPv4 address is never public in the clothes of IPv6', () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.constantFrom('::ffff:', '::', '::ffff:0:', '64:ff9b::'), (address, before) => {
        expect(mayCall(`${before}${address}`, 'app.example.com', 'shop', readExceptions(['0.0.0.0/0']))).toBe(false);
      }),
    );
  });
});

describe('service names of the client’s own namespace', () => {
  it.each([
    ['web.shop.svc', true],
    ['web.shop.svc.cluster.local', true],
    ['web.bank.svc', false],
    ['web.bank.svc.cluster.local', false],
    ['shop.svc', false],
    ['.shop.svc', false],
    ['pod.web.shop.svc', false],
    ['web.shop.svc.cluster.local.example.com', false],
    ['web.shop.svc.example.com', false],
    ['web.shop.svcx', false],
    ['web.shop', false],
    ['web_1.shop.svc', false],
    ['-web.shop.svc', false],
    ['web.shop.svc.', false],
  ])('%s: %s', (hostname, own) => {
    expect(isServiceOf('shop', hostname)).toBe(own);
    expect(mayCall('10.96.0.7', hostname, 'shop', none)).toBe(own);
  });

  it.each(['127.0.0.1', '169.254.169.254', '::1', 'fe80::1', '::ffff:10.0.0.1', '224.0.0.1'])(
    'they do not open %s',
    (address) => expect(mayCall(address, 'web.shop.svc', 'shop', none)).toBe(false),
  );
});

describe('outbound_allowed', () => {
  it.each([
    ['a name opens private addresses', ['id.internal.example'], '10.1.2.3', 'id.internal.example', true],
    ['in whatever case', ['ID.Internal.Example'], '10.1.2.3', 'id.internal.example', true],
    ['not those of another name', ['id.internal.example'], '10.1.2.3', 'x.id.internal.example', false],
    ['a suffix opens names beneath it', ['*.internal.example'], 'fd00::1', 'a.b.internal.example', true],
    ['not the name itself', ['*.internal.example'], 'fd00::1', 'internal.example', false],
    ['nor one that only ends alike', ['*.internal.example'], 'fd00::1', 'evilinternal.example', false],
    ['a name does not open loopback', ['id.internal.example'], '127.0.0.1', 'id.internal.example', false],
    ['nor a metadata service', ['*.internal.example'], '169.254.169.254', 'a.internal.example', false],
    ['a network opens its addresses', ['10.1.0.0/16'], '10.1.2.3', 'app.example.com', true],
    ['not others', ['10.1.0.0/16'], '10.2.2.3', 'app.example.com', false],
    ['one address', ['127.0.0.1'], '127.0.0.1', 'app.example.com', true],
    ['one address of IPv6', ['fd00::7/128'], 'fd00::7', 'app.example.com', true],
    ['not mapped ones', ['127.0.0.0/8'], '::ffff:127.0.0.1', 'app.example.com', false],
    ['a star alone opens nothing', ['*'], '10.1.2.3', 'app.example.com', false],
    ['nor does a star in the middle', ['*.*'], '10.1.2.3', 'app.example.com', false],
    ['a broken network opens nothing', ['10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/8/8'], '10.1.2.3', 'x.example', false],
  ])('%s', (_, entries, address, hostname, open) => {
    expect(mayCall(address, hostname, 'shop', readExceptions(entries))).toBe(open);
  });

  it.each([
    ['10.0.0.0/8', true],
    ['10.0.0.1', true],
    ['::/0', true],
    ['fe80::1%lo/64', false],
    ['10.0.0.0/', false],
    ['10.0.0.0/-1', false],
    ['10.0.0.0/8.0', false],
    ['example.com/8', false],
    ['', false],
  ])('%s is a network: %s', (text, valid) => expect(parseCidr(text) !== null).toBe(valid));
});
