/** OpenID Connect Back-Channel Logout 1.0, against an application of its own with a certificate of its own. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Browser } from '../support/browser.ts';
import { anOwner } from '../support/builders.ts';
import { logTo } from '../support/captured-log.ts';
import { makeAuthority, type TestAuthority } from '../support/certificates.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorize, authorizePath, codeFields, issuer, World, webApp } from '../support/world.ts';

const asks = { mode: 'implicit', remember_for: 1, on_refused_scope: 'drop' } as const;
const event = 'http://schemas.openid.net/event/backchannel-logout';

interface Told {
  readonly client: string;
  readonly method: string | undefined;
  readonly type: string | undefined;
  readonly body: URLSearchParams;
  readonly payload: JWTPayload;
  readonly header: Readonly<Record<string, unknown>>;
}

let authority: TestAuthority;
let sink: TlsSink;
let postgres: TestPostgres;
const told: Told[] = [];
let answer: (client: string, response: ServerResponse) => void;
let jwks: JSONWebKeySet;

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const client = (request.url ?? '').slice(1);
  const body = new URLSearchParams(text);
  const verified = await jwtVerify(body.get('logout_token') ?? '', createLocalJWKSet(jwks), {
    issuer,
    audience: client,
    typ: 'logout+jwt',
    maxTokenAge: '2 minutes',
  });
  const { method, headers } = request;
  told.push({
    client,
    method,
    type: headers['content-type'],
    body,
    payload: verified.payload,
    header: verified.protectedHeader,
  });
  answer(client, response);
}

beforeAll(async () => {
  authority = await makeAuthority();
  sink = await openTlsSink(await authority.issue());
  postgres = await startPostgres('newest');
  sink.answer = (request, response) => {
    receive(request, response).catch((error: unknown) => {
      told.push({ client: `refused: ${String(error)}` } as Told);
      response.writeHead(400).end();
    });
  };
});
afterAll(async () => {
  await sink?.close();
  await postgres?.stop();
});
afterEach(() => {
  told.length = 0;
  answer = ok;
});
const ok = (_client: string, response: ServerResponse): void => void response.end();
answer = ok;

const receiver = (clientId: string) => `https://127.0.0.1:${sink.port}/${clientId}`;
const app = (clientId: string, more: Parameters<typeof webApp>[1] = {}) =>
  webApp(clientId, { consent: asks, backchannel_logout_uri: receiver(clientId), ...more });
const delivered = (count: number) => expect.poll(() => told.length).toBe(count);

async function useKeysOf(world: World): Promise<void> {
  jwks = (await (await world.fetch(`${issuer}/jwks`)).json()) as JSONWebKeySet;
}

describe('a session that ends', () => {
  let world: World;
  const log: string[] = [];
  const metrics = new Registry();
  beforeAll(async () => {
    world = await World.open({
      server: { outbound_allowed: ['127.0.0.1/32'] },
      clients: [
        app('shop.web'),
        app('shop.offline'),
        app('shop.pairwise', { subject_type: 'pairwise', sector_identifier: 'shop.example.com' }),
        app('shop.es', { id_token_signed_response_alg: 'ES256' }),
        app('shop.implicit', { grant_types: ['implicit'], response_types: ['id_token'] }),
        webApp('shop.silent', { consent: asks }),
        app('shop.withdrawn'),
        app('shop.moved'),
        app('shop.renewed'),
      ],
      options: {
        metrics,
        log: logTo(log),
        seams: { outbound: { ca: authority.pem } },
      },
    });
    await useKeysOf(world);
  });
  afterAll(() => world?.stop());
  afterEach(async () => {
    await world.rows('DELETE FROM logout_deliveries');
    log.length = 0;
  });

  let people = 0;
  const person = () => {
    const username = `person${++people}`;
    world.memory.add(username);
    return username;
  };
  const signIn = async (browser: Browser, clientId: string, username: string, scope = 'openid') => {
    const { code } = await authorize(browser, { client_id: clientId, scope }, username);
    const { body } = await world.token(codeFields(code), clientId);
    return body.id_token ?? '';
  };
  const logout = (browser: Browser, idToken: string) => browser.get(`/logout?id_token_hint=${idToken}`);
  const metric = async (outcome: string) => {
    const line = new RegExp(`nauthera_logout_deliveries_total\\{outcome="${outcome}"\\} (\\d+)`);
    return Number(line.exec(await metrics.metrics())?.[1] ?? 0);
  };

  it('everybody who took part is told once, by a POST with a logout token and nothing else', async () => {
    const [browser, username] = [world.browser(), person()];
    const idToken = await signIn(browser, 'shop.web', username);
    await signIn(browser, 'shop.silent', username);
    const before = await metric('delivered');
    await logout(browser, idToken);
    await delivered(1);
    const [one] = told;
    const claims = decodeJwt(idToken);
    expect([one?.method, one?.type, [...(one?.body.keys() ?? [])]]).toEqual([
      'POST',
      'application/x-www-form-urlencoded',
      ['logout_token'],
    ]);
    const { iat = 0, exp = 0, jti, ...rest } = one?.payload ?? {};
    expect(rest).toEqual({ iss: issuer, aud: 'shop.web', sub: claims.sub, sid: claims.sid, events: { [event]: {} } });
    expect(exp - iat).toBe(120);
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
    expect(one?.header).toMatchObject({ alg: 'RS256', typ: 'logout+jwt' });
    await expect.poll(() => world.count('logout_deliveries')).toBe(0);
    await expect.poll(() => metric('delivered')).toBe(before + 1);
  });

  it('each is told in its own words: subject, algorithm, offline access, tokens from the browser', async () => {
    const [browser, username] = [world.browser(), person()];
    const tokens = {
      'shop.web': await signIn(browser, 'shop.web', username),
      'shop.offline': await signIn(browser, 'shop.offline', username, 'openid offline_access'),
      'shop.pairwise': await signIn(browser, 'shop.pairwise', username),
      'shop.es': await signIn(browser, 'shop.es', username),
      'shop.implicit':
        (await authorize(browser, { client_id: 'shop.implicit', response_type: 'id_token', scope: 'openid' }, username))
          .id_token ?? '',
    };
    // Its tokens have long run out, and so has the code that it never saw.
    await world.rows(
      `UPDATE authorization_codes SET expires_at = now() - interval '2 hours', keep_until = now() - interval '1 hour' WHERE client_id = 'shop.implicit'`,
    );
    await logout(browser, tokens['shop.web']);
    await delivered(5);
    expect(new Set(told.map(({ payload }) => payload.jti)).size).toBe(5);
    for (const [client, idToken] of Object.entries(tokens)) {
      const { sub, sid } = decodeJwt(idToken);
      expect([client, sid]).toEqual([client, expect.any(String)]);
      const { payload, header } = told.find((one) => one.client === client) ?? {};
      expect([client, payload?.sub, payload?.sid]).toEqual([client, sub, sid]);
      expect(header?.alg).toBe(client === 'shop.es' ? 'ES256' : 'RS256');
    }
    const [own, pairwise] = [decodeJwt(tokens['shop.web']), decodeJwt(tokens['shop.pairwise'])];
    expect(pairwise.sub).not.toBe(own.sub);
    expect(pairwise.sid).not.toBe(own.sid);
  });

  it.each<[string, (browser: Browser, username: string) => Promise<unknown>]>([
    ['a person answers yes', async (browser) => browser.submit(await browser.get('/logout'), { 'sign-out': '1' })],
    [
      'somebody else signs in with the same browser',
      async (browser) => {
        const other = person();
        const login = await browser.get(authorizePath({ prompt: 'login' }));
        const page = await browser.submit(login, { 'use-another': '1' });
        return browser.submit(page, { username: other, password: `password-of-${other}`, 'sign-in': '1' });
      },
    ],
    [
      'the directory says that they left',
      async (browser, username) => {
        world.memory.add(username, { account: 'disabled' });
        return browser.get(authorizePath({ prompt: 'none' }));
      },
    ],
    [
      'they sign out everywhere on their account page',
      async (browser) => {
        const page = await browser.submit(await browser.get('/account'), { 'sign-out-all': 'ask' });
        return browser.submit(page, { 'sign-out-all': 'yes' });
      },
    ],
  ])('also when %s', async (_case, end) => {
    const [browser, username] = [world.browser(), person()];
    const { sid } = decodeJwt(await signIn(browser, 'shop.web', username));
    expect(told).toEqual([]);
    await end(browser, username);
    await delivered(1);
    expect(told[0]?.payload.sid).toBe(sid);
  });

  const tenSeconds = `attempts = 1 AND next_attempt_at > now() AND next_attempt_at <= now() + interval '10 seconds'`;

  it.each([200, 204])('%i is success', async (status) => {
    answer = (_client, response) => void response.writeHead(status).end();
    const browser = world.browser();
    await logout(browser, await signIn(browser, 'shop.web', person()));
    await delivered(1);
    await expect.poll(() => world.count('logout_deliveries')).toBe(0);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['400', (response) => void response.writeHead(400).end()],
    ['500', (response) => void response.writeHead(500).end()],
    ['202', (response) => void response.writeHead(202).end()],
    ['a redirect', (response) => void response.writeHead(307, { location: receiver('shop.web') }).end()],
    ['a connection that ends', (response) => void response.destroy()],
  ])('%s is not', async (_case, refuse) => {
    answer = (_client, response) => refuse(response);
    const browser = world.browser();
    await logout(browser, await signIn(browser, 'shop.web', person()));
    await delivered(1);
    await expect.poll(() => world.count('logout_deliveries', tenSeconds)).toBe(1);
  });

  it('what failed comes again after 10 s, signed anew; meanwhile the page says so', async () => {
    answer = (_client, response) => void response.writeHead(500).end();
    const browser = world.browser();
    const page = await logout(browser, await signIn(browser, 'shop.web', person()));
    await delivered(1);
    await expect.poll(() => world.count('logout_deliveries', tenSeconds)).toBe(1);
    expect((await browser.get(page.url)).html).toContain('Not reached yet, we keep trying: <bdi>The shop</bdi>.');
    answer = ok;
    await delivered(2);
    await expect.poll(() => world.count('logout_deliveries')).toBe(0);
    expect(told[0]?.payload.jti).not.toBe(told[1]?.payload.jti);
    expect((await browser.get(page.url)).html).not.toContain('Not reached yet');
  });

  it('after the seventh attempt it is given up, and the log says so', async () => {
    answer = (_client, response) => void response.writeHead(500).end();
    const browser = world.browser();
    const before = await metric('gave_up');
    await logout(browser, await signIn(browser, 'shop.web', person()));
    await expect.poll(() => world.count('logout_deliveries', 'attempts = 1')).toBe(1);
    await world.rows(`UPDATE logout_deliveries SET attempts = 6`);
    await expect.poll(() => world.count('logout_deliveries')).toBe(0);
    await expect.poll(() => metric('gave_up')).toBe(before + 1);
    const line = () =>
      log
        .map((text) => JSON.parse(text) as Record<string, unknown>)
        .find(({ msg }) => msg === 'an application was not told of a logout');
    await expect.poll(line).toMatchObject({
      level: 'warn',
      'nauthera.client.id': 'shop.web',
      'error.type': 'status 500',
      count: 7,
    });
  });

  it('nothing secret is logged on the way', async () => {
    answer = (_client, response) => void response.writeHead(500).end('the receiver’s own words');
    const browser = world.browser();
    await logout(browser, await signIn(browser, 'shop.web', person()));
    await delivered(1);
    await expect.poll(() => log.join('\n')).toContain('could not be told');
    const all = log.join('\n');
    const [one] = told;
    for (const secret of [one?.body.get('logout_token') ?? '', 'own words', receiver('shop.web')]) {
      expect(all).not.toContain(secret);
    }
  });

  it('a client that was withdrawn, or declared without the address, or anew, is told nothing', async () => {
    answer = (_client, response) => void response.writeHead(500).end();
    const [browser, username] = [world.browser(), person()];
    const idToken = await signIn(browser, 'shop.withdrawn', username);
    await signIn(browser, 'shop.moved', username);
    await signIn(browser, 'shop.renewed', username);
    await logout(browser, idToken);
    await expect.poll(() => world.count('logout_deliveries', 'attempts = 1')).toBe(3);
    expect(told).toHaveLength(3);
    // They come again when the clients are gone, however long that takes to be known.
    const again = (when: string) => world.rows(`UPDATE logout_deliveries SET next_attempt_at = ${when}`);
    await again(`now() + interval '1 hour'`);
    answer = ok;
    await world.served({ kind: 'client', id: 'shop.moved', owner: anOwner('shop.moved'), value: webApp('shop.moved') });
    // Another client under the same id took part in nothing.
    const renewed = { owner: anOwner('shop.renewed', { uid: 'the-next' }), value: app('shop.renewed') };
    await world.served({ kind: 'client', id: 'shop.renewed', ...renewed });
    const gone = await world.registry.delete('client', anOwner('shop.withdrawn').uid);
    await world.serves(gone?.n ?? Number.POSITIVE_INFINITY);
    await again('now()');
    await expect.poll(() => world.count('logout_deliveries')).toBe(0);
    expect(told).toHaveLength(3);
  });
});

describe('three replicas', () => {
  it('F52: of 300 deliveries each is made once, one at a time per address', async () => {
    const world = await World.open({
      databaseUrl: await postgres.createDatabase(),
      server: { outbound_allowed: ['127.0.0.1/32'] },
      clients: [app('shop.web'), app('shop.es')],
      options: { seams: { outbound: { ca: authority.pem } } },
    });
    try {
      await useKeysOf(world);
      await world.stopReplicas();
      await world.rows(
        `INSERT INTO logout_deliveries (session_id, client_uid, client_id, subject)
          SELECT 'session ' || n, 'uid-of-' || c, c, 'u_ada' FROM generate_series(1, 150) n, (VALUES ('shop.web'), ('shop.es')) AS v(c)`,
      );
      sink.mostAtOnce = 0;
      await world.startReplicas(3);
      await expect.poll(() => world.count('logout_deliveries'), { timeout: 90_000 }).toBe(0);
      const names = told.map(({ client, payload }) => `${client} ${String(payload.sid)}`);
      expect([names.length, new Set(names).size]).toEqual([300, 300]);
      expect(sink.mostAtOnce).toBeLessThanOrEqual(6);
    } finally {
      await world.stop();
    }
  });

  it('one that does not answer holds up nobody else, and is not asked again for every session', async () => {
    const world = await World.open({
      databaseUrl: await postgres.createDatabase(),
      server: { outbound_allowed: ['127.0.0.1/32'] },
      clients: [app('shop.web'), app('shop.slow')],
      options: { seams: { outbound: { ca: authority.pem } } },
    });
    try {
      await useKeysOf(world);
      await world.stopReplicas();
      answer = (client, response) => {
        if (client !== 'shop.slow') response.end();
      };
      await world.rows(
        `INSERT INTO logout_deliveries (session_id, client_uid, client_id, subject)
          SELECT 'session ' || n, 'uid-of-' || c, c, 'u_ada' FROM generate_series(1, 20) n, (VALUES ('shop.web'), ('shop.slow')) AS v(c)`,
      );
      await world.startReplicas(1);
      await expect.poll(() => world.count('logout_deliveries', `client_id = 'shop.web'`)).toBe(0);
      await expect.poll(() => world.count('logout_deliveries', 'attempts = 1')).toBe(20);
      expect(told.filter(({ client }) => client === 'shop.slow')).toHaveLength(1);
    } finally {
      await world.stop();
    }
  });
});

describe('F24, A60: an address inside', () => {
  it('is not called, whatever its name, and no line says where it led', async () => {
    const log: string[] = [];
    const inside = {
      'shop.loopback': `https://127.0.0.1:${sink.port}/`,
      'shop.mapped': `https://[::ffff:127.0.0.1]:${sink.port}/`,
      'shop.metadata': 'https://169.254.169.254/latest',
      'shop.named': `https://inside.example:${sink.port}/`,
    };
    const world = await World.open({
      clients: Object.entries(inside).map(([id, uri]) => app(id, { backchannel_logout_uri: uri })),
      options: {
        log: logTo(log),
        seams: { outbound: { ca: authority.pem, resolve: () => Promise.resolve(['192.0.2.1', '10.11.12.13']) } },
      },
    });
    try {
      const before = sink.connections;
      await world.rows(
        `INSERT INTO logout_deliveries (session_id, client_uid, client_id, subject)
          SELECT 'session', 'uid-of-' || c, c, 'u_ada' FROM unnest($1::text[]) c`,
        [Object.keys(inside)],
      );
      await world.stopReplicas();
      await world.startReplicas(1);
      await expect.poll(() => world.count('logout_deliveries', 'attempts > 0')).toBe(4);
      expect([sink.connections, told.length]).toEqual([before, 0]);
      expect(log.join('')).not.toContain('10.11.12.13');
    } finally {
      await world.stop();
    }
  });
});
