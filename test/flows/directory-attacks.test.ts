import { createSecretKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable } from '../../server/src/directory/directory.ts';
import { connectTls } from '../../server/src/directory/ldap/target.ts';
import { never, openDirectories, openLedger, registrationOf, type TestDirectories } from '../support/directories.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword, seedSuffix } from '../support/slapd-seed.ts';

/** Attacks on the login by way of LDAP. */
let slapd: Slapd;
let people: TestDirectories;

beforeAll(async () => {
  slapd = await startSlapd();
});
afterAll(() => slapd?.close());
beforeEach(async () => {
  await slapd.clearLog();
  people = openDirectories({ people: registrationOf(slapd) });
});
afterEach(async () => people[Symbol.asyncDispose]());

describe('A41, F12: what is no password never reaches a directory', () => {
  const passwords = ['', '\0', '\0\0\0', 'ada-password\0', '\0ada-password', 'x'.repeat(129), 'x'.repeat(65_536)];
  it.each(passwords.map((password) => [JSON.stringify(password).slice(0, 40), password]))(
    '%s',
    async (_title, password) => {
      for (const name of ['ada', 'nobody']) {
        const candidate = await people.port.find(name, never);
        people.forget();
        expect(await people.port.authenticate(candidate, password, never)).toEqual({
          outcome: 'rejected',
          reason: 'credentials',
        });
        expect(people.operations).toEqual([]);
      }
      expect((await slapd.operations()).binds.filter((dn) => dn !== slapd.bindDn)).toEqual([]);
    },
  );

  it('a password that holds anything else is sent as it is', async () => {
    const odd = [' ada-password', 'ada-password ', 'Ada-password', 'ada-password\n', '*', '🦊'.repeat(128)];
    for (const password of odd) expect(await people.login('ada', password)).toMatchObject({ outcome: 'rejected' });
    expect((await slapd.operations()).binds.filter((dn) => dn === seedDn('ada'))).toHaveLength(odd.length);
  });
});

