/** RFC 7009 over HTTP: a client is done with a token. */
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import {
  basicOf,
  introspect,
  machineToken,
  postForm,
  revoke,
  tokenClients,
  tokenScopes,
  tokensOf,
  userinfo,
} from '../support/tokens.ts';
import { authorize, codeFields, issuer, refreshFields, type TokenAnswer, World } from '../support/world.ts';

const metrics = new Registry();
const front = aClient('shop.front').everyResponseType().build();
let world: World;
let turn = 0;
let username = '';
beforeAll(async () => {
  world = await World.open({
    clients: [...tokenClients, front],
    scopes: tokenScopes,
    counting: true,
    options: { metrics },
  });
});
afterAll(() => world?.stop());
beforeEach(() => {
  username = `user${++turn}`;
  world.memory.add(username);
});

const granted = (clientId: string) => tokensOf(world, clientId, { username });
type Given = TokenAnswer['body'];

/** Which of the tokens still works anywhere. */
async function working({ access_token, refresh_token }: Given, clientId: string): Promise<Record<string, boolean>> {
  return {
    introspection: (await introspect(world, access_token)).body.active === true,
    userinfo: (await userinfo(world, access_token)).status === 200,
    refresh: (await introspect(world, refresh_token, clientId)).body.active === true,
  };
}
const all = { introspection: true, userinfo: true, refresh: true };
const none = { introspection: false, userinfo: false, refresh: false };
const ended = () => world.count('grants', 'ended_at IS NOT NULL');

describe('RFC 7009 §2: revocation ends the whole grant', () => {
  const kinds = ['access_token', 'refresh_token'] as const;
  const hints = [undefined, 'access_token', 'refresh_token', 'something_else'];
  it.each(
    ['shop.web', 'shop.opaque'].flatMap((clientId) =>
      kinds.flatMap((kind) => hints.map((hint) => [clientId, kind, hint] as const)),
    ),
  )('of %s by its %s, with the hint %s', async (clientId, kind, hint) => {
    const given = await granted(clientId);
    expect(await working(given, clientId)).toEqual(all);
    const hinted = hint === undefined ? {} : { token_type_hint: hint };
    const { status, text, headers } = await revoke(world, given[kind], clientId, hinted);
    expect([status, text, headers.get('cache-control')]).toEqual([200, '', 'no-store']);
    await expect.poll(() => working(given, clientId)).toEqual(none);
    expect((await world.token(refreshFields(given.refresh_token), clientId)).body.error).toBe('invalid_grant');
    // Once more changes nothing.
    const before = await ended();
    expect((await revoke(world, given[kind], clientId)).status).toBe(200);
    expect(await ended()).toBe(before);
  });

  it('what was refreshed ends too, and a spent refresh token still ends its grant', async () => {
    const first = await granted('shop.web');
    const second = (await world.token(refreshFields(first.refresh_token))).body;
    expect((await revoke(world, first.refresh_token)).status).toBe(200);
    await expect.poll(() => working(second, 'shop.web')).toEqual(none);
  });

  it('another grant of the same user and client lives on', async () => {
    const [one, other] = [await granted('shop.web'), await granted('shop.web')];
    await revoke(world, one.refresh_token);
    await expect.poll(() => working(one, 'shop.web')).toEqual(none);
    expect(await working(other, 'shop.web')).toEqual(all);
  });

  it.each(['shop.job', 'shop.job-opaque'])('A27: a token without a user ends alone: %s', async (clientId) => {
    const [token, other] = [await machineToken(world, clientId), await machineToken(world, clientId)];
    const active = async (one: string) => (await introspect(world, one)).body.active;
    expect([await active(token), await active(other)]).toEqual([true, true]);
    expect((await revoke(world, token, clientId)).status).toBe(200);
    await expect.poll(() => active(token)).toBe(false);
    expect(await active(other)).toBe(true);
  });

  it('hybrid: a token from the browser that is revoked takes the code of its answer along', async () => {
    const change = { client_id: 'shop.front', response_type: 'code token', scope: 'openid' };
    const revoked = await authorize(world.browser(), change, username);
    expect((await revoke(world, revoked.access_token, 'shop.front')).status).toBe(200);
    expect((await world.token(codeFields(revoked.code), 'shop.front')).body.error).toBe('invalid_grant');
    const kept = await authorize(world.browser(), change, username);
    expect((await world.token(codeFields(kept.code), 'shop.front')).status).toBe(200);
  });

  it('a public client says who it is', async () => {
    const { refresh_token: token = '', access_token } = await granted('shop.spa');
    expect((await postForm(world, '/revoke', { token, client_id: 'shop.spa' })).status).toBe(200);
    await expect.poll(async () => (await userinfo(world, access_token)).status).toBe(401);
  });

  it('independent client libraries take the answer', async () => {
    const [one, other] = [await granted('shop.web'), await granted('shop.web')];
    const party = await world.relyingParty('shop.web');
    await oidc.tokenRevocation(party, one.refresh_token ?? '', { token_type_hint: 'refresh_token' });
    const client = { client_id: 'shop.web' };
    const response = await oauth.revocationRequest(
      party.serverMetadata(),
      client,
      oauth.ClientSecretBasic('secret-of-shop.web'),
      other.access_token ?? '',
      { [oauth.customFetch]: world.fetch },
    );
    expect(await oauth.processRevocationResponse(response)).toBeUndefined();
    for (const given of [one, other]) {
      await expect.poll(() => working(given, 'shop.web')).toEqual(none);
    }
  });
});

