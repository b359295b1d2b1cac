/** A directory that changes its mind while tokens are being refreshed: what it no longer allows is not given after its no. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aScope } from '../support/builders.ts';
import { registrationOf } from '../support/directories.ts';
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
    const done = (async () => {
      for (let token = first; !stopped && token !== undefined; ) {
        const began = performance.now();
        const answer = await world.token(refreshFields(token));
        answers.push({ began, answer });
        // A machine that is too busy has spent nothing.
        if (answer.status !== 503) token = answer.body.refresh_token;
      }
      ended = true;
    })();
    const stop = () => {
      stopped = true;
      return done;
    };
    return { answers, stop, isOver: () => ended };
  }

  /**
   * Four chains of one user under way. `late`: what they were told of what began after the change was done; `given`: the last
   * access token of each.
   */
  const after = async (uid: string, change: () => Promise<void>, isLast: (answer: TokenAnswer) => boolean) => {
    await hire(uid);
    const tokens = await Promise.all([1, 2, 3, 4].map(() => granted(uid)));
    const chains = tokens.map(({ refresh_token }) => refreshing(refresh_token));
    for (const { answers } of chains) await expect.poll(() => answers.length, { timeout: 60_000 }).toBeGreaterThan(2);
    await change();
    const changed = performance.now();
    for (const { answers, isOver } of chains) {
      const told = () => isOver() || answers.some(({ began, answer }) => began > changed && isLast(answer));
      await expect.poll(told, { timeout: 60_000 }).toBe(true);
    }
    await Promise.all(chains.map(({ stop }) => stop()));
    return chains.map(({ answers }) => ({
      late: answers.filter(({ began, answer }) => began > changed && answer.status !== 503).map(({ answer }) => answer),
      given: answers.flatMap(({ answer }) => answer.body.access_token ?? []).slice(-1),
    }));
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
    ['disabled', (uid) => slapd.lock(seedDn(uid))],
    ['deleted', (uid) => slapd.modify(`dn: ${seedDn(uid)}\nchangetype: delete\n`)],
  ])(
    '%s: no token for what began later, none of before counts, and somebody else notices nothing',
    async (how, change) => {
      const [uid, stays] = [`leaves-${how}`, `stays-${how}`];
      await hire(stays);
      const theirs = [await granted(stays), await granted(stays)];
      const undisturbed = theirs.map(({ refresh_token }) => refreshing(refresh_token));
      const chains = await after(
        uid,
        () => change(uid),
        ({ status }) => status === 400,
      );
      for (const { late } of chains)
        for (const { status, body } of late) expect([status, body.access_token]).toEqual([400, undefined]);
      // Every chain was refused in the end, maybe by a request that began before; one refusal ends all that the user has.
      expect([await live('grants', uid), await live('sessions', uid)]).toEqual([0, 0]);
      for (const { given } of chains)
        for (const token of given) await expect.poll(() => isActive(token), { timeout: 60_000 }).toBe(false);

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
    const chains = await after(
      uid,
      () => member('delete', uid),
      (answer) => answer.status === 200 && !scopesOf(answer).includes('shop:ledger'),
    );
    for (const { late } of chains) {
      expect(late.length).toBeGreaterThan(0);
      for (const answer of late) expect([answer.status, scopesOf(answer)]).toEqual([200, scopes.slice(0, 3)]);
    }
    expect(await world.count('grants', `username = '${uid}' AND ended_at IS NULL`)).toBe(4);
  });
});
