import { describe, expect, it } from 'vitest';
import { isChosen, type NamespaceChoice, type NamespaceFacts } from '../../../operator/src/controllers/invitation.ts';
import { grantsName, matchesPattern } from '../../../operator/src/controllers/names.ts';
import { type ClientPolicy, type Demand, firstRefusal } from '../../../operator/src/controllers/policy.ts';

const shop = { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop', team: 'red' } };
const judge = (policies: readonly ClientPolicy[], demands: readonly Demand[], namespace: NamespaceFacts = shop) =>
  firstRefusal({ policies, owner: 'auth', namespace, secondsOf: (text) => Number(text.replace('s', '')) }, demands);

const grant = (value: string): Demand => ({ field: 'spec.grantTypes', member: 'grantTypes', value });
const clientId = (value: string): Demand => ({ field: 'spec.clientId', member: 'clientIds', value });
const scopeName = (value: string): Demand => ({ field: 'spec.name', member: 'scopeNames', value });
const audience = (value: string): Demand => ({ field: 'spec.audiences', member: 'audiences', value });
const host = (value: string): Demand => ({ field: 'spec.redirectUris[0]', member: 'redirectHosts', value });
const consent = (value: string): Demand => ({ field: 'spec.consent.mode', member: 'consentModes', value });
const lifetime = (seconds: number): Demand => ({
  field: 'spec.accessToken.lifetime',
  member: 'maxLifetimes',
  lifetime: 'accessToken',
  value: `${seconds}s`,
  seconds,
});
const aPolicy = (more: Partial<ClientPolicy> = {}): ClientPolicy => ({
  name: 'p',
  namespaces: { from: 'All' },
  ...more,
});

describe('where no policy matches', () => {
  it.each([
    ['authorization_code', grant('authorization_code'), true],
    ['refresh_token', grant('refresh_token'), true],
    ['client_credentials', grant('client_credentials'), true],
    ['implicit', grant('implicit'), false],
    ['device code', grant('urn:ietf:params:oauth:grant-type:device_code'), false],
    ['a client id of its own', clientId('shop.web'), true],
    ['a client id of another namespace', clientId('bank.web'), false],
    ['a client id that only begins like its own', clientId('shopping.web'), false],
    ['a client id of nobody', clientId('web'), false],
    ['a scope name of its own', scopeName('shop:read'), true],
    ['a scope name of another namespace', scopeName('bank:read'), false],
    ['an audience that is a client id of its own', audience('shop.api'), true],
    ['an audience of somebody else', audience('https://api.example.com'), false],
    ['any redirect host', host('anything.example.com'), true],
    ['consent every time', consent('Always'), true],
    ['no consent page', consent('Implicit'), false],
    ['any lifetime', lifetime(999_999), true],
  ])('%s', (_, demand, accepted) => {
    expect(judge([], [demand]) === undefined).toBe(accepted);
    expect(judge([aPolicy({ namespaces: { from: 'Same' } })], [demand]) === undefined).toBe(accepted);
    // A member left out: as where no policy matches.
    expect(judge([aPolicy()], [demand]) === undefined).toBe(accepted);
  });

  it("the server's own namespace may name scopes freely", () => {
    expect(judge([], [scopeName('anything')], { name: 'auth', labels: {} })).toBeUndefined();
  });
});

describe('a policy', () => {
  it.each([
    ['narrows grant types', { grantTypes: ['client_credentials'] }, grant('authorization_code'), 'client_credentials'],
    ['grants a grant type', { grantTypes: ['implicit'] }, grant('implicit'), undefined],
    ['grants a foreign client id that it spells out', { clientIds: ['legacy'] }, clientId('legacy'), undefined],
    [
      'grants no client id of another namespace by wildcard',
      { clientIds: ['*', 'ba*'] },
      clientId('bank.web'),
      'shop.*, *, ba*',
    ],
    ['grants client ids of a namespace that it spells out', { clientIds: ['bank.*'] }, clientId('bank.web'), undefined],
    ['leaves the namespace its own names', { clientIds: ['legacy'] }, clientId('shop.web'), undefined],
    [
      'grants an audience',
      { audiences: ['https://api.example.com*'] },
      audience('https://api.example.com/v1'),
      undefined,
    ],
    ['narrows redirect hosts', { redirectHosts: ['shop.example.com'] }, host('evil.example.com'), 'shop.example.com'],
    ['grants hosts below a domain', { redirectHosts: ['*.example.com'] }, host('shop.example.com'), undefined],
    [
      'but not the domain itself or one that ends alike',
      { redirectHosts: ['*.example.com'] },
      host('badexample.com'),
      '*.example.com',
    ],
    ['grants consent without a page', { consentModes: ['Implicit'] }, consent('Implicit'), undefined],
    ['bounds lifetimes', { maxLifetimes: { accessToken: '300s' } }, lifetime(301), 'at most 300s'],
    ['bounds are inclusive', { maxLifetimes: { accessToken: '300s' } }, lifetime(300), undefined],
    ['of nothing grants nothing', { grantTypes: [] }, grant('client_credentials'), 'none'],
  ] as const)('%s', (_, members, demand, allowed) => {
    const refusal = judge([aPolicy(members)], [demand]);
    expect(refusal).toEqual(
      allowed === undefined ? undefined : { field: demand.field, value: demand.value, policy: 'p', allowed },
    );
  });

  it('accepts alone or not at all: two half grants do not add up', () => {
    const demands = [grant('implicit'), consent('Implicit')];
    const halves = [
      aPolicy({ name: 'a', grantTypes: ['implicit'] }),
      aPolicy({ name: 'b', consentModes: ['Implicit'] }),
    ];
    expect(judge(halves, demands)).toMatchObject({ policy: 'a', field: 'spec.consent.mode' });
    expect(
      judge([...halves, aPolicy({ name: 'c', grantTypes: ['implicit'], consentModes: ['Implicit'] })], demands),
    ).toBeUndefined();
  });

  it('that refuses least is the one that is named', () => {
    const policies = [
      aPolicy({ name: 'far', grantTypes: [], consentModes: [] }),
      aPolicy({ name: 'near', grantTypes: ['implicit'] }),
    ];
    expect(judge(policies, [grant('implicit'), consent('Implicit')])).toMatchObject({ policy: 'near' });
  });

  it('of another namespace says nothing here', () => {
    const other = aPolicy({
      namespaces: { from: 'Selector', selector: { matchLabels: { team: 'blue' } } },
      grantTypes: ['implicit'],
    });
    expect(judge([other], [grant('implicit')])).toMatchObject({ policy: 'built-in' });
  });
});

describe('an invitation', () => {
  const bySelector = (selector: NamespaceChoice['selector']): NamespaceChoice => ({ from: 'Selector', selector });
  it.each([
    ['Same, own', { from: 'Same' }, 'shop', true],
    ['Same, other', { from: 'Same' }, 'auth', false],
    ['All', { from: 'All' }, 'auth', true],
    ['labels that match', bySelector({ matchLabels: { team: 'red' } }), 'auth', true],
    ['labels that do not', bySelector({ matchLabels: { team: 'blue' } }), 'auth', false],
    ['one of two labels', bySelector({ matchLabels: { team: 'red', tier: '1' } }), 'auth', false],
    ['by name', bySelector({ matchLabels: { 'kubernetes.io/metadata.name': 'shop' } }), 'auth', true],
    ['In', bySelector({ matchExpressions: [{ key: 'team', operator: 'In', values: ['red'] }] }), 'auth', true],
    ['NotIn', bySelector({ matchExpressions: [{ key: 'team', operator: 'NotIn', values: ['red'] }] }), 'auth', false],
    [
      'NotIn without the label',
      bySelector({ matchExpressions: [{ key: 'x', operator: 'NotIn', values: ['y'] }] }),
      'auth',
      true,
    ],
    ['Exists', bySelector({ matchExpressions: [{ key: 'team', operator: 'Exists' }] }), 'auth', true],
    ['DoesNotExist', bySelector({ matchExpressions: [{ key: 'team', operator: 'DoesNotExist' }] }), 'auth', false],
    [
      'an inherited name is no label',
      bySelector({ matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }),
      'auth',
      false,
    ],
    ['an empty selector: everybody', bySelector({}), 'auth', true],
    ['no selector: nobody', { from: 'Selector' }, 'auth', false],
  ] as const)('%s', (_, choice, owner, expected) => {
    expect(isChosen(choice, owner, shop)).toBe(expected);
  });
});

describe('names', () => {
  it.each([
    ['web', 'web', true],
    ['web', 'web2', false],
    ['web*', 'web2', true],
    ['*', '', true],
    ['w*b', 'web', false],
  ])('%j against %j: %j', (pattern, value, expected) => expect(matchesPattern(pattern, value)).toBe(expected));

  it.each([
    ['*', 'plain', '.', true],
    ['*', 'bank.web', '.', false],
    ['bank*', 'bank.web', '.', false],
    ['bank.*', 'bank.web', '.', true],
    ['bank.web', 'bank.web', '.', true],
    ['*', 'bank:read', ':', false],
    ['bank:*', 'bank:read', ':', true],
  ] as const)('%j grants %j (%s): %j', (pattern, name, separator, expected) =>
    expect(grantsName(pattern, name, separator)).toBe(expected),
  );
});