describe('RFC 7009 §2.1, §2.2: what is not its own is left alone, and the answer is the same', () => {
  it.each(['shop.web', 'shop.opaque'])('A40: another client can end nothing of %s', async (clientId) => {
    const given = await granted(clientId);
    const before = await ended();
    for (const token of [given.access_token, given.refresh_token]) {
      for (const other of ['shop.other', 'api.orders']) {
        const { status, text } = await revoke(world, token, other);
        expect([status, text]).toEqual([200, '']);
      }
      const { status } = await postForm(world, '/revoke', { token: token ?? '', client_id: 'shop.spa' });
      expect(status).toBe(200);
    }
    expect(await ended()).toBe(before);
    expect(await working(given, clientId)).toEqual(all);
  });

  it.each(['shop.job', 'shop.job-opaque'])('A40: nor the token without a user of %s', async (clientId) => {
    const token = await machineToken(world, clientId);
    const before = await world.count('revocations');
    for (const other of ['shop.other', 'shop.job', 'shop.job-opaque'].filter((one) => one !== clientId)) {
      const { status, text } = await revoke(world, token, other);
      expect([status, text]).toEqual([200, '']);
    }
    expect(await world.count('revocations')).toBe(before);
    expect((await introspect(world, token)).body.active).toBe(true);
  });

  it('a client of the same id that was made anew ends nothing of the former', async () => {
    const given = await granted('shop.opaque');
    await world.rows(`UPDATE grants SET client_uid = 'former' WHERE ended_at IS NULL`);
    await world.rows(`UPDATE access_tokens SET client_uid = 'former'`);
    const before = await ended();
    for (const token of [given.access_token, given.refresh_token]) await revoke(world, token, 'shop.opaque');
    expect(await ended()).toBe(before);
  });

  it('A57: unknown, malformed and altered tokens: 200', async () => {
    const given = await granted('shop.opaque');
    const { access_token: jwt = '', id_token: idToken = '' } = await granted('shop.web');
    const opaque = given.access_token ?? '';
    const odd = ['x', 'A'.repeat(43), 'A'.repeat(20_000), idToken, `${jwt}A`, jwt.slice(0, -2), `${opaque}A`, '.'];
    for (const token of odd) {
      for (const clientId of ['shop.web', 'shop.opaque']) {
        const { status, text } = await revoke(world, token, clientId);
        expect([token, status, text]).toEqual([token, 200, '']);
      }
    }
    expect(await working(given, 'shop.opaque')).toEqual(all);
  });

  it('an access token that has expired: nothing is left to end by it', async () => {
    const { access_token: token, refresh_token } = await granted('shop.opaque');
    await world.rows(`UPDATE access_tokens SET expires_at = now() - interval '1 second'`);
    expect((await revoke(world, token, 'shop.opaque')).status).toBe(200);
    expect((await introspect(world, refresh_token, 'shop.opaque')).body.active).toBe(true);
  });
});

