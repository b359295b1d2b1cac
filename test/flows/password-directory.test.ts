import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DirectoryUnavailable, type PasswordChange } from '../../server/src/directory/directory.ts';
import { type Connect, connectTls, targetsOf } from '../../server/src/directory/ldap/target.ts';
import { bindAnswer, element, message } from '../support/ber.ts';
import { never, openDirectories, registrationOf, type TestDirectories } from '../support/directories.ts';
import { startDirectory389 } from '../support/directory-389.ts';
import { dn389, password389 } from '../support/directory-389-seed.ts';
import { startSamba } from '../support/samba.ts';
import { domainPassword, domainPerson } from '../support/samba-seed.ts';
import { type ScriptedRequest, startScriptedLdap } from '../support/scripted-ldap.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';
import { registrationOf389, registrationOfSamba } from '../support/vendor-registrations.ts';
import { authorizePath, signIn, World, webApp } from '../support/world.ts';

const changed: PasswordChange = { outcome: 'changed' };
const refused = (reason: 'credentials' | 'not_allowed'): PasswordChange => ({ outcome: 'rejected', reason });
const quality = (hint: Extract<PasswordChange, { reason: 'quality' }>['hint']): PasswordChange => ({
  outcome: 'rejected',
  reason: 'quality',
  hint,
});
const change = async ({ port }: TestDirectories, username: string, current: string, next: string) =>
  port.changePassword(await port.find(username, never), current, next, never);
/** Users may write their own password, and nobody reads one. */
const selfWrite = 'access to attrs=userPassword by self =xw by anonymous auth by * none';
const policy = (...lines: readonly string[]) =>
  `dn: cn=default,ou=policies,dc=example,dc=org\nchangetype: modify\n${lines.join('\n-\n')}\n`;

