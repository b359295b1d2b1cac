import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOwner } from '../support/builders.ts';
import { memoryDirectoryId } from '../support/memory-directory.ts';
import {
  aDirectory,
  authorize,
  authorizePath,
  codeFields,
  refreshFields,
  type TokenAnswer,
  World,
  webApp,
} from '../support/world.ts';

let world: World;
beforeAll(async () => {
  world = await World.open({
    clients: [
      webApp(),
      webApp('shop.other'),
      webApp('shop.telling', { id_token_claims: ['email', 'name'] }),
      webApp('shop.strict', { consent: { mode: 'remember', remember_for: 1000, on_refused_scope: 'deny' } }),
      webApp('shop.staff', { access_groups: ['staff'] }),
    ],
    directories: {
      [memoryDirectoryId]: aDirectory({
        consent_rules: [{ name: 'mail for mailers', scopes: ['email'], groups: ['mailers'] }],
      }),
    },
  });
});
afterAll(() => world.stop());

let turn = 0;
let username = '';
/** A person of their own for each case: what ends with one must not touch another. */
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username, { groups: ['mailers', 'staff'] });
  world.memory.down = false;
});
const person = () => {
  const found = world.memory.people.get(username);
  if (found === undefined) throw new Error('nobody');
  return found;
};

async function granted(change: Readonly<Record<string, string>> = {}): Promise<TokenAnswer['body']> {
  const { code } = await authorize(world.browser(), change, username);
  const { body } = await world.token(codeFields(code), change.client_id);
  return body;
}

const refresh = (token: string | undefined, clientId?: string, more: Readonly<Record<string, string>> = {}) =>
  world.token({ ...refreshFields(token), ...more }, clientId);

/** Makes the grace of ten seconds pass. */
const later = (seconds = 11) =>
  world.rows(`UPDATE refresh_tokens SET used_at = used_at - interval '${seconds} seconds' WHERE used_at IS NOT NULL`);

describe('refreshing', () => {
  it('rotates: a new refresh token, and the claims of now', async () => {
    const first = await granted();
    person().claims.email = 'new@example.com';
    const { status, body } = await refresh(first.refresh_token);
    expect(status).toBe(200);
    expect(body.refresh_token).not.toBe(first.refresh_token);
    const [before, after] = [decodeJwt(first.id_token ?? ''), decodeJwt(body.id_token ?? '')];
    expect([after.iss, after.sub, after.aud, after.auth_time]).toEqual([
      before.iss,
      before.sub,
      before.aud,
      before.auth_time,
    ]);
    expect(after.nonce).toBeUndefined();
    expect(after.iat).toBeGreaterThanOrEqual(before.iat ?? Infinity);
    const info = await world.fetch('https://id.example.com/userinfo', {
      headers: { authorization: `Bearer ${body.access_token}` },
    });
    expect(await info.json()).toMatchObject({ email: 'new@example.com' });
  });

  it('OIDC Core §12.2: auth_time is that of the sign-in, however long ago', async () => {
    const first = await granted();
    const { auth_time: signedIn } = decodeJwt(first.id_token ?? '');
    await world.rows(`UPDATE grants SET auth_time = auth_time - interval '1000 seconds' WHERE username = $1`, [
      username,
    ]);
    const { body } = await refresh(first.refresh_token);
    expect(decodeJwt(body.id_token ?? '').auth_time).toBe(Number(signedIn) - 1000);
    expect(decodeJwt(body.access_token ?? '').auth_time).toBe(Number(signedIn) - 1000);
  });

  it('F02: a repeat within ten seconds gets the same successor, which goes on', async () => {
    const first = await granted();
    const answers = [await refresh(first.refresh_token), await refresh(first.refresh_token)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(answers[1]?.body.refresh_token).toBe(answers[0]?.body.refresh_token);
    expect((await refresh(answers[1]?.body.refresh_token)).status).toBe(200);
  });

  it('RFC 9700 §4.14.2: later reuse ends the whole grant, and no other', async () => {
    const other = await granted();
    const first = await granted();
    const second = await refresh(first.refresh_token);
    await later();
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(second.body.refresh_token)).body.error).toBe('invalid_grant');
    expect((await refresh(other.refresh_token)).status).toBe(200);
    const [audit] = await world.rows(
      `SELECT reason, user_name FROM audit WHERE event = 'replay.detected' ORDER BY time DESC LIMIT 1`,
    );
    expect(audit).toEqual({ reason: 'refresh_token', user_name: username });
  });

  it('the token of another client is invalid_grant and stays good for its owner', async () => {
    const first = await granted();
    expect((await refresh(first.refresh_token, 'shop.other')).body.error).toBe('invalid_grant');
    expect((await refresh(first.refresh_token)).status).toBe(200);
  });

  it('RFC 6749 §6: a narrower scope is given, a wider one refused; neither changes the grant', async () => {
    const first = await granted();
    expect((await refresh(first.refresh_token, undefined, { scope: 'openid groups' })).body.error).toBe(
      'invalid_scope',
    );
    const narrow = await refresh(first.refresh_token, undefined, { scope: 'openid' });
    expect(narrow.body.scope).toBe('openid');
    expect((await refresh(narrow.body.refresh_token)).body.scope).toBe('openid profile email');
  });

  it('a narrower scope: the ID token tells no more than it', async () => {
    const first = await granted({ client_id: 'shop.telling' });
    const told = async (scope: string | undefined, token: string | undefined) => {
      const fields = scope === undefined ? undefined : { scope };
      const { body } = await refresh(token, 'shop.telling', fields);
      const { email, name } = decodeJwt(body.id_token ?? '');
      return { next: body.refresh_token, has: [email !== undefined, name !== undefined] };
    };
    const bare = await told('openid', first.refresh_token);
    const mail = await told('openid email', bare.next);
    const whole = await told(undefined, mail.next);
    expect([bare.has, mail.has, whole.has]).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ]);
  });

  it('expires when it is not used for its idle time', async () => {
    const first = await granted();
    await world.rows(`UPDATE refresh_tokens SET expires_at = now() - interval '1 second' WHERE used_at IS NULL`);
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
  });
});

