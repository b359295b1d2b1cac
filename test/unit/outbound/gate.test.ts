import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OutboundCall, OutboundFailed } from '../../../server/src/outbound/gate.ts';
import { createOutboundGate, type OutboundPorts } from '../../../server/src/outbound/open-gate.ts';
import { makeAuthority, type TestAuthority } from '../../support/certificates.ts';
import { openTlsSink, type TlsSink } from '../../support/tls-sink.ts';

const name = 'app.example.com';
let authority: TestAuthority;
let sink: TlsSink;

beforeAll(async () => {
  authority = await makeAuthority();
  sink = await openTlsSink(await authority.issue({ names: [name, 'web.shop.svc'], addresses: ['127.0.0.1'] }));
});
afterAll(() => sink.close());
beforeEach(() => {
  Object.assign(sink, { connections: 0, requests: 0, mostAtOnce: 0 });
  sink.serverNames.length = 0;
  sink.answer = (_request, response) => response.end('hello');
});

/** What stands for every name is the sink; loopback is opened, unless the case is about addresses. */
function gate(more: Partial<OutboundPorts> = {}) {
  return createOutboundGate({
    allowed: () => ['127.0.0.0/8'],
    resolve: () => Promise.resolve(['127.0.0.1']),
    ca: authority.pem,
    ...more,
  });
}
const get = (more: Partial<OutboundCall> = {}): OutboundCall => ({
  url: `https://${name}:${sink.port}/jwks?a=b#c`,
  namespace: 'shop',
  method: 'GET',
  ...more,
});
async function failure(promise: Promise<unknown>): Promise<OutboundFailed> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof OutboundFailed)) throw new Error('the call did not fail as it should', { cause: error });
  return error;
}
const reason = async (promise: Promise<unknown>) => (await failure(promise)).reason;

describe('the outbound gate', () => {
  it('connects to the checked address under the original name', async () => {
    let seen: unknown;
    sink.answer = ({ method, url, headers }, response) => {
      seen = { method, url, host: headers.host, encoding: headers['accept-encoding'] };
      response.setHeader('content-type', 'application/json').end('{}');
    };
    const answer = await gate().call(get({ headers: { accept: 'application/json' } }));
    expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'application/json' } });
    expect(answer.body.toString()).toBe('{}');
    expect(seen).toEqual({ method: 'GET', url: '/jwks?a=b', host: `${name}:${sink.port}`, encoding: 'identity' });
    expect(sink.serverNames).toEqual([name]);
  });

  it('posts a form', async () => {
    let posted = '';
    sink.answer = (request, response) => {
      request.on('data', (chunk: Buffer) => {
        posted += chunk.toString();
      });
      request.on('end', () => response.writeHead(204).end());
    };
    const answer = await gate().call(get({ method: 'POST', body: 'logout_token=é' }));
    expect([answer.status, posted]).toEqual([204, 'logout_token=é']);
  });

  it('gives errors of the peer as they are', async () => {
    sink.answer = (_request, response) => response.writeHead(500).end('broken');
    expect((await gate().call(get())).status).toBe(500);
  });

  it('asks for the name as the machine knows it where it belongs to the installation, else in DNS', async () => {
    const asked: [string, boolean][] = [];
    const resolve: OutboundPorts['resolve'] = (hostname, { local }) => {
      asked.push([hostname, local]);
      return Promise.resolve(['10.0.0.1', '127.0.0.1']);
    };
    const one = gate({ resolve, allowed: () => ['*.internal.example'] });
    for (const host of ['web.shop.svc', 'a.internal.example', 'web.bank.svc', name]) {
      await failure(one.call(get({ url: `https://${host}/` })));
    }
    expect(asked).toEqual([
      ['web.shop.svc', true],
      ['a.internal.example', true],
      ['web.bank.svc', false],
      [name, false],
    ]);
  });
});