describe('OpenLDAP with its password policy', () => {
  let slapd: Slapd;
  let directories: TestDirectories;
  let turn = 0;
  let uid = '';

  beforeAll(async () => {
    slapd = await startSlapd({ settings: [selfWrite] });
    await slapd.modify(
      policy(
        'add: pwdMinLength\npwdMinLength: 10',
        'add: pwdCheckQuality\npwdCheckQuality: 2',
        'add: pwdInHistory\npwdInHistory: 3',
        'add: pwdSafeModify\npwdSafeModify: TRUE',
      ),
    );
    directories = openDirectories({ people: registrationOf(slapd) });
  });
  afterAll(async () => {
    await directories?.[Symbol.asyncDispose]();
    await slapd?.close();
  });
  beforeEach(async () => {
    uid = `person${++turn}`;
    await slapd.add(
      `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: Somebody\nsn: Body\nuserPassword: ${seedPassword(uid)}\n`,
    );
    directories.forget();
  });
  const modified = (...lines: readonly string[]) =>
    slapd.modify(`dn: ${seedDn(uid)}\nchangetype: modify\n${lines.join('\n-\n')}\n`);

  it('the new password counts and the old one does not', async () => {
    expect(await change(directories, uid, seedPassword(uid), 'a whole new one')).toEqual(changed);
    expect((await directories.login(uid, 'a whole new one')).outcome).toBe('accepted');
    expect(await directories.login(uid, seedPassword(uid))).toEqual({ outcome: 'rejected', reason: 'credentials' });
  });

  it('it is the user who binds and changes, on a connection of its own that ends', async () => {
    await slapd.clearLog();
    expect(await change(directories, uid, seedPassword(uid), 'a whole new one')).toEqual(changed);
    const log = async () => {
      const { binds } = await slapd.operations();
      return { binds: binds.filter((dn) => dn !== slapd.bindDn), log: slapd.log() };
    };
    const seen = await log();
    expect(seen.binds).toEqual([seedDn(uid)]);
    const connection = new RegExp(`(conn=\\d+) op=\\d+ BIND dn="${seedDn(uid)}" method`).exec(seen.log)?.[1] ?? '?';
    expect(seen.log).toMatch(new RegExp(` ${connection} op=\\d+ PASSMOD( |$)`, 'm'));
    await expect.poll(async () => (await log()).log).toMatch(new RegExp(` ${connection} fd=\\d+ closed`));
    expect(directories.operations.filter(({ operation }) => operation === 'modify')).toMatchObject([
      { purpose: 'bind', outcome: 'success' },
    ]);
  });

  it('a wrong current password changes nothing, and is counted by the directory too', async () => {
    expect(await change(directories, uid, 'wrong', 'a whole new one')).toEqual(refused('credentials'));
    expect(directories.operations.filter(({ operation }) => operation === 'modify')).toEqual([]);
    expect((await directories.login(uid, seedPassword(uid))).outcome).toBe('accepted');
  });

  it('what the policy says of a new one becomes a word of ours', async () => {
    const first = seedPassword(uid);
    expect(await change(directories, uid, first, 'short')).toEqual(quality('too_short'));
    expect(await change(directories, uid, first, 'a whole new one')).toEqual(changed);
    expect(await change(directories, uid, 'a whole new one', first)).toEqual(quality('in_history'));
    await slapd.modify(policy('add: pwdMinAge\npwdMinAge: 3600'));
    expect(await change(directories, uid, 'a whole new one', 'yet another one')).toEqual(quality('too_young'));
    await slapd.modify(policy('delete: pwdMinAge', 'add: pwdAllowUserChange\npwdAllowUserChange: FALSE'));
    expect(await change(directories, uid, 'a whole new one', 'yet another one')).toEqual(refused('not_allowed'));
    await slapd.modify(policy('delete: pwdAllowUserChange'));
    expect(await change(directories, uid, 'a whole new one', 'yet another one')).toEqual(changed);
  });

  it('a password of any letters, and of 128 of them', async () => {
    const odd = `Ünïcødé "quoted" \\ 密码 🔑`;
    expect(await change(directories, uid, seedPassword(uid), odd)).toEqual(changed);
    const long = '🔑'.repeat(128);
    expect(await change(directories, uid, odd, long)).toEqual(changed);
    expect((await directories.login(uid, long)).outcome).toBe('accepted');
  });

  it('A41: what cannot be a password is refused before anything is sent', async () => {
    const candidate = await directories.port.find(uid, never);
    directories.forget();
    for (const [current, next] of [
      ['', 'a whole new one'],
      ['a\0b', 'a whole new one'],
    ] as const)
      expect(await directories.port.changePassword(candidate, current, next, never)).toEqual(refused('credentials'));
    for (const next of ['', 'a\0b', 'x'.repeat(129)]) {
      expect(await directories.port.changePassword(candidate, seedPassword(uid), next, never)).toEqual(
        refused('not_allowed'),
      );
    }
    expect(directories.operations).toEqual([]);
  });

  it('a name that nobody has costs an equal bind', async () => {
    expect(await change(directories, 'nobody-at-all', 'wrong', 'a whole new one')).toEqual(refused('credentials'));
    expect(directories.operations.filter(({ operation }) => operation === 'bind')).toHaveLength(
      directories.operations.filter(({ operation, purpose }) => operation === 'bind' && purpose === 'search').length +
        1,
    );
  });

  it('who must change it binds for that alone, and is as active as anybody afterwards', async () => {
    await modified('replace: pwdReset\npwdReset: TRUE');
    expect(await directories.login(uid, seedPassword(uid))).toEqual({
      outcome: 'rejected',
      reason: 'must_change_password',
      bound: true,
    });
    expect(await change(directories, uid, seedPassword(uid), 'a whole new one')).toEqual(changed);
    expect((await directories.login(uid, 'a whole new one')).outcome).toBe('accepted');
  });

  it('who is locked, switched off or expired changes nothing', async () => {
    await modified('add: pwdEndTime\npwdEndTime: 20200101000000Z');
    const before = await directories.login(uid, seedPassword(uid));
    expect(before.outcome).toBe('rejected');
    expect((await change(directories, uid, seedPassword(uid), 'a whole new one')).outcome).toBe('rejected');
    expect(directories.operations.filter(({ operation }) => operation === 'modify')).toEqual([]);
  });

  it('found again by its id: the same user under another name', async () => {
    const { directory, entryId } = await directories.user(uid);
    const candidate = await directories.port.findAgain({ directory, entryId }, never);
    expect(candidate).toMatchObject({ known: true, user: { username: uid } });
    expect(await directories.port.changePassword(candidate, seedPassword(uid), 'a whole new one', never)).toEqual(
      changed,
    );
    await slapd.modify(`dn: ${seedDn(uid)}\nchangetype: delete\n`);
    expect(await directories.port.findAgain({ directory, entryId }, never)).toMatchObject({ known: false });
  });

  it('a directory that lets nobody write refuses', async () => {
    const closed = await startSlapd();
    const others = openDirectories({ people: registrationOf(closed) });
    try {
      expect(await change(others, 'ada', seedPassword('ada'), 'a whole new one')).toEqual(refused('not_allowed'));
    } finally {
      await others[Symbol.asyncDispose]();
      await closed.close();
    }
  });

  describe('when something goes wrong after the bind', () => {
    const extended = (id: number, code: number) =>
      message(id, element(0x78, Buffer.from([0x0a, 1, code, 0x04, 0, 0x04, 0])));
    /** Searches are those of slapd; the first connection that binds users leads to a server that plays a script. */
    const scripted = async (play: (request: ScriptedRequest) => void, servers: readonly string[]) => {
      const server = await startScriptedLdap();
      server.answer((request) => {
        if (request.operation === 'bind') request.socket.write(bindAnswer(request.id, 0));
        if (request.operation === 'other') play(request);
      });
      const [target] = targetsOf([server.url], server.caPem);
      if (target === undefined) throw new Error('no target');
      let diverted = 0;
      const asked: string[] = [];
      const connect: Connect = (given, purpose, signal) => {
        if (purpose !== 'bind') return connectTls(given, purpose, signal);
        asked.push(given.url);
        diverted += 1;
        return connectTls(diverted === 1 ? target : given, purpose, signal);
      };
      return {
        server,
        asked,
        directories: openDirectories({ people: registrationOf(slapd, { servers: [...servers] }) }, { connect }),
      };
    };

    it('a server that only reads names another one: those that are registered are asked in turn', async () => {
      const other = `ldaps://127.0.0.1:${slapd.port}`;
      const {
        server,
        asked,
        directories: two,
      } = await scripted(({ id, socket }) => socket.write(extended(id, 10)), [slapd.url, other]);
      await using _server = server;
      await using _two = two;
      expect(await change(two, uid, seedPassword(uid), 'a whole new one')).toEqual(changed);
      expect(asked).toEqual([slapd.url, other]);
    });

    it('where all of them only read, nothing is changed and nobody is told otherwise', async () => {
      const { server, directories: one } = await scripted(
        ({ id, socket }) => socket.write(extended(id, 10)),
        [slapd.url],
      );
      await using _server = server;
      await using _one = one;
      await expect(change(one, uid, seedPassword(uid), 'a whole new one')).rejects.toThrow(DirectoryUnavailable);
    });

    it.each<[string, (request: ScriptedRequest) => void]>([
      ['the connection ends', ({ socket }) => socket.destroy()],
      ['it is busy', ({ id, socket }) => socket.write(extended(id, 51))],
      ['it answers something else', ({ id, socket }) => socket.write(bindAnswer(id, 0))],
    ])('%s before the answer: nobody knows, and the change is sent to nobody else', async (_title, play) => {
      const { server, asked, directories: two } = await scripted(play, [slapd.url, `ldaps://127.0.0.1:${slapd.port}`]);
      await using _server = server;
      await using _two = two;
      await expect(change(two, uid, seedPassword(uid), 'a whole new one')).rejects.toThrow(DirectoryUnavailable);
      expect(asked).toEqual([slapd.url]);
      expect((await directories.login(uid, seedPassword(uid))).outcome).toBe('accepted');
    });
  });

  describe('through the pages', () => {
    let world: World;
    beforeAll(async () => {
      world = await World.open({
        clients: [webApp()],
        directory: 'registered',
        directories: { 'shop/people': registrationOf(slapd, { password_change: 'allowed' }) },
      });
    });
    afterAll(() => world?.stop());

    it('a sign-in after a reset leads to the page, a short one is refused in words, and the sign-in goes on', async () => {
      await modified('replace: pwdReset\npwdReset: TRUE');
      const browser = world.browser();
      const page = await signIn(browser, authorizePath(), uid, seedPassword(uid));
      expect(page.name).toBe('password');
      const typed = (next: string) => ({
        current_password: seedPassword(uid),
        new_password: next,
        new_password_again: next,
        change: '1',
      });
      const short = await browser.submit(page, typed('short'));
      expect(short.problem).toBe('This password is too short.');
      expect((await browser.submit(short, typed('a whole new one'))).name).toBe('consent');
      expect((await browser.get('/account')).link('password')).toBe('/password');
    });
  });
});

