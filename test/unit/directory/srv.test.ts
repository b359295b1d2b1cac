import { describe, expect, it } from 'vitest';
import { lookUpServers, type SrvRecord, urlsOf } from '../../../server/src/directory/ldap/srv.ts';

const record = (name: string, more: Partial<SrvRecord> = {}): SrvRecord => ({
  name,
  priority: 0,
  weight: 0,
  port: 636,
  ...more,
});
const urls = (records: readonly SrvRecord[], random = () => 0) => urlsOf(records, 'example.com', random);

describe('the order', () => {
  it('is by priority', () => {
    const records = [record('c.example.com', { priority: 20 }), record('b.example.com', { priority: 10 })];
    expect(urls([...records, record('a.example.com', { priority: 30 })])).toEqual([
      'ldaps://b.example.com',
      'ldaps://c.example.com',
      'ldaps://a.example.com',
    ]);
  });

  it('is among equals by chance and weight', () => {
    const records = [record('a.example.com', { weight: 1 }), record('b.example.com', { weight: 3 })];
    const first = (random: number) => urls(records, () => random)[0];
    expect([0, 0.24, 0.26, 0.99].map(first)).toEqual([
      'ldaps://a.example.com',
      'ldaps://a.example.com',
      'ldaps://b.example.com',
      'ldaps://b.example.com',
    ]);
  });

  it('leaves nobody out, whatever the weights', () => {
    const records = ['a', 'b', 'c'].map((name, weight) => record(`${name}.example.com`, { weight }));
    for (const random of [0, 0.5, 0.999_999]) expect(urls(records, () => random).toSorted()).toHaveLength(3);
  });
});

describe('A46: servers are inside of the domain', () => {
  it.each([
    ['the domain itself', 'example.com', ['ldaps://example.com']],
    ['below it', 'dc1.site.example.com.', ['ldaps://dc1.site.example.com']],
    ['in capitals', 'DC1.Example.COM', ['ldaps://dc1.example.com']],
    ['elsewhere', 'ldap.elsewhere.example', []],
    ['with the same end', 'evilexample.com', []],
    ['above it', 'com', []],
    ['"not here" (RFC 2782)', '.', []],
    ['no name at all', '', []],
    ['with a user before it', 'x@y.example.com', []],
    ['with a path', 'y/.example.com', []],
    ['with an empty label', 'a..example.com', []],
  ])('%s', (_title, name, expected) => expect(urls([record(name)])).toEqual(expected));
});

it('a port is written where it is not that of LDAPS; 0 is none; the same server counts once; eight at most', () => {
  expect(urls([record('a.example.com', { port: 1636 }), record('b.example.com', { port: 0 })])).toEqual([
    'ldaps://a.example.com:1636',
  ]);
  expect(urls([record('a.example.com'), record('a.example.com', { priority: 9 })])).toEqual(['ldaps://a.example.com']);
  expect(urls(Array.from({ length: 12 }, (_, index) => record(`s${index}.example.com`)))).toHaveLength(8);
});

describe('what is asked', () => {
  const failure = (code: string) => Object.assign(new Error(code), { code });
  const asking = (zone: Readonly<Record<string, readonly SrvRecord[] | Error>>) => (name: string) => {
    const found = zone[name] ?? failure('ENOTFOUND');
    return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
  };
  const a = record('a.example.com', { port: 3636 });

  it('the encrypted service first', async () => {
    const zone = asking({ '_ldaps._tcp.example.com': [a], '_ldap._tcp.example.com': [record('b.example.com')] });
    expect(await lookUpServers('example.com', zone)).toEqual([a]);
  });

  it.each(['ENOTFOUND', 'ENODATA'])(
    'where there is none (%s) the hosts of the other one, at the port of LDAPS',
    async (code) => {
      const zone = asking({
        '_ldaps._tcp.example.com': failure(code),
        '_ldap._tcp.example.com': [{ ...a, port: 389 }],
      });
      expect(await lookUpServers('example.com', zone)).toEqual([{ ...a, port: 636 }]);
    },
  );

  it('a failure is no answer: the other one is not asked', async () => {
    const zone = asking({ '_ldaps._tcp.example.com': failure('ESERVFAIL'), '_ldap._tcp.example.com': [a] });
    await expect(lookUpServers('example.com', zone)).rejects.toThrow('ESERVFAIL');
  });
});
