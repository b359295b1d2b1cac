import { describe, expect, it } from 'vitest';
import {
  type ClientCheck,
  type Difference,
  differenceOf,
  readCheck,
  type Standing,
  writeCheck,
} from '../../../operator/src/controllers/client/check.ts';
import { type Ground, groundOf } from '../../../operator/src/controllers/client/ground.ts';
import { observed } from './resources.ts';

const now = Date.parse('2026-06-01T00:00:00Z');
const check: ClientCheck = {
  version: '100',
  ground: 'the ground',
  secrets: { 'web-oauth2': 'uid-1/90', 'web-older': 'uid-2/50' },
  due: now + 1,
  users: true,
  scopes: ['shop:read'],
};

interface Found extends Omit<Standing, 'isOpen' | 'secretVersion'> {
  readonly open: readonly string[];
  readonly told: Readonly<Record<string, string>>;
}

const asItWas: Found = {
  version: '100',
  ground: 'the ground',
  open: ['shop:read', 'shop:write'],
  told: { ...check.secrets, unrelated: 'uid-3/99' },
  owned: ['web-oauth2', 'web-older'],
  rejected: false,
  elsewhere: false,
  now,
};

const compare = (found: Partial<Found>, of: ClientCheck = check): Difference | undefined => {
  const { open, told, ...rest } = { ...asItWas, ...found };
  return differenceOf(of, { ...rest, isOpen: (scope) => open.includes(scope), secretVersion: (name) => told[name] });
};

describe('a Client is passed over after a start only where nothing differs from what was noted', () => {
  const cases: readonly (readonly [string, Partial<Found>, Difference | undefined])[] = [
    ['nothing moved', {}, undefined],
    ['its object was edited, or its status forged', { version: '101' }, 'client'],
    ['an older state of it came back', { version: '99' }, 'client'],
    ['it is gone, or deleted and not cleaned up', { version: undefined }, 'client'],
    ['another program, server, namespace label, issuer or authority', { ground: 'another' }, 'ground'],
    ['whom to trust is not known yet', { ground: undefined }, 'ground'],
    ['a scope that it lists is gone or closed', { open: ['shop:write'] }, 'scopes'],
    ['its Secret was edited', { told: { ...check.secrets, 'web-oauth2': 'uid-1/91' } }, 'secrets'],
    ['its Secret was made anew', { told: { ...check.secrets, 'web-oauth2': 'uid-9/90' } }, 'secrets'],
    ['its Secret was deleted', { told: { 'web-older': 'uid-2/50' } }, 'secrets'],
    ['its older Secret was edited', { told: { ...check.secrets, 'web-older': 'uid-2/51' } }, 'secrets'],
    ['another Secret says that it is its own', { owned: ['web-oauth2', 'web-forged'] }, 'secrets'],
    ['a Secret no longer says that it is its own', { owned: ['web-older'] }, undefined],
    ['a rotation is due, or was while nobody looked', { now: now + 1 }, 'due'],
    ['the clock was put forward', { now: now + 1_000_000 }, 'due'],
    ['a replica refuses its row', { rejected: true }, 'rejected'],
    ['another server has a row of it', { elsewhere: true }, 'elsewhere'],
  ];
  it.each(cases)('%s', (_, found, difference) => expect(compare(found)).toBe(difference));

  it('one of which nothing ends is not due at any time', () => {
    const { due: _, ...endless } = check;
    expect(compare({ now: now * 10 }, endless)).toBe(undefined);
  });
});

describe('what was noted', () => {
  it('is read as it was written', () => {
    const { due: _, ...endless } = check;
    for (const one of [check, endless]) expect(readCheck(writeCheck(one))).toEqual(one);
  });

  it('says nothing where it is not understood', () => {
    const [form, ...rest] = JSON.parse(writeCheck(check)) as unknown[];
    const states = [
      '',
      '{',
      'null',
      '{}',
      '[]',
      JSON.stringify([Number(form) + 1, ...rest]),
      ...rest.map((_, place) => JSON.stringify([form, ...rest.with(place, [1])])),
    ];
    for (const state of states) expect(readCheck(state), state).toBe(undefined);
  });
});

describe('what Clients of a namespace share', () => {
  const server = (more: Record<string, unknown> = {}, name = 'main') =>
    ({ ...observed('AuthorizationServer', name, {}), ...more }) as Ground['servers'][number];
  const ground: Ground = {
    program: '1',
    source: 'cluster',
    namespace: { name: 'shop', labels: { team: 'a' } },
    servers: [server(), server({}, 'other')],
    server: 'shop/main',
    defaultServerNamespace: 'system',
    issuer: 'https://id.example.com',
    trust: { known: true, pem: 'PEM' },
    hasDirectory: true,
    withoutCluster: false,
  };
  const spec = (name: string) => ({ spec: { ...server().spec, displayName: name } });
  const own = server().namespace;
  const at = (more: Partial<Ground>) => groundOf({ ...ground, server: `${own}/main`, ...more });

  it.each<readonly [string, Partial<Ground>]>([
    ['another version of the program', { program: '2' }],
    ['another cluster', { source: 'another' }],
    ['a label of the namespace', { namespace: { name: 'shop', labels: { team: 'b' } } }],
    ['the spec of its server', { servers: [server(spec('new')), server({}, 'other')] }],
    ['its server is being deleted', { servers: [server({ deleting: true }), server({}, 'other')] }],
    [
      'its server is the default no more, or another one is',
      { servers: [server(), server({ annotations: { 'auth.nauthera.io/is-default': 'true' } }, 'other')] },
    ],
    ['another server came or went', { servers: [server()] }],
    ['the issuer', { issuer: 'https://other.example.com' }],
    ['the authority', { trust: { known: true, pem: 'ANOTHER' } }],
    ['no authority', { trust: { known: true, pem: undefined } }],
    ['the first directory', { hasDirectory: false }],
  ])('moves with %s', (_, more) => expect(at(more)).not.toBe(at({})));

  it.each<readonly [string, Partial<Ground>]>([
    ['the spec of another server', { servers: [server(), server(spec('new'), 'other')] }],
    ['the status of its server', { servers: [server({ status: { conditions: [] } }), server({}, 'other')] }],
    ['the order of a list', { servers: [server({}, 'other'), server()] }],
  ])('stays with %s', (_, more) => expect(at(more)).toBe(at({})));

  it('is not told while it is not known whom to trust, or who issues', () => {
    expect(at({ trust: { known: false } })).toBe(undefined);
    expect(at({ issuer: undefined })).toBe(undefined);
  });
});
