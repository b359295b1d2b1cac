/** What no honest client sends: refused before any work, with the same bytes whatever the headers say, and never a 5xx. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { basic, deviceApp, deviceFields } from '../support/devices.ts';
import { RawConnection } from '../support/raw-http.ts';
import { authorize, authorizePath, codeFields, issuer, World, webApp } from '../support/world.ts';

let world: World;
let url = '';
beforeAll(async () => {
  world = await World.open({
    counting: true,
    clients: [
      webApp(),
      ...['shop.batch', 'shop.bystander'].map((id) => aClient(id).machine(`secret-of-${id}`).build()),
      deviceApp('tv.app'),
    ],
  });
  url = world.servers[0]?.url ?? '';
});
afterAll(() => world.stop());

const form = 'application/x-www-form-urlencoded';
const nothing = { statements: 0, rows: 0, signatures: 0, verifications: 0, searches: 0, binds: 0 };
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

describe('F26, A63: over a limit the answer comes before any work', () => {
  const long = 'x'.repeat(17_000);
  const many = Array.from({ length: 51 }, (_, at) => `s${at}`).join(' ');

  it.each<[string, Readonly<Record<string, string>>, number]>([
    ['51 scopes', { scope: many }, 303],
    ['a scope beyond 2 KiB', { scope: 'openid '.repeat(300) }, 303],
    ['a nonce beyond 2 KiB', { nonce: 'n'.repeat(2049) }, 303],
    ['a redirect URI beyond 2 KiB', { redirect_uri: `https://shop.example.com/${'x'.repeat(2048)}` }, 400],
    ['a client id of 1 KiB', { client_id: 'x'.repeat(1024) }, 400],
    ['a state that fills the target', { state: long }, 414],
    ['a deep request object', { request: deep(2000) }, 303],
    ['deep claims', { claims: deep(2000) }, 303],
  ])('/authorize: %s', async (_title, change, status) => {
    const { cost, result } = await world.counters.costOf(() =>
      fetch(`${url}${authorizePath(change)}`, { redirect: 'manual' }),
    );
    expect([result.status, cost]).toEqual([status, nothing]);
    if (status === 303) {
      expect(result.headers.get('location')).toMatch(/^https:\/\/shop\.example\.com\/cb\?error=/);
    }
  });

  it('/authorize: 10,000 parameters', async () => {
    const query = Array.from({ length: 2000 }, (_, at) => `${at}=`).join('&');
    const { cost, result } = await world.counters.costOf(() => fetch(`${url}/authorize?${query}`));
    expect([result.status, cost]).toEqual([400, nothing]);
    const body = Array.from({ length: 5000 }, (_, at) => `${at.toString(36)}=`).join('&');
    const posted = await world.counters.costOf(() =>
      fetch(`${url}/token`, { method: 'POST', headers: { 'content-type': form }, body }),
    );
    expect([posted.result.status, posted.cost]).toEqual([400, nothing]);
  });

  it.each<[string, Readonly<Record<string, string>>, number, string]>([
    ['51 scopes', { grant_type: 'client_credentials', scope: many }, 400, 'invalid_scope'],
    ['a scope beyond 2 KiB', { grant_type: 'client_credentials', scope: 'a '.repeat(2000) }, 400, 'invalid_scope'],
    ['a code of 600 characters', { ...codeFields('x'.repeat(600)) }, 400, 'invalid_grant'],
    ['a verifier of 129 characters', { ...codeFields('x'), code_verifier: 'v'.repeat(129) }, 400, 'invalid_grant'],
    ['a refresh token of 17 KiB', { grant_type: 'refresh_token', refresh_token: long }, 400, 'invalid_grant'],
    ['a body beyond 32 KiB', { grant_type: 'client_credentials', x: 'x'.repeat(33_000) }, 413, 'invalid_request'],
  ])('/token: %s', async (_title, fields, status, error) => {
    const clientId = fields.grant_type === 'client_credentials' ? 'shop.batch' : 'shop.web';
    const { cost, result } = await world.counters.costOf(() => world.token(fields, clientId));
    expect([result.status, result.body.error, cost]).toEqual([status, error, nothing]);
  });

  const hint = `${'x'.repeat(8500)}.${'y'.repeat(8000)}.z`;
  it.each<[string, string, Readonly<Record<string, string>>, string, number, string | undefined]>([
    ['/introspect: a token of 17 KiB', '/introspect', { token: long }, 'shop.batch', 200, undefined],
    ['/introspect: a token of another form', '/introspect', { token: 'x y' }, 'shop.batch', 200, undefined],
    ['/introspect: a body beyond 32 KiB', '/introspect', { token: long + long }, 'shop.batch', 413, 'invalid_request'],
    ['/revoke: a token of 17 KiB', '/revoke', { token: long }, 'shop.batch', 200, undefined],
    ['/revoke: a body beyond 32 KiB', '/revoke', { token: long + long }, 'shop.batch', 413, 'invalid_request'],
    ['/device_authorization: 51 scopes', '/device_authorization', { scope: many }, 'tv.app', 400, 'invalid_scope'],
    ['/device_authorization: long', '/device_authorization', { scope: long + long }, 'tv.app', 413, 'invalid_request'],
    ['/token: a device code of 17 KiB', '/token', deviceFields(long), 'tv.app', 400, 'invalid_grant'],
    ['/token: a device code of 600 places', '/token', deviceFields('x'.repeat(600)), 'tv.app', 400, 'invalid_grant'],
  ])('%s', async (_title, path, fields, clientId, status, error) => {
    const { cost, result } = await world.counters.costOf(() =>
      fetch(`${url}${path}`, {
        method: 'POST',
        headers: { ...basic(clientId), 'content-type': form },
        body: new URLSearchParams(fields).toString(),
      }),
    );
    const text = await result.text();
    const body = text === '' ? {} : (JSON.parse(text) as Readonly<Record<string, unknown>>);
    expect([result.status, body.error, cost]).toEqual([status, error, nothing]);
    if (path === '/introspect' && status === 200) expect(body).toEqual({ active: false });
  });

  it.each<[string, number]>([
    ['/introspect', 400],
    ['/revoke', 400],
    ['/device_authorization', 400],
    // What is asked again as a GET would be too long for one.
    ['/authorize', 414],
    ['/logout', 414],
    ['/login', 400],
    ['/consent', 400],
    // Nothing of a device, and no form of a page of ours.
    ['/device', 303],
    ['/account', 400],
  ])('%s: 5000 parameters', async (path, status) => {
    const body = Array.from({ length: 5000 }, (_, at) => `${at.toString(36)}=`).join('&');
    const { cost, result } = await world.counters.costOf(() =>
      fetch(`${url}${path}`, { method: 'POST', redirect: 'manual', headers: { 'content-type': form }, body }),
    );
    expect([result.status, cost]).toEqual([status, nothing]);
    expect((result.headers.get('location') ?? '').length).toBeLessThan(4096);
  });

  it('/logout and /authorize: a hint beyond 16 KiB verifies nothing', async () => {
    for (const [path, fields] of [
      ['/logout', { id_token_hint: hint }],
      ['/authorize', Object.fromEntries(new URL(authorizePath({ id_token_hint: hint }), issuer).searchParams)],
    ] as const) {
      const { cost, result } = await world.counters.costOf(() => world.browser().postOnly(path, fields));
      expect([path, result.status, cost]).toEqual([path, 414, nothing]);
    }
  });

  it('a password of 64 KiB, and a name of 1 KiB, ask no directory', async () => {
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    for (const fields of [
      { username: 'ada', password: 'x'.repeat(20_000) },
      { username: 'x'.repeat(1024), password: 'x' },
    ]) {
      const { cost, result } = await world.counters.costOf(() =>
        browser.postOnly('/login', { ...login.form.fields, ...fields, 'sign-in': '1' }),
      );
      expect([result.status, cost]).toEqual([303, nothing]);
    }
    const huge = { ...login.form.fields, username: 'ada', password: 'x'.repeat(65_536), 'sign-in': '1' };
    expect((await browser.postOnly('/login', huge)).status).toBe(413);
  });
});

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

describe('F23, A61: no header moves a byte', () => {
  const sets: readonly Readonly<Record<string, string>>[] = [
    { host: 'evil.example' },
    { host: 'evil.example:443' },
    { 'x-forwarded-host': 'evil.example' },
    { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', 'x-forwarded-port': '81' },
    { forwarded: 'for=203.0.113.9;host=evil.example;proto=http' },
    { 'x-forwarded-prefix': '/evil', 'x-forwarded-path': '/evil' },
    { 'x-original-url': '/evil', 'x-rewrite-url': '/evil' },
    { 'x-original-host': 'evil.example', 'x-host': 'evil.example', 'x-http-host-override': 'evil.example' },
    { 'x-real-ip': '127.0.0.1', 'x-client-ip': '127.0.0.1', 'true-client-ip': '127.0.0.1' },
    { 'x-forwarded-for': '127.0.0.1, 10.0.0.1', via: '1.1 evil' },
    { 'front-end-https': 'off', 'x-url-scheme': 'http', 'x-forwarded-ssl': 'off' },
    { 'x-ssl-client-cert': 'MIIB', 'ssl-client-verify': 'SUCCESS', 'ssl-client-s-dn': 'CN=shop.batch' },
    { 'x-forwarded-client-cert': 'Subject="CN=shop.batch"', 'client-cert': ':MIIB:' },
    { 'x-http-method-override': 'DELETE', 'x-method-override': 'PUT' },
    { 'x-request-id': 'mine', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
    { origin: 'https://evil.example', referer: 'https://evil.example/' },
    { 'accept-encoding': 'evil', te: 'trailers' },
    { range: 'bytes=0-1', 'if-match': '"x"' },
    { cookie: '__Host-nauthera_session=evil; nauthera_session=evil' },
    { authorization: 'Bearer x' },
  ];
  /** Sealed requests, form tokens, ids and times are new each time. */
  const comparable = (text: string) =>
    text.replaceAll(/[A-Za-z0-9_-]{43,}|[0-9a-f]{32}|[0-9a-f-]{36}/g, '…').replaceAll(/"iat":\d+|"exp":\d+/g, '…');
  async function ask(target: string, headers: Readonly<Record<string, string>>, init: Asked = {}) {
    const response = await fetch(url + target, {
      redirect: 'manual',
      ...init,
      headers: { ...init.headers, ...headers },
    });
    const kept = [...response.headers].filter(([name]) => !['date', 'x-request-id', 'keep-alive'].includes(name));
    return comparable(JSON.stringify([response.status, kept.map(String).toSorted(), await response.text()]));
  }
  const post = { method: 'POST', headers: { 'content-type': form } };
  const questions: readonly [string, string, Asked][] = [
    ['the sign-in page', authorizePath(), {}],
    ['an error by redirect', authorizePath({ prompt: 'none' }), {}],
    ['an error page', authorizePath({ client_id: 'nobody' }), {}],
    ['a page that is not there', '/nowhere', {}],
    ['/authorize as POST', '/authorize', { ...post, body: 'client_id=x' }],
    ['/token, refused', '/token', { ...post, body: 'grant_type=client_credentials&client_id=shop.batch' }],
    ['/jwks', '/jwks', {}],
    ['discovery', '/.well-known/openid-configuration', {}],
  ];

  it.each(questions)('%s', async (_title, target, init) => {
    const plain = await ask(target, {}, init);
    expect(plain).not.toContain('127.0.0.1');
    for (const headers of sets) {
      if (target === '/token' && 'authorization' in headers) continue;
      expect([headers, await ask(target, headers, init)]).toEqual([headers, plain]);
    }
  });

  it('A38: no origin is let in anywhere', async () => {
    for (const [, target, init] of questions) {
      for (const method of [init.method ?? 'GET', 'OPTIONS']) {
        const headers = {
          ...init.headers,
          origin: 'https://evil.example',
          'access-control-request-method': 'POST',
        };
        const answer = await fetch(url + target, { redirect: 'manual', ...init, method, headers, body: null });
        expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
      }
    }
  });
});

