/** `nauthera-server explain user`: the same directories, rules and verdicts as a sign-in, told to whoever asks why. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../server/src/store/migrate.ts';
import { openDatabase } from '../../server/src/store/open.ts';
import { aClient, aScope } from '../support/builders.ts';
import { runServerCommand } from '../support/command.ts';
import { registrationOf } from '../support/directories.ts';
import { replaced } from '../support/ldap-changes.ts';
import { keyFileText } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn } from '../support/slapd-seed.ts';
import { keyEncryptionKey, World } from '../support/world.ts';

interface Explained {
  readonly directories: readonly { directory: string; outcome: string; detail?: string }[];
  readonly user?: {
    readonly directory: string;
    readonly subject: string;
    readonly username: string;
    readonly account: string;
    readonly groups: readonly { name: string }[];
    readonly claims: Record<string, unknown>;
    readonly rules: readonly { rule: string; holds: boolean; why: string }[];
    readonly scopes: readonly { scope: string; allowed: boolean; rules: string[]; why: string }[];
    readonly client?: Record<string, unknown>;
  };
}

let slapd: Slapd;
let folder = '';
let flags: readonly string[] = [];

beforeAll(async () => {
  slapd = await startSlapd();
  folder = await mkdtemp(join(tmpdir(), 'nauthera-explain-'));
  const url = `pglite:${join(folder, 'database')}`;
  const keyFile = join(folder, 'key');
  await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
  const database = await openDatabase(url);
  await migrate(database);
  const rules = [
    { name: 'clerks', scopes: ['orders:read', 'orders:write'], groups: ['finance', 'engineering'] },
    { name: 'bosses', scopes: ['orders:write'], groups: ['staff'], filter: '(employeeType=director)' },
    { name: 'regulars', scopes: ['email'], groups: [], filter: '(employeeType=staff)' },
  ];
  const scopes = ['openid', 'profile', 'email', 'orders:read', 'orders:write'];
  const world = await World.open({
    database,
    replicas: 0,
    directory: 'registered',
    directories: {
      'identity/people': registrationOf(slapd, {
        consent_rules: rules,
        account_status: {
          attribute: 'title',
          values: [{ value: 'on leave', state: 'disabled' }],
          other_values: 'active',
          without_value: 'active',
        },
      }),
      'identity/zombies': registrationOf(slapd, { priority: 200, subject_namespace: 'zombies' }),
      'identity/away': registrationOf(slapd, {
        servers: ['ldaps://localhost:1'],
        matches: { suffixes: ['.away'], names: [] },
        timeouts: { connect: 20_000, bind: 20_000, search: 20_000 },
      }),
    },
    scopes: [aScope('orders:read'), aScope('orders:write'), aScope('stock:read')],
    clients: [
      aClient('shop.web').with({ scopes }).build(),
      aClient('shop.vault')
        .with({ scopes, access_groups: ['finance'] })
        .build(),
    ],
  });
  await world.stop();
  flags = ['--database', url, '--key-file', keyFile];
});
afterAll(async () => {
  await slapd?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function explain(name: string, ...more: readonly string[]) {
  const { code, out, err } = await runServerCommand(['explain', 'user', name, ...more, '-o', 'json', ...flags]);
  if (out === '') throw new Error(`${code}: ${err}`);
  return { code, ...(JSON.parse(out) as Explained) };
}

describe('explain user', () => {
  it('what a sign-in would find: the directory that counts, account, groups, claims, each rule and each scope', async () => {
    const { code, directories, user } = await explain('alan');
    expect(code).toBe(0);
    expect(directories).toMatchObject([
      { directory: 'identity/away', outcome: 'not_asked' },
      { directory: 'identity/people', outcome: 'found' },
      { directory: 'identity/zombies', outcome: 'found' },
    ]);
    expect(user).toMatchObject({ directory: 'identity/people', username: 'alan', account: 'active' });
    expect(user?.subject).toMatch(/^u_/);
    expect(user?.groups.map(({ name }) => name).toSorted()).toEqual(['engineering', 'staff']);
    expect(user?.claims).toMatchObject({ name: 'Alan Turing', email: 'alan@example.org' });
    expect(user?.rules).toMatchObject([
      { rule: 'clerks', holds: true, why: 'is in engineering' },
      { rule: 'bosses', holds: false, why: 'does not match its filter (employeeType=director)' },
      { rule: 'regulars', holds: false, why: 'does not match its filter (employeeType=staff)' },
    ]);
    expect(Object.fromEntries(user?.scopes.map(({ scope, allowed, why }) => [scope, [allowed, why]]) ?? [])).toEqual({
      openid: [true, 'no rule names it, and it gives nothing but the sign-in'],
      profile: [true, 'no rule names it: unlistedScopes is Allow'],
      email: [false, 'rule regulars does not hold'],
      phone: [true, 'no rule names it: unlistedScopes is Allow'],
      address: [true, 'no rule names it: unlistedScopes is Allow'],
      offline_access: [true, 'no rule names it: unlistedScopes is Allow'],
      groups: [true, 'no rule names it: unlistedScopes is Allow'],
      'orders:read': [true, 'by rule clerks'],
      'orders:write': [true, 'by rule clerks'],
      'stock:read': [true, 'no rule names it: unlistedScopes is Allow'],
    });
  });

  it('for a client: what it may get, or that the user may not use it', async () => {
    expect((await explain('zoe', '--client', 'shop.web')).user?.client).toEqual({
      clientId: 'shop.web',
      mayUse: true,
      accessGroups: [],
      allowed: ['openid', 'profile'],
      refused: ['email', 'orders:read', 'orders:write'],
      onRefusedScope: 'drop',
    });
    const vault = await explain('zoe', '--client', 'shop.vault');
    expect([vault.code, vault.user?.client?.['mayUse']]).toEqual([1, false]);
    expect((await explain('ada', '--client', 'shop.vault')).code).toBe(0);
    const { code, err } = await runServerCommand(['explain', 'user', 'ada', '--client', 'shop.nobody', ...flags]);
    expect([code, err]).toEqual([1, expect.stringContaining('no client shop.nobody is registered')]);
  });

  it('an account that may not sign in, and a name that nobody has, end with 1', async () => {
    await slapd.lock(seedDn('grace'));
    const locked = await explain('grace');
    expect([locked.code, locked.user?.account]).toEqual([1, 'locked']);
    await slapd.unlock(seedDn('grace'));
    await slapd.modify(replaced(seedDn('grace'), 'title', 'On leave'));
    const marked = await explain('grace');
    expect([marked.code, marked.user?.account]).toEqual([1, 'disabled']);
    await slapd.modify(replaced(seedDn('grace'), 'title'));
    expect((await explain('grace')).user?.account).toBe('active');
    const nobody = await explain('nobody');
    expect([nobody.code, nobody.user, nobody.directories.map(({ outcome }) => outcome)]).toEqual([
      1,
      undefined,
      ['not_asked', 'nobody', 'nobody'],
    ]);
  });

  it('a directory that counts and cannot be asked ends with 3, whoever behind it knows the name', async () => {
    const { code, user, directories } = await explain('ada.away');
    expect([code, user]).toEqual([3, undefined]);
    expect(directories[0]).toMatchObject({ directory: 'identity/away', outcome: 'unavailable' });
    expect(directories[0]?.detail).toContain('ECONNREFUSED');
  });

  it('for people, a table that says the same', async () => {
    const { code, out } = await runServerCommand(['explain', 'user', 'alan', '--client', 'shop.web', ...flags]);
    expect(code).toBe(0);
    for (const line of [
      /^identity\/people +100 +knows the name: this one counts$/m,
      /^identity\/zombies +200 +knows the name too, and does not count$/m,
      /^account +active$/m,
      /^bosses +no +does not match its filter \(employeeType=director\) +orders:write$/m,
      /^email +no +rule regulars does not hold$/m,
      /^shop\.web: may get openid profile orders:read orders:write; left out: email$/m,
    ])
      expect(out).toMatch(line);
    expect(out).toContain((await explain('alan')).user?.subject);
  });

  it('A47: no password in what it says, and the key of the servers is not made up', async () => {
    const { out, err } = await runServerCommand(['explain', 'user', 'ada', ...flags]);
    expect(out + err).not.toContain(slapd.bindPassword);
    const noKey = ['--database', 'pglite:', '--key-file', join(folder, 'none')];
    const without = await runServerCommand(['explain', 'user', 'ada', ...noKey]);
    expect([without.code, without.err]).toEqual([2, expect.stringContaining('is not there')]);
  });
});