describe('F24, A60: nothing is connected to that was not allowed', () => {
  it.each([
    ['http', 'http://app.example.com/'],
    ['another scheme', 'file:///etc/passwd'],
    ['a user name', 'https://user@app.example.com/'],
    ['a password', 'https://user:password@app.example.com/'],
    ['no URL', 'jwks'],
    ['loopback', 'https://127.0.0.1:PORT/'],
    ['loopback in one number', 'https://2130706433:PORT/'],
    ['loopback in octal', 'https://0177.0.0.1:PORT/'],
    ['loopback in short', 'https://127.1:PORT/'],
    ['loopback of IPv6', 'https://[::1]:PORT/'],
    ['mapped loopback', 'https://[::ffff:127.0.0.1]:PORT/'],
    ['metadata', 'https://169.254.169.254/latest/meta-data/'],
    ['full-width digits', 'https://１２７.0.0.1:PORT/'],
  ])('%s', async (_, url) => {
    const call = get({ url: url.replace('PORT', String(sink.port)) });
    expect(await reason(gate({ allowed: () => [] }).call(call))).toBe('refused');
    expect(sink.connections).toBe(0);
  });

  it('a name that leads to loopback', async () => {
    expect(await reason(gate({ allowed: () => [] }).call(get()))).toBe('refused');
    expect(sink.connections).toBe(0);
  });

  it('localhost, by the real resolvers', async () => {
    const url = `https://localhost:${sink.port}/`;
    const ports = { allowed: () => ['localhost'], ca: authority.pem };
    expect(await reason(createOutboundGate(ports).call(get({ url })))).toBe('refused');
    expect(sink.connections).toBe(0);
  });

  it('one private address among public ones refuses the name', async () => {
    for (const addresses of [
      ['8.8.8.8', '127.0.0.1'],
      ['127.0.0.1', '8.8.8.8'],
      ['2606:4700::1111', '::1'],
    ]) {
      const resolve = () => Promise.resolve(addresses);
      expect(await reason(gate({ allowed: () => [], resolve }).call(get()))).toBe('refused');
    }
    expect(sink.connections).toBe(0);
  });

  it('rebinding: the name is resolved once, and the connection goes where the check looked', async () => {
    let asked = 0;
    const answers = [['127.0.0.9'], ['127.0.0.1']];
    const resolve = () => Promise.resolve(answers[asked++] ?? []);
    const one = gate({ allowed: () => ['127.0.0.9'], resolve });
    // Nobody listens there; what matters is that the second answer is not asked for.
    expect(await reason(one.call(get()))).toBe('unreachable');
    expect([asked, sink.connections]).toEqual([1, 0]);
    expect(await reason(one.call(get()))).toBe('refused');
    expect([asked, sink.connections]).toEqual([2, 0]);
  });

  it('a service of another namespace', async () => {
    const resolve = () => Promise.resolve(['10.96.0.9']);
    const url = `https://web.bank.svc:${sink.port}/`;
    expect(await reason(gate({ allowed: () => [], resolve }).call(get({ url })))).toBe('refused');
  });

  it('a redirect', async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      sink.requests = 0;
      sink.answer = (_request, response) =>
        response.writeHead(status, { location: `https://${name}:${sink.port}/elsewhere` }).end();
      expect(await reason(gate().call(get()))).toBe('redirect');
      expect(sink.requests).toBe(1);
    }
  });

  it('a proxy that the environment names', async () => {
    let connections = 0;
    const proxy = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = proxy.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
    const program = `
      const { createOutboundGate } = await import('${new URL('../../../server/src/outbound/open-gate.ts', import.meta.url).href}');
      const gate = createOutboundGate({ allowed: () => ['127.0.0.0/8'], resolve: async () => ['127.0.0.1'], ca: process.env.CA });
      const answer = await gate.call({ url: process.env.URL_OF_SINK, namespace: 'shop', method: 'GET' });
      process.stdout.write(String(answer.status));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: {
        PATH: process.env.PATH,
        NODE_USE_ENV_PROXY: '1',
        HTTPS_PROXY: url,
        https_proxy: url,
        ALL_PROXY: url,
        CA: authority.pem,
        URL_OF_SINK: get().url,
        NODE_NO_WARNINGS: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
    await once(child, 'close');
    await new Promise((resolve) => proxy.close(resolve));
    expect([printed, connections]).toEqual(['200', 0]);
  });
});

describe('A59: TLS of outbound calls', () => {
  it.each([
    ['a name that the certificate does not have', () => authority.issue({ names: ['other.example.com'] })],
    ['an expired certificate', () => authority.issue({ names: [name], days: -1 })],
    ['an authority that is not trusted', async () => (await makeAuthority('Another CA')).issue({ names: [name] })],
  ])('%s: refused before anything is asked', async (_, issue) => {
    const other = await openTlsSink(await issue());
    const error = await failure(gate().call(get({ url: `https://${name}:${other.port}/` })));
    await other.close();
    expect([error.reason, other.requests]).toEqual(['tls', 0]);
  });

  it('the authorities of Node count when none is given, whatever the environment says of checking', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect(await reason(gate({ ca: undefined }).call(get()))).toBe('tls');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
    expect(sink.requests).toBe(0);
  });

  it('an address is checked as an address', async () => {
    const url = `https://127.0.0.1:${sink.port}/`;
    expect((await gate().call(get({ url }))).status).toBe(200);
    const without = await openTlsSink(await authority.issue({ names: [name], addresses: [] }));
    const refused = await reason(gate().call(get({ url: `https://127.0.0.1:${without.port}/` })));
    await without.close();
    expect(refused).toBe('tls');
  });

  it('a server without TLS', async () => {
    const plain = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    plain.listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const address = plain.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const why = await reason(gate().call(get({ url: `https://${name}:${port}/` })));
    plain.close();
    expect(why).toBe('tls');
  });
});