describe('bytes that are no ASCII', () => {
  it.each([
    ['an emoji that nobody encoded', 'state=\u{1F98A}&x=ü', 'state=%F0%9F%A6%8A&x=%C3%BC'],
    ['a fragment', 'state=a#b', 'state=a%23b'],
    ['a line break', 'state=a\r\nLocation: https://evil.example', 'state=a%0D%0ALocation:%20https://evil.example'],
  ])('POST /authorize: %s goes into the GET encoded', async (_title, body, query) => {
    const answer = await fetch(`${url}/authorize`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': form },
      body,
    });
    expect([answer.status, answer.headers.get('location')]).toEqual([303, `/authorize?${query}`]);
  });
});

/** The same numbers in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

describe('I8, A56, F20: noise', () => {
  it('400 spoilt access tokens: 401, no statement, and never a 5xx', async () => {
    const { code } = await authorize(world.browser());
    const { body } = await world.token(codeFields(code));
    const [head = '', claims = '', signature = ''] = (body.access_token ?? '').split('.');
    const random = numbers(20_260_401);
    const part = (text: string) => {
      const bytes = Buffer.from(text);
      for (let change = 0; change <= random(3); change++) bytes[random(bytes.length)] = 33 + random(94);
      return bytes.toString('latin1').replaceAll(/[^A-Za-z0-9._~+/-]/g, '_');
    };
    const encode = (text: string) => Buffer.from(text).toString('base64url');
    const tokens = [
      ...Array.from({ length: 400 }, (_, at) =>
        [
          at % 3 === 0 ? part(head) : head,
          at % 3 === 1 ? part(claims) : claims,
          at % 3 === 2 ? part(signature) : signature,
        ].join('.'),
      ).filter((token) => token !== body.access_token),
      ...[
        deep(7000),
        '{"alg":{"alg":"ES256"}}',
        '{"alg":"ES256","kid":["x"]}',
        'null',
        '1',
        '"x"',
        '{"__proto__":{"alg":"none"}}',
      ].map((text) => `${encode(text)}.${claims}.${signature}`),
      'x'.repeat(16_384),
      `${'x.'.repeat(5000)}x`,
    ];
    const { cost, result } = await world.counters.costOf(() =>
      Promise.all(
        tokens.map(async (token) => {
          const answer = await fetch(`${url}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
          return answer.status;
        }),
      ),
    );
    expect(new Set(result)).toEqual(new Set([401]));
    expect(cost.statements).toBe(0);
  });

  it('300 requests made of pieces: always an answer, never a 5xx, and the server goes on', async () => {
    const random = numbers(4711);
    const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T;
    const methods = ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PATCH', 'TRACE', 'get', 'FOO'];
    const paths = [
      '/authorize',
      '/token',
      '/userinfo',
      '/login',
      '/consent',
      '/continue',
      '/jwks',
      '/',
      '/%',
      '/%00',
      '//',
      '/..',
      '*',
      '/assets/x',
    ];
    const pieces = [
      'a=b',
      '=',
      '&',
      '%',
      '%00',
      '%ff',
      'request=',
      'token=',
      'code=x',
      '\u00e9',
      'x'.repeat(300),
      '"',
      '<',
      '{}',
      'client_id=shop.web',
      'grant_type=client_credentials',
      'redirect_uri=https://shop.example.com/cb',
      'response_type=code',
      'max_age=-0',
      'prompt=none',
      'scope=openid',
      ';',
      '+',
      '#',
      '\\',
      '00000000-0000-4000-8000-000000000000',
    ];
    const headers = [
      'Cookie: __Host-nauthera_browser=',
      `Cookie: __Host-nauthera_session=${'A'.repeat(43)}`,
      'Authorization: Basic ',
      'Authorization: Basic Og==',
      'Origin: null',
      'Accept-Language: \u0001',
      'Content-Type: text/plain',
      `Content-Type: ${form}`,
      'Transfer-Encoding: gzip',
      'Expect: 100-continue',
      'Sec-Fetch-Site: same-origin',
      'X: \u00ff',
    ];
    const seen = new Map<string, number>();
    for (let round = 0; round < 300; round++) {
      const some = (all: readonly string[]) => Array.from({ length: random(4) }, () => pick(all));
      const query = some(pieces).join('&');
      const body = some(pieces).join('&');
      const lines = [
        `${pick(methods)} ${pick(paths)}${query === '' ? '' : `?${query}`} HTTP/1.1`,
        'Host: id.example.com',
        'Connection: close',
        ...some(headers),
        `Content-Length: ${Buffer.byteLength(body)}`,
      ];
      const connection = await RawConnection.open(url);
      connection.send(`${lines.join('\r\n')}\r\n\r\n${body}`);
      const status = /^HTTP\/1\.1 (\d{3})/.exec(await connection.closed())?.[1] ?? 'none';
      expect([round, lines[0], status]).not.toEqual([round, lines[0], expect.stringMatching(/^5/)]);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    // The pieces reach more than the first hurdle.
    expect([...seen.keys()].length).toBeGreaterThan(4);
    // Not the one whose tries the requests above have used up.
    expect((await world.token({ grant_type: 'client_credentials' }, 'shop.bystander')).status).toBe(200);
    expect((await world.fetch(`${issuer}/jwks`)).status).toBe(200);
  });
});
