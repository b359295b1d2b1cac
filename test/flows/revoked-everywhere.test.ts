/** I10: what was revoked is refused at every endpoint of ours on every replica, whatever else was revoked beside it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientRegistration } from '../../server/src/registry/registration.ts';
import { sessionEndStore } from '../../server/src/store/ended-sessions.ts';
import { grantStore } from '../../server/src/store/grants.ts';
import { anOwner } from '../support/builders.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startFaultProxy } from '../support/proxy.ts';
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
import { refreshFields, type TokenAnswer, World, webApp } from '../support/world.ts';

let postgres: TestPostgres;
let world: World;
beforeAll(async () => {
  postgres = await startPostgres('newest');
  world = await World.open({
    databaseUrl: await postgres.createDatabase(),
    replicas: 3,
    clients: [...tokenClients],
    scopes: tokenScopes,
  });
});
afterAll(async () => {
  await world?.stop();
  await postgres?.stop();
});

/** A person and an application of their own for each case: what ends here must not touch another. */
interface Case {
  readonly clientId: string;
  readonly username: string;
  readonly tokens: TokenAnswer['body'];
  readonly subject: string;
}

const formats: Readonly<Record<string, Partial<ClientRegistration>>> = {
  jwt: {},
  pairwise: { subject_type: 'pairwise', sector_identifier: 'shop.example.com' },
  opaque: { access_token_format: 'opaque' },
};
type Format = 'jwt' | 'pairwise' | 'opaque';
const appOf = (clientId: string, format: Format) => ({
  kind: 'client' as const,
  id: clientId,
  owner: anOwner(clientId),
  // Longer than all of the cases together, which the bystander must live through.
  value: webApp(clientId, { scopes: ['openid', 'orders'], access_token_lifetime: 3600, ...formats[format] }),
});

let turn = 0;
async function begin(format: Format): Promise<Case> {
  const number = ++turn;
  const clientId = `case.${number}`;
  const username = `person${number}`;
  world.memory.add(username);
  await world.served(appOf(clientId, format));
  const tokens = await tokensOf(world, clientId, { scope: 'openid orders', username });
  const [row] = await world.rows<{ subject: string }>(`SELECT subject FROM grants WHERE client_id = $1`, [clientId]);
  return { clientId, username, tokens, subject: row?.subject ?? '' };
}

/** Where its tokens still work, over all replicas; asked often, so that every cache has seen them. */
async function works({ clientId, tokens }: Case): Promise<Readonly<Record<string, number>>> {
  const found = { introspection: 0, userinfo: 0, refresh: 0 };
  for (const url of world.urls) {
    if ((await introspect(world, tokens.access_token, 'api.orders', {}, url)).body.active === true) {
      found.introspection += 1;
    }
    if ((await userinfo(world, tokens.access_token, url)).status === 200) found.userinfo += 1;
    // Without using it up.
    if ((await introspect(world, tokens.refresh_token, clientId, {}, url)).body.active === true) found.refresh += 1;
  }
  return found;
}
const everywhere = { introspection: 3, userinfo: 3, refresh: 3 };
const nowhere = { introspection: 0, userinfo: 0, refresh: 0 };

const revocations: Readonly<Record<string, (one: Case) => Promise<unknown>>> = {
  token: ({ tokens, clientId }) => revoke(world, tokens.access_token, clientId),
  grant: ({ tokens, clientId }) => revoke(world, tokens.refresh_token, clientId),
  session: ({ subject }) =>
    sessionEndStore(world.database, () => undefined).endAllOfSubject(subject, 'account_page', {}),
  user: ({ subject }) =>
    grantStore(world.database).endSubject(subject, [{ event: 'grant.ended', outcome: 'refused', reason: 'test' }]),
  client: ({ clientId }) => {
    const next = appOf(clientId, 'jwt');
    return world.served({ ...next, owner: anOwner(clientId, { uid: `next-of-${clientId}` }) });
  },
};
const kinds = Object.keys(revocations);
const pairs = kinds.flatMap((one, index) => kinds.slice(index + 1).map((other) => [one, other] as const));
/**
 * Milliseconds after which the very first question has to be refused, on each replica: it has either read of it or does not
 * believe what it read. A slow machine asks later, which changes nothing; the one over is a timer's that is early.
 */