describe('bounds of an outbound call', () => {
  it.each([
    ['announced', (size: number) => ({ 'content-length': String(size) })],
    ['sent in pieces', () => ({ 'transfer-encoding': 'chunked' })],
  ])('too large, %s', async (_, headers) => {
    sink.answer = (_request, response) => response.writeHead(200, headers(65_537)).end(Buffer.alloc(65_537));
    expect(await reason(gate().call(get()))).toBe('too_large');
    sink.answer = (_request, response) => response.writeHead(200, headers(65_536)).end(Buffer.alloc(65_536));
    expect((await gate().call(get())).body.length).toBe(65_536);
  });

  it.each([
    ['a name that never resolves', { resolve: () => new Promise<never>(() => undefined) }],
    ['an answer that never comes', {}],
  ])('%s ends with the time', async (_, ports) => {
    sink.answer = () => undefined;
    const began = performance.now();
    expect(await reason(gate(ports).call(get({ timeout: 200 })))).toBe('timeout');
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('a body that never ends, too', async () => {
    sink.answer = (_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 20);
      response.once('close', () => clearInterval(timer));
    };
    expect(await reason(gate().call(get({ timeout: 200 })))).toBe('timeout');
  });

  it('one call at a time to one URL, whoever asks; other URLs do not wait', async () => {
    sink.answer = (_request, response) => void sleep(30).then(() => response.end('ok'));
    const one = gate();
    const calls = Array.from({ length: 5 }, (_, index) => one.call(get({ namespace: `ns-${index}` })));
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(sink.mostAtOnce).toBe(1);
    let release = (): void => undefined;
    sink.answer = ({ url }, response) => {
      if (url === '/slow') release = () => response.end();
      else response.end();
    };
    const slow = one.call(get({ url: `https://${name}:${sink.port}/slow` }));
    expect((await one.call(get())).status).toBe(200);
    await expect.poll(() => sink.requests, { timeout: 10_000 }).toBe(7);
    release();
    await slow;
  });

  it('who waits for a turn gives up with the time, and leaves no gap', async () => {
    sink.answer = () => undefined;
    const one = gate();
    const first = reason(one.call(get({ timeout: 400 })));
    const second = reason(one.call(get({ timeout: 100 })));
    expect(await second).toBe('timeout');
    expect(await first).toBe('timeout');
    sink.answer = (_request, response) => response.end('ok');
    expect((await one.call(get())).status).toBe(200);
  });
});

describe('A83: errors tell no address', () => {
  it.each([
    ['nobody listens', { url: 'https://app.example.com:1/' }, {}, 'unreachable'],
    [
      'the name is not there',
      {},
      { resolve: () => Promise.reject(new Error('queryA ENOTFOUND db.internal')) },
      'unresolved',
    ],
    ['the name has no address', {}, { resolve: () => Promise.resolve([]) }, 'unresolved'],
    ['it is private', {}, { allowed: () => [] }, 'refused'],
  ])('%s', async (_, call, ports, why) => {
    const error = await failure(gate(ports).call(get(call)));
    expect(error.reason).toBe(why);
    const told = JSON.stringify([error.message, error.cause, error.stack]);
    expect(told).not.toMatch(/127\.0\.0\.1|db\.internal|app\.example\.com/);
  });
});
