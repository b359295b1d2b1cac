/** Over a limit the answer comes before any work; nothing odd is ever more than a 4xx. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { RawConnection, rawPost } from '../support/raw-http.ts';
import { authorizePath, World } from '../support/world.ts';

const machine = aClient('shop.batch').machine('secret-of-shop.batch').build();
const basic = `Basic ${Buffer.from('shop.batch:secret-of-shop.batch').toString('base64')}`;
const form = 'application/x-www-form-urlencoded';

let world: World;
let url: string;
beforeAll(async () => {
  world = await World.open({ clients: [machine], counting: true });
  url = world.servers[0]?.url ?? '';
});
afterAll(() => world.stop());

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
const ask = async ({ method = 'POST', path = '/token', headers = {}, body }: Asked) => {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: basic, 'content-type': form, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  const answer = await response.text();
  return { status: response.status, headers: response.headers, error: /"error":"([a-z_]+)"/.exec(answer)?.[1] };
};
const grant = 'grant_type=client_credentials';

describe('the token endpoint takes one form', () => {
  it('this one', async () => expect((await ask({ body: grant })).status).toBe(200));

  it.each<[string, Asked, number, string | undefined]>([
    ['A03: a repeated parameter', { body: `${grant}&${grant}` }, 400, 'invalid_request'],
    ['A03: a repeated unknown parameter', { body: `${grant}&x=1&x=2` }, 400, 'invalid_request'],
    ['A84: a bad percent', { body: `${grant}&x=%zz` }, 400, 'invalid_request'],
    ['A84: bytes that are no UTF-8', { body: `${grant}&x=%ff` }, 400, 'invalid_request'],
    ['§5: 65 parameters', { body: Array.from({ length: 65 }, (_, i) => `p${i}=1`).join('&') }, 400, 'invalid_request'],
    ['§5: 33 KiB of body', { body: `${grant}&x=${'a'.repeat(33_000)}` }, 413, 'invalid_request'],
    ['credentials in the URL', { path: '/token?client_id=shop.batch', body: grant }, 400, 'invalid_request'],
    ['anything in the URL', { path: `/token?${grant}`, body: grant }, 400, 'invalid_request'],
    ['A65: JSON', { headers: { 'content-type': 'application/json' }, body: '{}' }, 415, 'invalid_request'],
    ['A65: other case', { headers: { 'content-type': form.toUpperCase() }, body: grant }, 415, 'invalid_request'],
    ['A65: a suffix', { headers: { 'content-type': `${form}x` }, body: grant }, 415, 'invalid_request'],
    [
      'A65: multipart',
      { headers: { 'content-type': 'multipart/form-data; boundary=x' }, body: grant },
      415,
      'invalid_request',
    ],
    ['A64: a malformed header', { headers: { authorization: 'Basic !!!' }, body: grant }, 401, 'invalid_client'],
    ['A64: another scheme', { headers: { authorization: 'Negotiate abc' }, body: grant }, 401, 'invalid_client'],
    [
      'A84: lenient base64',
      { headers: { authorization: basic.replace('Basic ', 'Basic !') }, body: grant },
      401,
      'invalid_client',
    ],
    ['GET', { method: 'GET' }, 405, 'invalid_request'],
    ['PUT', { method: 'PUT', body: grant }, 405, 'invalid_request'],
    ['DELETE', { method: 'DELETE' }, 405, 'invalid_request'],
    ['OPTIONS', { method: 'OPTIONS' }, 405, 'invalid_request'],
  ])('%s', async (_name, asked, status, error) => {
    const answer = await world.counters.expectCost('token_refused_early', () => ask(asked));
    expect([answer.status, answer.error]).toEqual([status, error]);
    if (status === 405) expect(answer.headers.get('allow')).toBe('POST');
  });

  it('A38: no origin may read an answer', async () => {
    const { headers } = await ask({ body: grant, headers: { origin: 'https://evil.example' } });
    expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  it('a request id of ours comes back, a sent one does not', async () => {
    const { headers } = await ask({ body: grant, headers: { 'x-request-id': 'mine', 'request-id': 'mine' } });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('what arrives at the socket', () => {
  const raw = async (text: string): Promise<string> => {
    const connection = await RawConnection.open(url);
    try {
      connection.send(text);
      await connection.until('\r\n\r\n');
      return connection.received.slice(0, 12);
    } finally {
      connection.close();
    }
  };

  it.each([
    [
      '§5: a target of 17 KiB',
      `GET /authorize?state=${'a'.repeat(17_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      'HTTP/1.1 414',
    ],
    ['§5: 40 KiB of headers', `GET /jwks HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`, 'HTTP/1.1 431'],
    ['garbage', 'garbage\r\n\r\n', 'HTTP/1.1 400'],
    ['a tab in the content type', rawPost('/token', grant).replace('urlencoded', 'urlencoded\ta'), 'HTTP/1.1 415'],
    ['two lengths', rawPost('/token', grant, ['Content-Length: 3']), 'HTTP/1.1 400'],
    ['a length and chunks', rawPost('/token', grant, ['Transfer-Encoding: chunked']), 'HTTP/1.1 400'],
    ['a body without a type', 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b', 'HTTP/1.1 415'],
    ['no body at all', 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 401'],
  ])('%s', async (_name, text, status) => expect(await raw(text)).toBe(status));

  it('a state of 8 KiB is taken', async () => {
    const connection = await RawConnection.open(url);
    connection.send(`GET /authorize?state=${'a'.repeat(8192)} HTTP/1.1\r\nHost: x\r\n\r\n`);
    expect(await connection.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
    connection.close();
  });
});

describe('slow and many', () => {
  it('F27: at no endpoint does a body that never ends hold a socket, and 300 silent ones hold up nobody', async () => {
    const slow = await World.open({ clients: [machine], options: { limits: { requestTimeout: 500 } } });
    const base = slow.servers[0]?.url ?? '';
    const paths =
      '/token /introspect /revoke /device_authorization /authorize /login /consent /device /logout /account /userinfo'.split(
        ' ',
      );
    try {
      const open = await Promise.all(paths.map(() => RawConnection.open(base)));
      for (const [at, path] of paths.entries()) open[at]?.send(rawPost(path, 'x'.repeat(50)).slice(0, -3));
      const silent = await Promise.all(Array.from({ length: 300 }, () => RawConnection.open(base)));
      for (const connection of silent) connection.send('GET /authorize HTTP/1.1\r\n');
      expect((await fetch(`${base}/jwks`)).status).toBe(200);
      await Promise.all([...open, ...silent].map((connection) => connection.closed()));
      expect((await fetch(`${base}/jwks`)).status).toBe(200);
    } finally {
      await slow.stop();
    }
  });

  it('F27: a request that does not arrive in time is cut', async () => {
    const slow = await World.open({ clients: [machine], options: { limits: { requestTimeout: 300 } } });
    try {
      const headers = await RawConnection.open(slow.servers[0]?.url ?? '');
      const body = await RawConnection.open(slow.servers[0]?.url ?? '');
      headers.send('POST /token HTTP/1.1\r\nHost: x\r\n');
      body.send(rawPost('/token', grant).slice(0, -3));
      await Promise.all([headers.closed(), body.closed()]);
      expect(headers.received).toMatch(/^HTTP\/1\.1 408/);
    } finally {
      await slow.stop();
    }
  });

  it('I8: a handler that takes too long is answered for, and its answer is not sent twice', async () => {
    const slow = await World.open({ options: { limits: { handlerTimeout: 3000 } } });
    const bind = Promise.withResolvers<void>();
    try {
      const browser = slow.browser();
      const login = await browser.get(authorizePath());
      slow.memory.beforeBind = () => bind.promise;
      const fields = { ...login.form.fields, username: 'ada', password: 'password-of-ada', 'sign-in': '1' };
      const page = await browser.postOnly('/login', fields);
      expect([page.status, page.headers.get('retry-after')]).toEqual([503, '2']);
      expect(await page.text()).toContain('data-error="temporarily_unavailable"');
      slow.memory.beforeBind = () => Promise.resolve();
      bind.resolve();
      expect((await browser.get(authorizePath())).status).toBe(200);
    } finally {
      bind.resolve();
      await slow.stop();
    }
  });

  it('F28: above the limit of requests in flight the answer is 503 with Retry-After, documents go on', async () => {
    const small = await World.open({ clients: [machine], options: { maxInFlight: 2 } });
    const base = small.servers[0]?.url ?? '';
    const held = await Promise.all([RawConnection.open(base), RawConnection.open(base)]);
    try {
      for (const connection of held) connection.send(rawPost('/token', grant).slice(0, -3));
      const refused = async () => {
        for (const deadline = Date.now() + 60_000; ; ) {
          const response = await fetch(`${base}/token`, { method: 'POST', body: new URLSearchParams(grant) });
          if (response.status === 503) return response;
          if (Date.now() > deadline) throw new Error(`never shed: ${response.status}`);
        }
      };
      const response = await refused();
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ error: 'temporarily_unavailable' });
      expect((await fetch(`${base}/jwks`)).status).toBe(200);
      for (const connection of held) connection.close();
      const served = async () => {
        for (const deadline = Date.now() + 60_000; ; ) {
          const { status } = await small.token({ grant_type: 'client_credentials' }, 'shop.batch');
          if (status === 200) return status;
          if (Date.now() > deadline) throw new Error(`still ${status}`);
        }
      };
      expect(await served()).toBe(200);
    } finally {
      for (const connection of held) connection.close();
      await small.stop();
    }
  });
});