describe('a refresh token and its session', () => {
  const endSession = (how: string) =>
    world.rows(`UPDATE sessions SET ${how} WHERE username = '${username}' AND ended_at IS NULL`);

  it.each([
    ['ended', 'ended_at = now()'],
    ['idle for too long', `last_seen_at = now() - interval '3 hours'`],
    ['at its absolute end', `expires_at = now() - interval '1 second'`],
  ])('without offline_access it ends with the session: %s', async (_title, how) => {
    const first = await granted();
    await endSession(how);
    expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
  });

  it('with offline_access it lives to its own limits', async () => {
    const first = await granted({ scope: 'openid offline_access' });
    await endSession('ended_at = now()');
    const { status, body } = await refresh(first.refresh_token);
    expect(status).toBe(200);
    expect(decodeJwt(body.access_token ?? '').sid).toBeUndefined();
  });

  it('without the directory’s yes to offline_access it ends with the session', async () => {
    const owner = { ...anOwner(`directory ${memoryDirectoryId}`), namespace: 'shop', name: 'people' };
    const declare = (scopes: string[]) => {
      const consent_rules = [{ name: 'mail for mailers', scopes, groups: ['mailers'] }];
      return world.served({ kind: 'directory', id: memoryDirectoryId, owner, value: aDirectory({ consent_rules }) });
    };
    person().groups = [];
    await declare(['email', 'offline_access']);
    try {
      const first = await granted({ scope: 'openid offline_access' });
      expect(first.scope).toBe('openid');
      await world.rows(`UPDATE sessions SET ended_at = now(), ended_reason = 'user' WHERE username = $1`, [username]);
      expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
    } finally {
      await declare(['email']);
    }
  });

  it('signing in again as the same person keeps it; as another one ends it', async () => {
    const browser = world.browser();
    const { code } = await authorize(browser, {}, username);
    const { body } = await world.token(codeFields(code));
    await authorize(browser, { prompt: 'login' }, username);
    const again = await refresh(body.refresh_token);
    expect(again.status).toBe(200);
    world.memory.add('somebody', { groups: ['mailers'] });
    await authorize(browser, { prompt: 'login' }, 'somebody');
    expect((await refresh(again.body.refresh_token)).body.error).toBe('invalid_grant');
  });
});