describe('who may ask, and how', () => {
  it.each<[string, Record<string, string>, Record<string, string>]>([
    ['nobody', {}, {}],
    ['a wrong secret', {}, basicOf('shop.web', 'wrong')],
    ['a confidential client without its secret', { client_id: 'shop.web' }, {}],
    ['an unknown client', { client_id: 'nobody' }, {}],
  ])('%s: 401, before anything is looked up', async (_title, fields, headers) => {
    const { refresh_token: token = '' } = await granted('shop.web');
    const answer = await world.counters.expectCost('token_refused_early', () =>
      postForm(world, '/revoke', { token, ...fields }, headers),
    );
    expect([answer.status, answer.body.error]).toEqual([401, 'invalid_client']);
  });

  it('without a token, with two, or with one in the URL: invalid_request; POST alone', async () => {
    const { refresh_token: token = '' } = await granted('shop.web');
    for (const [path, body] of [
      ['/revoke', ''],
      ['/revoke', 'token='],
      ['/revoke', `token=${token}&token=${token}`],
      [`/revoke?token=${token}`, `token=${token}`],
    ] as const) {
      const answer = await postForm(world, path, body, basicOf('shop.web'));
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
    }
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await world.fetch(`${issuer}/revoke?token=${token}`, { method, headers: basicOf('shop.web') });
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
    }
    expect((await introspect(world, token, 'shop.web')).body.active).toBe(true);
  });
});

describe('what is kept of it', () => {
  it.each([
    ['shop.web', 'refresh_token'],
    ['shop.opaque', 'access_token'],
  ] as const)('the audit row names grant and person, and no token: %s, %s', async (clientId, kind) => {
    const given = await granted(clientId);
    await world.rows(`DELETE FROM audit`);
    await revoke(world, given[kind], clientId);
    const rows = await world.rows(`SELECT a.*, g.ended_reason FROM audit a JOIN grants g ON g.id = a.grant_id`);
    expect(rows).toMatchObject([
      {
        event: 'token.revoked',
        outcome: 'success',
        reason: 'client',
        client_id: clientId,
        client_uid: `uid-of-${clientId}`,
        user_name: username,
        user_id: expect.stringMatching(/^u_/) as string,
        session_id: expect.any(String) as string,
        ended_reason: 'client',
      },
    ]);
    for (const token of [given.access_token, given.refresh_token]) {
      expect(JSON.stringify(rows)).not.toContain(token);
    }
  });

  it('of a token without a user: one row, which names nobody', async () => {
    const token = await machineToken(world, 'shop.job');
    await world.rows(`DELETE FROM audit`);
    await revoke(world, token, 'shop.job');
    expect(await world.rows(`SELECT event, client_id, grant_id, user_id FROM audit`)).toEqual([
      { event: 'token.revoked', client_id: 'shop.job', grant_id: null, user_id: null },
    ]);
  });

  it('outcomes are counted, and grants that ended by a client', async () => {
    const valuesOf = async (name: string) => (await metrics.getSingleMetric(name)?.get())?.values ?? [];
    const outcomes = (await valuesOf('nauthera_revocations_total')).map(({ labels }) => String(labels.outcome));
    expect(outcomes.sort()).toEqual(['ignored', 'invalid_client', 'invalid_request', 'revoked']);
    const grants = await valuesOf('nauthera_grants_ended_total');
    expect(grants.find(({ labels }) => labels.cause === 'client')?.value).toBe(
      await world.count('grants', `ended_reason = 'client'`),
    );
  });
});