describe('Active Directory', () => {
  it('takes the attribute unicodePwd: the old value away, the new one in', async () => {
    await using samba = await startSamba();
    await using directories = openDirectories({ people: registrationOfSamba(samba) });
    const first = domainPassword('ada');
    expect(await change(directories, 'ada', 'wrong', 'An0ther-password')).toEqual(refused('credentials'));
    expect(await change(directories, 'ada', first, 'Ünïcødé-密码-1')).toEqual(changed);
    expect((await directories.login('ada', 'Ünïcødé-密码-1')).outcome).toBe('accepted');
    await samba.add(domainPerson('late', 'Late Comer', ['pwdLastSet: 0']));
    // It lets nobody bind before the change, and nobody else may do it for them.
    expect(await directories.login('late', domainPassword('late'))).toEqual({
      outcome: 'rejected',
      reason: 'must_change_password',
    });
    expect(await change(directories, 'late', domainPassword('late'), 'An0ther-password')).toEqual(
      refused('credentials'),
    );
    await samba.modify(`dn: ${samba.baseDn}\nchangetype: modify\nreplace: minPwdLength\nminPwdLength: 9\n`);
    expect(await change(directories, 'grace', domainPassword('grace'), 'Sh0rt-1')).toEqual(quality('too_short'));
  });

  it('through the pages: on the account page; who must change it first is told whom to ask', async () => {
    await using samba = await startSamba();
    await samba.modify(`dn: ${samba.baseDn}\nchangetype: modify\nreplace: minPwdLength\nminPwdLength: 9\n`);
    await samba.add(domainPerson('late', 'Late Comer', ['pwdLastSet: 0']));
    const world = await World.open({
      clients: [webApp()],
      directory: 'registered',
      directories: { 'shop/people': { ...registrationOfSamba(samba), password_change: 'allowed' } },
    });
    try {
      const browser = world.browser();
      const account = await signIn(browser, '/account', 'ada', domainPassword('ada'));
      expect(account.link('password')).toBe('/password');
      const typed = (next: string) => ({
        current_password: domainPassword('ada'),
        new_password: next,
        new_password_again: next,
        change: '1',
      });
      const short = await browser.submit(await browser.get('/password'), typed('Sh0rt-1'));
      expect(short.problem).toBe('This password is too short.');
      expect((await browser.submit(short, typed('An0ther-password'))).html).toContain('Your password was changed');
      const again = (password: string) => signIn(world.browser(), authorizePath(), 'ada', password);
      expect((await again('An0ther-password')).name).toBe('consent');
      const late = await signIn(world.browser(), authorizePath(), 'late', domainPassword('late'));
      expect([late.name, late.problem]).toEqual([
        'login',
        'Your password has expired. Ask your administrator for a new one.',
      ]);
    } finally {
      await world.stop();
    }
  });
});