describe('the directory at each refresh', () => {
  it('unreachable: 503 with Retry-After, and nothing is spent', async () => {
    const first = await granted();
    world.memory.down = true;
    const refused = await refresh(first.refresh_token);
    expect([refused.status, refused.body.error]).toEqual([503, 'temporarily_unavailable']);
    expect(refused.headers.get('retry-after')).not.toBeNull();
    expect(refused.body.access_token).toBeUndefined();
    world.memory.down = false;
    expect((await refresh(first.refresh_token)).status).toBe(200);
  });

  it.each(['locked', 'disabled', 'expired', 'must_change_password', 'password_expired', 'deleted'] as const)(
    'A32, I2: an account that is %s: every session and grant of that person ends',
    async (how) => {
      const browser = world.browser();
      const { code } = await authorize(browser, {}, username);
      const first = (await world.token(codeFields(code))).body;
      const elsewhere = await granted({ client_id: 'shop.other', scope: 'openid offline_access' });
      if (how === 'deleted') person().deleted = true;
      else person().account = how;
      expect((await refresh(first.refresh_token)).body.error).toBe('invalid_grant');
      person().deleted = false;
      person().account = 'active';
      expect((await refresh(elsewhere.refresh_token, 'shop.other')).body.error).toBe('invalid_grant');
      expect((await browser.get(authorizePath())).name).toBe('login');
      const [audit] = await world.rows(
        `SELECT reason, client_id, directory, grant_type FROM audit WHERE event = 'grant.ended' AND user_name = $1`,
        [username],
      );
      expect(audit).toEqual({
        reason: how === 'deleted' ? 'gone' : how,
        client_id: 'shop.web',
        directory: memoryDirectoryId,
        grant_type: 'refresh_token',
      });
      // Who comes back signs in and is served again.
      expect((await granted()).refresh_token).toBeDefined();
    },
  );

  it('outside the hours of the account: refused, and nothing ends: the same token is good again when they begin', async () => {
    const first = await granted();
    person().account = 'outside_hours';
    const refused = await refresh(first.refresh_token);
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_grant']);
    person().account = 'active';
    expect((await refresh(first.refresh_token)).status).toBe(200);
    expect(
      await world.rows(`SELECT reason FROM audit WHERE event = 'grant.ended' AND user_name = $1`, [username]),
    ).toEqual([]);
  });

  it('an answer about somebody else gives nothing, spends nothing and ends nothing', async () => {
    const first = await granted();
    // As after a binding that was made anew with another subject namespace: the same entry is another person.
    const rename = (from: string, to: string) =>
      world.rows(`UPDATE grants SET subject = '${to}' WHERE username = '${username}' AND subject = '${from}'`);
    const subject = String(decodeJwt(first.id_token ?? '').sub);
    await rename(subject, 'u_former');
    expect((await refresh(first.refresh_token)).status).toBe(503);
    await rename('u_former', subject);
    expect((await refresh(first.refresh_token)).status).toBe(200);
  });

  it('a scope that is no longer allowed leaves the grant, and the response says scope', async () => {
    const first = await granted();
    person().groups = ['staff'];
    const second = await refresh(first.refresh_token);
    expect([second.status, second.body.scope]).toEqual([200, 'openid profile']);
    person().groups = ['mailers'];
    // It has left the grant: coming back into the group does not bring it back.
    expect((await refresh(second.body.refresh_token)).body.scope).toBe('openid profile');
  });

  it('with on_refused_scope deny that grant ends, and the session lives', async () => {
    const browser = world.browser();
    const { code } = await authorize(browser, { client_id: 'shop.strict' }, username);
    const first = (await world.token(codeFields(code), 'shop.strict')).body;
    const other = await granted();
    person().groups = [];
    expect((await refresh(first.refresh_token, 'shop.strict')).body.error).toBe('invalid_grant');
    person().groups = ['mailers'];
    expect((await refresh(first.refresh_token, 'shop.strict')).body.error).toBe('invalid_grant');
    expect((await refresh(other.refresh_token)).status).toBe(200);
    expect((await browser.get(authorizePath({ client_id: 'shop.web', scope: 'openid' }))).name).not.toBe('login');
  });

  it('out of access.groups: that grant ends, others live', async () => {
    const first = await granted({ client_id: 'shop.staff' });
    const other = await granted();
    person().groups = ['mailers'];
    expect((await refresh(first.refresh_token, 'shop.staff')).body.error).toBe('invalid_grant');
    expect((await refresh(other.refresh_token)).status).toBe(200);
    const [audit] = await world.rows(`SELECT reason FROM audit WHERE event = 'grant.ended' AND user_name = $1`, [
      username,
    ]);
    expect(audit).toEqual({ reason: 'not_a_member' });
  });
});

describe('a scope that is taken from the Client', () => {
  const others = ['openid', 'profile'];
  const withScopes = (scopes: string[]) =>
    webApp('shop.shrinks', { scopes, default_scopes: scopes.filter((scope) => scope === 'openid') });
  const declare = (scopes: string[]) =>
    world.served({ kind: 'client', id: 'shop.shrinks', owner: anOwner('shop.shrinks'), value: withScopes(scopes) });

  it('leaves each grant at its next refresh, and giving it back to the Client brings it back to none', async () => {
    await declare([...others, 'email']);
    const first = await granted({ client_id: 'shop.shrinks' });
    expect(first.scope).toBe('openid profile email');
    await declare(others);
    const second = await refresh(first.refresh_token, 'shop.shrinks');
    expect([second.status, second.body.scope]).toEqual([200, 'openid profile']);
    expect(decodeJwt(second.body.access_token ?? '').scope).toBe('openid profile');
    await declare([...others, 'email']);
    expect((await refresh(second.body.refresh_token, 'shop.shrinks')).body.scope).toBe('openid profile');
  });

  it('the last one ends the grant, and nobody is asked', async () => {
    await declare([...others, 'email']);
    const first = await granted({ client_id: 'shop.shrinks', scope: 'email' });
    await declare(others);
    world.memory.down = true;
    expect((await refresh(first.refresh_token, 'shop.shrinks')).body.error).toBe('invalid_grant');
    world.memory.down = false;
    await declare([...others, 'email']);
    expect((await refresh(first.refresh_token, 'shop.shrinks')).body.error).toBe('invalid_grant');
    const [audit] = await world.rows(`SELECT reason FROM audit WHERE event = 'grant.ended' AND user_name = $1`, [
      username,
    ]);
    expect(audit).toEqual({ reason: 'scope_withdrawn' });
  });
});