describe('A42, F13: injection', () => {
  const hostileNames = [')(cn=*', '*', 'staff)(|(member=*', '\\2a', 'cn=finance,ou=groups,dc=example,dc=org'];
  beforeAll(async () => {
    for (const [index, cn] of hostileNames.entries()) {
      const escaped = cn.replaceAll(/[\\,=+<>;"#]/g, '\\$&');
      await slapd.add(
        `dn: cn=${escaped},ou=groups,${seedSuffix}\nobjectClass: groupOfNames\ncn: ${cn}\nmember: ${seedDn('alan')}\n`,
      );
      const uid = `mallory${index})(uid=*`;
      await slapd.add(
        `dn: uid=${uid.replaceAll('=', '\\=')},ou=people,${seedSuffix}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: x\nsn: x\nuserPassword: mallory\n`,
      );
    }
  });

  it('300 payloads as a name: somebody only under their own name', async () => {
    const pieces = [
      '*',
      ')',
      '(',
      '\\',
      '|',
      '&',
      '!',
      '=',
      'uid',
      'ada',
      '2a',
      '\\2a',
      '(uid=*)',
      '*)(uid=*',
      ')(|(uid=*',
      'objectClass',
      ':=',
      '~=',
      '>=',
      ',',
      '+',
      '"',
      '#',
      ';',
      '<',
      ' ',
      'é',
    ];
    const own = new Set([
      'ada',
      'grace',
      'alan',
      'zoe',
      ...hostileNames.map((_name, index) => `mallory${index})(uid=*`),
    ]);
    let tried = 0;
    for (let number = 0; number < 300; number += 1) {
      const parts = [number, number * 7 + 3, number * 31 + 5, number * 53 + 11].slice(0, 1 + (number % 4));
      const name = parts.map((part) => pieces[part % pieces.length] ?? '').join('');
      const candidate = await people.port.find(name, never);
      const folded = name.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();
      expect([name, candidate.known]).toEqual([name, own.has(folded)]);
      tried += 1;
    }
    expect(tried).toBe(300);
  });

  it.each(['*', 'a*', '*a*', 'ada)(uid=*', '*)(objectClass=*', '\\2a', '\\61da', 'ada\\00', '(|(uid=ada))'])(
    'nobody is called %j',
    async (name) => expect(await people.port.find(name, never)).toMatchObject({ known: false }),
  );

  it.each(['a\0da', 'ada\0', '\x01', 'ada\n', 'x'.repeat(257)])(
    'what is no name is not asked about: %j',
    async (name) => {
      const candidate = await people.port.find(name, never);
      expect(candidate).toMatchObject({ known: false, directory: null });
      expect(await people.port.authenticate(candidate, 'x', never)).toEqual({
        outcome: 'rejected',
        reason: 'credentials',
      });
      expect(people.operations).toEqual([]);
    },
  );

  it('a name that looks like a filter is itself, and has its own groups', async () => {
    expect(await people.login('mallory0)(uid=*', 'mallory')).toMatchObject({ outcome: 'accepted' });
    expect((await people.user('mallory0)(uid=*')).groups).toEqual([]);
    expect((await people.user('grace')).groups.map((group) => group.name)).toEqual(['finance', 'staff']);
  });

  it('hostile group names stay names', async () => {
    const names = (await people.user('alan')).groups.map((group) => group.name);
    expect(names.toSorted()).toEqual([...hostileNames, 'engineering', 'staff'].toSorted());
  });
});

describe('A43: spellings', () => {
  it('200 of one name that somebody has: one entry, one counter', async () => {
    const spellings = new Set<string>();
    for (let mask = 0; mask < 8; mask += 1) {
      const cased = Array.from('ada')
        .map((letter, index) => ((mask >> index) & 1 ? letter.toUpperCase() : letter))
        .join('');
      for (let spaces = 0; spaces < 5; spaces += 1) {
        const before = ' '.repeat(spaces);
        for (const after of ['', ' ', '  ', '   ', '    ']) spellings.add(`${before}${cased}${after}`);
      }
    }
    expect(spellings.size).toBe(200);
    const keys = new Set<string>();
    const subjects = new Set<string>();
    for (const spelling of spellings) {
      const candidate = await people.port.find(spelling, never);
      keys.add(candidate.throttleKey);
      if (candidate.known) subjects.add(candidate.user.subject);
    }
    expect([keys.size, subjects.size]).toEqual([1, 1]);
  });

  it('full-width letters are the same name, as this directory prepares names: the same entry and counter', async () => {
    const [wide, plain] = [await people.port.find('ＡＤＡ', never), await people.port.find('ada', never)];
    expect(wide.known && wide.user.subject).toBe(plain.known && plain.user.subject);
    expect([wide.known, wide.throttleKey]).toEqual([true, plain.throttleKey]);
  });

  it('of a name that nobody has: one counter, unlike that of any entry', async () => {
    const keys = await Promise.all(['bob', 'BOB', ' bob', 'ｂｏｂ'].map((name) => people.port.find(name, never)));
    expect(new Set(keys.map((one) => one.throttleKey)).size).toBe(1);
    expect(keys[0]?.throttleKey).not.toBe((await people.port.find('ada', never)).throttleKey);
  });
});

describe('A48, F15: known and unknown names cost the same', () => {
  const chains = {
    base: `ou=chains,${seedSuffix}`,
    scope: 'sub',
    filter: '(&(objectClass=groupOfNames)(member={}))',
    attributes: { name: 'cn' },
    nested: true,
  } as const;
  beforeAll(async () => {
    const group = (level: number, member: string) =>
      `dn: cn=chain-${level},${chains.base}\nobjectClass: groupOfNames\ncn: chain-${level}\nmember: ${member}\n`;
    await slapd.add(
      [
        `dn: ${chains.base}\nobjectClass: organizationalUnit\nou: chains\n`,
        group(1, seedDn('grace')),
        ...[1, 2].map((level) => group(level + 1, `cn=chain-${level},${chains.base}`)),
        `dn: ${seedDn('hal')}\nobjectClass: inetOrgPerson\nuid: hal\ncn: x\nsn: x\nuserPassword: ${seedPassword('hal')}\n`,
      ].join('\n'),
    );
  });

  it.each<[string, Parameters<typeof registrationOf>[1]]>([
    ['groups by search', {}],
    ['groups in the entry', { group_search: undefined, member_of_attribute: 'memberOf' } as never],
    ['groups inside groups', { group_search: chains }],
  ])('%s', async (_title, change) => {
    await using asked = openDirectories({ people: registrationOf(slapd, change) });
    await asked.login('grace', 'wrong');
    const costs = new Map<string, string>();
    for (const [kind, name] of [
      ['known', 'grace'],
      ['known and in no group', 'hal'],
      ['unknown', 'nobody'],
      ['locked', 'zoe'],
    ] as const) {
      if (kind === 'locked') await slapd.lock(seedDn('zoe'));
      asked.forget();
      await slapd.clearLog();
      expect(await asked.login(name, 'wrong')).toEqual({ outcome: 'rejected', reason: 'credentials' });
      const { connections, binds, searches } = await slapd.operations();
      costs.set(kind, `${asked.counted()} / ${connections} ${binds.length} ${searches.length}`);
    }
    await slapd.unlock(seedDn('zoe'));
    expect([...new Set(costs.values())]).toEqual(['search 1, bind 1 / 0 1 1']);
  });

  it('groups are asked for after the password was right, however deep they are', async () => {
    await using asked = openDirectories({ people: registrationOf(slapd, { group_search: chains }) });
    const names = (outcome: Awaited<ReturnType<typeof asked.login>>) =>
      outcome.outcome === 'accepted' ? outcome.user.groups.map(({ name }) => name) : outcome.reason;
    expect(names(await asked.login('grace', seedPassword('grace')))).toEqual(['chain-1', 'chain-2', 'chain-3']);
    expect(names(await asked.login('hal', seedPassword('hal')))).toEqual([]);
  });

  it('a thousand names that somebody has and a thousand that nobody has: one answer, as many searches and binds', async () => {
    await using many = await startSlapd();
    const numbers = Array.from({ length: 1000 }, (_, index) => index);
    const person = (index: number) => {
      const uid = `known-${index}`;
      return `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: x\nsn: x\nuserPassword: ${seedPassword(uid)}\n`;
    };
    await many.add(numbers.map(person).join('\n'));
    await using asked = openDirectories({ people: registrationOf(many) });
    const guess = async (kind: string) => {
      await many.clearLog();
      asked.forget();
      const answers = new Set<string>();
      const left = [...numbers];
      // As many at once as there are connections: nobody waits for one.
      const guesser = async () => {
        for (let index = left.pop(); index !== undefined; index = left.pop())
          answers.add(JSON.stringify(await asked.login(`${kind}-${index}`, 'a-guess')));
      };
      await Promise.all([1, 2, 3, 4].map(guesser));
      // Connections are opened for whoever comes first.
      const done = asked.operations.filter((one) => one.operation !== 'connect' && one.purpose !== 'search');
      const searches = asked.operations.filter((one) => one.operation === 'search');
      const { binds } = await many.operations();
      const users = binds.filter((dn) => dn !== many.bindDn).length;
      return { answers: [...answers], binds: done.length, searches: searches.length, users };
    };
    const known = await guess('known');
    expect(known).toMatchObject({
      answers: ['{"outcome":"rejected","reason":"credentials"}'],
      binds: 1000,
      users: 1000,
    });
    expect(await guess('unknown')).toEqual(known);
  });

  it('two directories: whoever knows the name, both are asked and one bind is made', async () => {
    await using other = await startSlapd();
    for (const uid of ['ada', 'alan']) await other.modify(`dn: ${seedDn(uid)}\nchangetype: delete\n`);
    await slapd.add(`dn: ${seedDn('first')}\nobjectClass: inetOrgPerson\nuid: first\ncn: x\nsn: x\n`);
    await other.add(`dn: ${seedDn('second')}\nobjectClass: inetOrgPerson\nuid: second\ncn: x\nsn: x\n`);
    await using both = openDirectories({
      one: registrationOf(slapd),
      two: registrationOf(other, { subject_namespace: 'shop/two' }),
    });
    for (const name of ['first', 'second', 'third']) await both.login(name, 'wrong');
    const counts = new Set<string>();
    for (const name of ['first', 'second', 'third']) {
      both.forget();
      await both.login(name, 'wrong');
      counts.add(both.counted());
    }
    expect([...counts]).toEqual(['search 2, bind 1']);
  });

  it('the password typed for an unknown name stays here', async () => {
    const seen: string[] = [];
    await using asked = openDirectories(
      { people: registrationOf(slapd) },
      {
        connect: async (target, purpose, signal) => {
          const socket = await connectTls(target, purpose, signal);
          const write = socket.write.bind(socket);
          socket.write = ((bytes: Buffer) => {
            seen.push(bytes.toString('latin1'));
            return write(bytes);
          }) as typeof socket.write;
          return socket;
        },
      },
    );
    await asked.login('nobody', 'my-secret-typo');
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.join('')).not.toContain('my-secret-typo');
  });
});

describe('the service account', () => {
  const wrong = () => registrationOf(slapd, { bind_password: 'wrong' });

  it('A46: a refused bind is not repeated by any replica until the password changes', async () => {
    await using kept = await openLedger();
    const { ledger } = kept;
    const replicas = [1, 2, 3].map(() => openDirectories({ people: wrong() }, { serviceBinds: ledger }));
    for (const replica of replicas) replica.port.start();
    await Promise.all(
      replicas.flatMap((replica) =>
        Array.from({ length: 5 }, () => expect(replica.user('ada')).rejects.toThrow(DirectoryUnavailable)),
      ),
    );
    for (const replica of replicas) await expect.poll(() => replica.port.probes()).toHaveLength(1);
    expect((await slapd.operations()).binds).toEqual([slapd.bindDn]);
    // The same answer after a restart, as the database remembers.
    await using late = openDirectories({ people: wrong() }, { serviceBinds: ledger });
    await expect(late.user('ada')).rejects.toThrow(/refused/);
    expect((await slapd.operations()).binds).toEqual([slapd.bindDn]);
    for (const replica of replicas) {
      replica.snapshots.set({ people: registrationOf(slapd) });
      expect(await replica.user('ada')).toMatchObject({ username: 'ada' });
      await replica[Symbol.asyncDispose]();
    }
  });

  it('a password that was right and is no longer is tried once', async () => {
    await using kept = await openLedger();
    const { ledger } = kept;
    await using directory = await startSlapd();
    const change = (password: string) =>
      directory.modify(
        `dn: ${directory.bindDn}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${password}\n-\nreplace: pwdReset\n`,
      );
    const registered = (more = {}) => ({ people: registrationOf(directory, more) });
    await using replica = openDirectories(registered(), { serviceBinds: ledger });
    await replica.user('ada');
    await change('another');
    await directory.clearLog();
    // Open connections stay bound; new ones cannot be made.
    await using other = openDirectories(registered(), { serviceBinds: ledger });
    for (let round = 0; round < 5; round += 1) await expect(other.user('ada')).rejects.toThrow(DirectoryUnavailable);
    expect((await directory.operations()).binds).toEqual([directory.bindDn]);
    other.snapshots.set(registered({ bind_password: 'another' }));
    expect(await other.user('ada')).toMatchObject({ username: 'ada' });
    // Another password was accepted in between, so the first one is another one too, and gets its try.
    await change(directory.bindPassword);
    other.snapshots.set(registered());
    expect(await other.user('ada')).toMatchObject({ username: 'ada' });
  });

  it('A46: three replicas on three connections each do not lock an account that five wrong tries would lock', async () => {
    await using kept = await openLedger();
    const { ledger } = kept;
    await using directory = await startSlapd();
    const { bindDn } = directory;
    await directory.modify(
      `dn: cn=default,ou=policies,${directory.baseDn}\nchangetype: modify\nreplace: pwdMaxFailure\npwdMaxFailure: 5\n`,
    );
    const change = (password: string) =>
      directory.modify(
        `dn: ${bindDn}\nchangetype: modify\nreplace: userPassword\nuserPassword: ${password}\n-\nreplace: pwdReset\n`,
      );
    const registered = (more = {}) => ({ people: registrationOf(directory, more) });
    await using first = openDirectories(registered(), { serviceBinds: ledger });
    await using second = openDirectories(registered(), { serviceBinds: ledger });
    await using third = openDirectories(registered(), { serviceBinds: ledger });
    const replicas = [first, second, third];
    for (const replica of replicas) await replica.user('ada');
    // Changed in the directory alone, and every connection lost at once.
    await change('another');
    await directory.stop();
    await directory.start();
    await directory.clearLog();
    const asked = await Promise.allSettled(
      replicas.flatMap((replica) => Array.from({ length: 3 }, () => replica.user('ada'))),
    );
    expect(asked.map(({ status }) => status)).not.toContain('fulfilled');
    expect((await directory.operations()).binds).toEqual([bindDn]);
    // The new password is tried, and serves all.
    await directory.clearLog();
    for (const replica of replicas) {
      replica.snapshots.set(registered({ bind_password: 'another' }));
      expect(await replica.user('ada')).toMatchObject({ username: 'ada' });
    }
    expect((await directory.operations()).binds.filter((dn) => dn === bindDn)).toHaveLength(3);
    // And one that is wrong from the start has its one try too.
    await directory.clearLog();
    const wrongs = replicas.flatMap((replica) => {
      replica.snapshots.set(registered({ bind_password: 'a third one' }));
      return Array.from({ length: 3 }, () => replica.user('ada'));
    });
    expect((await Promise.allSettled(wrongs)).map(({ status }) => status)).not.toContain('fulfilled');
    expect((await directory.operations()).binds).toEqual([bindDn]);
    for (const replica of replicas) {
      replica.snapshots.set(registered({ bind_password: 'another' }));
      expect(await replica.user('ada')).toMatchObject({ username: 'ada' });
    }
  });

  it('A47: neither the password nor a fingerprint without the key is kept', async () => {
    await using kept = await openLedger();
    const { ledger } = kept;
    const fingerprints: Buffer[] = [];
    const listening: typeof ledger = {
      claim: (directory, fingerprint) => {
        fingerprints.push(fingerprint);
        return ledger.claim(directory, fingerprint);
      },
      settle: (...all) => ledger.settle(...all),
    };
    const first = openDirectories({ people: registrationOf(slapd) }, { serviceBinds: listening });
    await first.user('ada');
    await first[Symbol.asyncDispose]();
    const fingerprintKey = createSecretKey(Buffer.alloc(32, 2));
    await using second = openDirectories(
      { people: registrationOf(slapd) },
      { serviceBinds: listening, fingerprintKey },
    );
    await second.user('ada');
    expect(new Set(fingerprints.map((one) => one.toString('hex'))).size).toBe(2);
    expect(fingerprints.every((one) => one.length === 32)).toBe(true);
  });
});