describe('389 Directory Server', () => {
  it('takes Password Modify, also from whoever must change it, and refuses a bad one', async () => {
    await using server = await startDirectory389();
    await using directories = openDirectories({ people: registrationOf389(server) });
    const first = password389('ada');
    await server.modify(
      `dn: cn=config\nchangetype: modify\nreplace: passwordCheckSyntax\npasswordCheckSyntax: on\n-\nreplace: passwordMinLength\npasswordMinLength: 10\n-\nreplace: passwordHistory\npasswordHistory: on\n-\nreplace: passwordMustChange\npasswordMustChange: on\n`,
    );
    await server.modify(
      `dn: dc=example,dc=net\nchangetype: modify\nadd: aci\naci: (targetattr="userPassword")(version 3.0; acl "own password"; allow (write) userdn="ldap:///self";)\n`,
    );
    expect(await change(directories, 'ada', 'wrong', 'a Whole new 1')).toEqual(refused('credentials'));
    // It says what is wrong in words of its own alone.
    expect(await change(directories, 'ada', first, 'short')).toEqual(quality('no_match_policy'));
    expect(await change(directories, 'ada', first, 'a Whole new 1')).toEqual(changed);
    expect((await directories.login('ada', 'a Whole new 1')).outcome).toBe('accepted');
    expect(await change(directories, 'ada', 'a Whole new 1', 'An0ther whole one')).toEqual(changed);
    expect(await change(directories, 'ada', 'An0ther whole one', 'a Whole new 1')).toEqual(quality('in_history'));
    await server.modify(
      `dn: ${dn389('grace')}\nchangetype: modify\nreplace: userPassword\nuserPassword: reset-by-somebody\n`,
    );
    // It notes that the password must be changed after it has answered.
    await expect
      .poll(() => directories.login('grace', 'reset-by-somebody'))
      .toMatchObject({ reason: 'must_change_password', bound: true });
    expect(await change(directories, 'grace', 'reset-by-somebody', 'a Whole new 1')).toEqual(changed);
    expect((await directories.login('grace', 'a Whole new 1')).outcome).toBe('accepted');
  });

  it('through the pages: who must change it does so there, is told of a bad one, and the sign-in goes on', async () => {
    await using server = await startDirectory389();
    await server.modify(
      `dn: cn=config\nchangetype: modify\nreplace: passwordCheckSyntax\npasswordCheckSyntax: on\n-\nreplace: passwordMustChange\npasswordMustChange: on\n`,
    );
    await server.modify(
      `dn: dc=example,dc=net\nchangetype: modify\nadd: aci\naci: (targetattr="userPassword")(version 3.0; acl "own password"; allow (write) userdn="ldap:///self";)\n`,
    );
    const registration = registrationOf389(server, { password_change: 'allowed' });
    await server.modify(
      `dn: ${dn389('grace')}\nchangetype: modify\nreplace: userPassword\nuserPassword: reset-by-somebody\n`,
    );
    const world = await World.open({
      clients: [webApp()],
      directory: 'registered',
      directories: { 'shop/people': registration },
    });
    try {
      await using directories = openDirectories({ people: registration });
      // It notes that the password must be changed after it has answered.
      await expect
        .poll(() => directories.login('grace', 'reset-by-somebody'))
        .toMatchObject({ reason: 'must_change_password' });
      const browser = world.browser();
      const page = await signIn(browser, authorizePath(), 'grace', 'reset-by-somebody');
      expect(page.name).toBe('password');
      const typed = (next: string) => ({
        current_password: 'reset-by-somebody',
        new_password: next,
        new_password_again: next,
        change: '1',
      });
      const short = await browser.submit(page, typed('short'));
      expect([short.name, short.problem]).toEqual(['password', expect.any(String)]);
      expect((await browser.submit(short, typed('a Whole new 1'))).name).toBe('consent');
      expect((await directories.login('grace', 'a Whole new 1')).outcome).toBe('accepted');
    } finally {
      await world.stop();
    }
  });
});