const bound = 1001;
const inTurn: readonly Format[] = ['jwt', 'pairwise', 'opaque'];

async function expectRefused(one: Case, bystander: Case, ways: readonly string[]): Promise<void> {
  expect(await works(one)).toEqual(everywhere);
  for (const way of ways) await revocations[way]?.(one);
  await sleep(bound);
  expect(await works(one)).toEqual(nowhere);
  const { body } = await world.token(refreshFields(one.tokens.refresh_token), one.clientId);
  expect(body.error).toBe('invalid_grant');
  expect(await works(bystander)).toEqual(everywhere);
}

it('F08: of a user who is found inactive the sessions are revoked, too: a grant of the same moment is not seen yet', async () => {
  const { subject } = await begin('pairwise');
  await revocations.user?.({ subject } as Case);
  const named = `SELECT s.subject FROM revocations r JOIN sessions s ON s.id = r.value WHERE r.kind = 'session' AND s.subject = $1`;
  expect(await world.rows(named, [subject])).toEqual([{ subject }]);
});

describe('A27, F52, I10: a second after it was answered, a revocation is obeyed by three replicas at the first question', () => {
  let bystander: Case;
  beforeAll(async () => {
    bystander = await begin('jwt');
  });

  it.each(kinds.flatMap((kind) => inTurn.map((format) => [kind, format] as const)))(
    'of the %s alone, format %s',
    async (kind, format) => expectRefused(await begin(format), bystander, [kind]),
  );

  it.each(pairs.map((pair, index) => [...pair, inTurn[index % 3] ?? 'jwt'] as const))(
    'of %s and %s together, format %s',
    async (one, other, format) => expectRefused(await begin(format), bystander, [one, other]),
  );

  it.each(['shop.job', 'shop.job-opaque'])('of one token of a client alone: %s', async (clientId) => {
    const [token, other] = [await machineToken(world, clientId), await machineToken(world, clientId)];
    const active = async (one: string) => {
      const answers = await Promise.all(world.urls.map((url) => introspect(world, one, 'api.orders', {}, url)));
      return answers.filter(({ body }) => body.active === true).length;
    };
    expect([await active(token), await active(other)]).toEqual([3, 3]);
    await revoke(world, token, clientId);
    await sleep(bound);
    expect(await active(token)).toBe(0);
    expect(await active(other)).toBe(3);
  });
});

describe('A23: a database that is away', () => {
  it('revocation answers 503, never 200, and nothing was lost or ended', async () => {
    const url = new URL(await postgres.createDatabase());
    const proxy = await startFaultProxy(Number(url.port), url.hostname);
    url.host = `127.0.0.1:${proxy.port}`;
    const own = await World.open({ databaseUrl: url.href, clients: tokenClients, scopes: tokenScopes });
    try {
      const jwt = await tokensOf(own, 'shop.web');
      const opaque = await tokensOf(own, 'shop.opaque');
      const machine = await machineToken(own, 'shop.job');
      const asked = [
        [jwt.access_token, 'shop.web'],
        [jwt.refresh_token, 'shop.web'],
        [opaque.access_token, 'shop.opaque'],
        [machine, 'shop.job'],
      ] as const;
      proxy.refuse();
      proxy.reset();
      for (const [token, clientId] of asked) {
        const { status, headers } = await postForm(own, '/revoke', { token: token ?? '' }, basicOf(clientId));
        expect([status, headers.get('retry-after')]).toEqual([503, '2']);
      }
      // An opaque token that this replica has not seen is not called inactive: it does not know.
      expect((await introspect(own, opaque.access_token)).status).toBe(503);
      proxy.pass();
      const revoked = async () => (await revoke(own, jwt.refresh_token, 'shop.web')).status;
      await expect.poll(async () => (await introspect(own, opaque.access_token)).body.active).toBe(true);
      expect((await introspect(own, jwt.access_token)).body.active).toBe(true);
      await expect.poll(revoked).toBe(200);
      await expect.poll(async () => (await introspect(own, jwt.access_token)).body.active).toBe(false);
    } finally {
      proxy.pass();
      await own.stop();
      await proxy.close();
    }
  });
});
