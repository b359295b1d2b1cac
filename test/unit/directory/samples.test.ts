import { describe, expect, it } from 'vitest';
import type { DirectoryUser } from '../../../server/src/directory/directory.ts';
import { sampleOf } from '../../../server/src/directory/samples.ts';

const many = (count: number, word: string) => Array.from({ length: count }, (_, at) => `${word}-${at}`);

const user = (more: Partial<DirectoryUser> = {}): DirectoryUser => ({
  directory: 'shop/people',
  server: 'ldaps://a',
  subject: 'u_ada',
  entryId: 'id-of-ada',
  username: 'ada',
  name: 'Ada Lovelace',
  account: 'active',
  groups: [],
  claims: {},
  rulesMatchedByFilter: [],
  ...more,
});

const groups = (names: readonly string[]) => names.map((name) => ({ name, dn: `cn=${name},dc=example` }));
const none = { consent_rules: [], unlisted_scopes: 'deny' as const, vendor: 'openldap' as const };

function found(one: DirectoryUser, rules: Parameters<typeof sampleOf>[2] = none) {
  const sample = sampleOf('Ada', one, rules);
  if (sample.outcome !== 'found') throw new Error(sample.outcome);
  return sample;
}

describe('what is reported of a sample user', () => {
  it('the name as it was typed, and of claims the names alone', () => {
    const claims = { email: 'ada@example.org', address: { locality: 'London' } };
    const sample = found(user({ claims }));
    expect([sample.username, sample.claims]).toEqual(['Ada', ['address', 'email', 'groups']]);
    expect(JSON.stringify(sample)).not.toMatch(/London|example\.org|Lovelace|id-of-ada/);
  });

  it('groups in one order, each name once, whatever order the directory has; all of them are counted', () => {
    const one = found(user({ groups: groups(['b', 'a', 'b']) }));
    expect([one.groups, one.groupCount]).toEqual([['a', 'b'], 3]);
    expect(found(user({ groups: groups(['b', 'b', 'a']) }))).toEqual(one);
  });

  it('however much there is, a report stays small', () => {
    const long = 'g'.repeat(1000);
    const rules = {
      unlisted_scopes: 'deny' as const,
      vendor: 'openldap' as const,
      consent_rules: many(50, 'rule').map((name) => ({
        name,
        scopes: ['shared', ...many(49, `scope-of-${name}`)],
        groups: many(50, long),
      })),
    };
    const claims = Object.fromEntries(many(80, 'claim').map((name) => [name, 'value']));
    const sample = found(user({ groups: groups(many(500, long)), claims }), rules);
    expect(sample.groupCount).toBe(500);
    expect(sample.rules).toHaveLength(20);
    expect(sample.scopes).toHaveLength(40);
    expect(sample.scopes[0]?.rules).toHaveLength(10);
    expect(sample.groups.length).toBeLessThanOrEqual(20);
    expect(sample.claims).toHaveLength(60);
    for (const { why } of [...sample.rules, ...sample.scopes]) expect(why.length).toBeLessThanOrEqual(256);
    expect(sample.rules[0]?.why.endsWith('…')).toBe(true);
    expect(JSON.stringify(sample).length).toBeLessThan(32_000);
  });

  it('of scopes those that rules name, then the built-in ones, and no other team’s', () => {
    const consent_rules = [{ name: 'clerks', scopes: ['orders:read', 'email'], groups: [] }];
    expect(found(user(), { ...none, consent_rules }).scopes.map(({ scope, allowed }) => [scope, allowed])).toEqual([
      ['orders:read', true],
      ['email', true],
      ['openid', true],
      ['profile', false],
      ['phone', false],
      ['address', false],
      ['offline_access', false],
      ['groups', false],
    ]);
  });
});
