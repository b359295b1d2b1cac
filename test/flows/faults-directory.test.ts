/** A directory that changes its mind while tokens are being refreshed: what it no longer allows is not given after its no. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { aScope } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
import { replaced } from '../support/ldap-changes.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn, seedPassword } from '../support/slapd-seed.ts';
import { authorizePath, codeFields, issuer, refreshFields, type TokenAnswer, World, webApp } from '../support/world.ts';

describe('F08, I2: somebody leaves while tokens are refreshed', () => {
  let slapd: Slapd;
  let world: World;
  const scopes = ['openid', 'profile', 'offline_access', 'shop:ledger'];
  const scope = scopes.join(' ');
  beforeAll(async () => {
    slapd = await startSlapd();
    world = await World.open({
      directory: 'registered',
      clients: [webApp('shop.web', { scopes })],
      scopes: [aScope('shop:ledger', { display_name: 'Read the ledger' })],
      directories: {
        'shop/people': registrationOf(slapd, {
          consent_rules: [{ name: 'finance', scopes: ['shop:ledger'], groups: ['finance'] }],
        }),
      },
    });
  });
  afterAll(async () => {
    await world?.stop();
    await slapd?.close();
  });

  beforeEach(async () => {
    await world.rows('DELETE FROM login_attempts');
  });

  /** Somebody of one test alone, in the group that may read the ledger. */
  const hire = async (uid: string) => {
    await slapd.add(
      `dn: ${seedDn(uid)}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\ndisplayName: ${uid}\nuserPassword: ${seedPassword(uid)}\n`,
    );
    await member('add', uid);
  };
  const member = (change: 'add' | 'delete', uid: string) =>
    slapd.modify(
      `dn: cn=finance,ou=groups,${slapd.baseDn}\nchangetype: modify\n${change}: member\nmember: ${seedDn(uid)}\n`,
    );

  const granted = async (uid: string): Promise<TokenAnswer['body']> => {
    const browser = world.browser();
    const login = await browser.get(authorizePath({ scope }));
    let page = await browser.submit(login, { username: uid, password: seedPassword(uid), 'sign-in': '1' });
    if (page.name === 'consent') page = await browser.submit(page, { decision: 'allow' });
    return (await world.token(codeFields(page.response.code ?? ''))).body;
  };

  /** Refreshes one chain without a pause until it is told to stop, or refused. */
  function refreshing(first: string | undefined) {
    const answers: { readonly began: number; readonly answer: TokenAnswer }[] = [];
    let stopped = false;
    let ended = false;
    let token = first;
    const once = async (): Promise<TokenAnswer> => {
      const began = performance.now();
      const answer = await world.token(refreshFields(token));
      answers.push({ began, answer });
      // A machine that is too busy, and a refusal, have spent nothing.
      if (answer.status === 200) token = answer.body.refresh_token;
      return answer;
    };
    const done = (async () => {
      for (let status = 200; !stopped && (status === 200 || status === 503); ) ({ status } = await once());
      ended = true;
    })();
    const stop = () => {
      stopped = true;
      return done;
    };
    onTestFinished(stop);
    /** What became of it, when it is over: its last token is presented once more. */
    const presentAgain = async (): Promise<TokenAnswer> => {
      await done;
      for (const deadline = performance.now() + 60_000; ; ) {
        const answer = await once();
        if (answer.status !== 503 || performance.now() > deadline) return answer;
      }
    };
    const given = () => answers.flatMap(({ answer }) => answer.body.access_token ?? []).at(-1);
    const since = (moment: number) =>
      answers.filter(({ began, answer }) => began > moment && answer.status !== 503).map(({ answer }) => answer);
    return { answers, stop, presentAgain, given, since, isOver: () => ended };
  }

  /** Four chains of one user under way; resolves when the change is done, and knows when that was. */
  const changedUnder = async (uid: string, change: () => Promise<void>) => {
    await hire(uid);
    // One after the other: beside those that refresh already nobody waits for a connection, which is not for long.
    const tokens: TokenAnswer['body'][] = [];
    for (let count = 0; count < 4; count += 1) tokens.push(await granted(uid));
    const chains = tokens.map(({ refresh_token }) => refreshing(refresh_token));
    for (const { since } of chains) await expect.poll(() => since(0).length).toBeGreaterThan(2);
    await change();
    return { chains, changed: performance.now() };
  };

  const isActive = async (token = ''): Promise<unknown> => {
    const response = await world.fetch(`${issuer}/introspect`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('shop.web:secret-of-shop.web').toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ token }).toString(),
    });
    return ((await response.json()) as { active?: unknown }).active;
  };
  const live = (table: string, uid: string) => world.count(table, `username = '${uid}' AND ended_at IS NULL`);

  it.each<readonly [string, (uid: string) => Promise<void>]>([
    ['disabled', (uid) => slapd.modify(replaced(seedDn(uid), 'pwdStartTime', '20991231000000Z'))],
    ['locked', (uid) => slapd.lock(seedDn(uid))],
    ['deleted', (uid) => slapd.modify(`dn: ${seedDn(uid)}\nchangetype: delete\n`)],
  ])(
    '%s: no token for what began later, none of before counts, and somebody else notices nothing',
    async (how, change) => {
      const [uid, stays] = [`leaves-${how}`, `stays-${how}`];
      await hire(stays);
      const theirs = [await granted(stays), await granted(stays)];
      const undisturbed = theirs.map(({ refresh_token }) => refreshing(refresh_token));
      const { chains, changed } = await changedUnder(uid, () => change(uid));
      for (const { isOver } of chains) await expect.poll(isOver).toBe(true);
      // A chain may have been refused by a request that began before; its last token is good for nothing after it either.
      for (const { presentAgain, since, given } of chains) {
        await presentAgain();
        const late = since(changed);
        expect(late.length).toBeGreaterThan(0);
        for (const { status, body } of late) expect([status, body.access_token]).toEqual([400, undefined]);
        await expect.poll(() => isActive(given())).toBe(false);
      }
      // One refusal ends all that the user has.
      expect([await live('grants', uid), await live('sessions', uid)]).toEqual([0, 0]);

      for (const { since } of undisturbed) await expect.poll(() => since(changed).length).toBeGreaterThan(0);
      await Promise.all(undisturbed.map(({ stop }) => stop()));
      for (const { answers } of undisturbed)
        for (const { answer } of answers) expect([200, 503]).toContain(answer.status);
      expect([await live('grants', stays), await live('sessions', stays)]).toEqual([2, 2]);
      for (const { access_token } of theirs) expect(await isActive(access_token)).toBe(true);
    },
  );

  it('out of the group: no token with its scope for what began later, the rest goes on', async () => {
    const uid = 'leaves-group';
    const scopesOf = ({ body }: TokenAnswer) => body.scope?.split(' ') ?? [];
    const { chains, changed } = await changedUnder(uid, () => member('delete', uid));
    for (const { since } of chains) await expect.poll(() => since(changed).length).toBeGreaterThan(0);
    await Promise.all(chains.map(({ stop }) => stop()));
    for (const { since } of chains)
      for (const answer of since(changed)) expect([answer.status, scopesOf(answer)]).toEqual([200, scopes.slice(0, 3)]);
    expect(await world.count('grants', `username = '${uid}' AND ended_at IS NULL`)).toBe(4);
  });
});
