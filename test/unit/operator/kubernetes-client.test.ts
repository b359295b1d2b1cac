import { chmod, mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ApiError,
  type ApiRequest,
  ApiUnavailable,
  ApiUnreadable,
  apiPath,
  NotLeading,
} from '../../../operator/src/runtime/kubernetes-api.ts';
import { connect, createApi, type RequestFacts } from '../../../operator/src/runtime/kubernetes-client.ts';
import { makeAuthority } from '../../support/certificates.ts';
import { json, type ScriptedApi, startScriptedApi, status } from './scripted-api.ts';

const pods = apiPath('api', 'v1', 'pods');
const get: ApiRequest = { method: 'GET', path: pods };

let api: ScriptedApi;
beforeEach(async () => {
  api = await startScriptedApi(({ response }) => json(response, { fine: true }));
});
afterEach(() => api.close());

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

async function collect(stream: AsyncIterable<unknown>, into: unknown[] = []): Promise<unknown[]> {
  for await (const item of stream) into.push(item);
  return into;
}

const watching = (more: { silence?: number; signal?: AbortSignal } = {}) => ({
  path: pods,
  query: {},
  silence: more.silence ?? 10_000,
  signal: more.signal ?? new AbortController().signal,
});

describe('who this process is to the API server', () => {
  it('in a pod: the ServiceAccount’s namespace, CA and token, the token read anew for each request', async () => {
    const client = createApi(api.connection);
    expect(api.connection.namespace).toBe('auth-system');
    await expect(client.request(get)).resolves.toEqual({ fine: true });
    await writeFile(join(api.folder, 'token'), 'token-two');
    await client.request(get);
    expect(api.calls.map((call) => call.headers.authorization)).toEqual(['Bearer token-one', 'Bearer token-two']);
    expect(api.calls[0]?.headers['user-agent']).toBe('nauthera-operator/9.9.9');
    expect(api.sockets.size).toBe(1);
  });

  it('a token file that cannot be read is a moment without the API server', async () => {
    const client = createApi(api.connection);
    await unlink(join(api.folder, 'token'));
    const error = await failure(client.request(get));
    expect(error).toBeInstanceOf(ApiUnavailable);
    expect(String(error)).not.toContain(api.folder);
    await expect(collect(client.watch(watching()))).rejects.toBeInstanceOf(ApiUnavailable);
    await writeFile(join(api.folder, 'token'), 'token-three');
    await expect(client.request(get)).resolves.toEqual({ fine: true });
  });

  it('follows a new CA, and sends nothing to a server of another', async () => {
    const client = createApi(api.connection);
    await writeFile(join(api.folder, 'ca.crt'), (await makeAuthority('Another')).pem);
    const error = await failure(client.request(get));
    expect(error).toBeInstanceOf(ApiUnavailable);
    expect(api.calls).toHaveLength(0);
    await writeFile(join(api.folder, 'ca.crt'), api.authority.pem);
    await expect(client.request(get)).resolves.toEqual({ fine: true });
  });

  it('NODE_TLS_REJECT_UNAUTHORIZED does not weaken TLS', async () => {
    await writeFile(join(api.folder, 'ca.crt'), (await makeAuthority('Another')).pem);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(createApi(api.connection).request(get)).rejects.toBeInstanceOf(ApiUnavailable);
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  it('a kubeconfig: context, namespace, and a plugin that gives a token', async () => {
    const plugin = join(api.folder, 'plugin');
    await writeFile(
      plugin,
      '#!/bin/sh\necho \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"from-plugin"}}\'\n',
    );
    await chmod(plugin, 0o700);
    const path = join(api.folder, 'config');
    await writeFile(
      path,
      kubeconfig(api, { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } }),
    );
    const connection = await connect({ kubeconfig: path, context: 'second' });
    expect(connection.namespace).toBe('team');
    await createApi(connection).request(get);
    expect(api.calls.at(-1)?.headers.authorization).toBe('Bearer from-plugin');
    await connection.close();
  });

  it('a plugin that fails is a moment without the API server, and what it printed stays with it', async () => {
    const path = join(api.folder, 'config');
    await writeFile(
      path,
      kubeconfig(api, { exec: { command: '/bin/sh', args: ['-c', 'echo secret-words >&2; exit 1'] } }),
    );
    const connection = await connect({ kubeconfig: path });
    const error = await failure(createApi(connection).request(get));
    expect(error).toBeInstanceOf(ApiUnavailable);
    expect(String(error)).not.toContain('secret-words');
    await connection.close();
  });

  it.each([
    ['an unknown context', {}, 'third', 'no context "third"'],
    ['a proxy', { 'proxy-url': 'http://127.0.0.1:1' }, undefined, 'proxy-url'],
    ['unchecked TLS', { 'insecure-skip-tls-verify': true }, undefined, 'insecure-skip-tls-verify'],
    ['plain HTTP to another machine', { server: 'http://api.example' }, undefined, 'https://'],
  ])('a kubeconfig with %s is refused', async (_what, cluster, context, says) => {
    const path = join(api.folder, 'config');
    await writeFile(path, kubeconfig(api, { token: 'x' }, cluster));
    await expect(connect({ kubeconfig: path, context })).rejects.toThrow(says);
  });

  it('KUBECONFIG may name several, the first of which says which context counts', async () => {
    const one = join(api.folder, 'one');
    const two = join(api.folder, 'two');
    await writeFile(one, JSON.stringify({ 'current-context': 'second', clusters: [], users: [], contexts: [] }));
    await writeFile(two, kubeconfig(api, { token: 'from-two' }));
    const connection = await connect({ environment: { KUBECONFIG: `${one}:${two}`, KUBERNETES_SERVICE_HOST: 'x' } });
    expect(connection.namespace).toBe('team');
    await createApi(connection).request(get);
    expect(api.calls[0]?.headers.authorization).toBe('Bearer from-two');
    await connection.close();
  });

  it('no configuration at all is said in one line', async () => {
    const home = await mkdtemp(join(tmpdir(), 'nauthera-home-'));
    await expect(connect({ environment: { HOME: home } })).rejects.toThrow('No Kubernetes configuration');
    await rm(home, { recursive: true });
  });
});

describe('requests', () => {
  it('carry method, path, query, type and body, each segment escaped', async () => {
    await createApi(api.connection).request({
      method: 'PATCH',
      path: apiPath('api', 'v1', 'namespaces', 'a/../b'),
      query: { force: true, fieldManager: 'x & y' },
      contentType: 'application/apply-patch+yaml',
      body: { a: 1 },
    });
    expect(api.calls[0]).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/namespaces/a%2F..%2Fb',
      query: { force: 'true', fieldManager: 'x & y' },
      body: '{"a":1}',
    });
    expect(api.calls[0]?.headers['content-type']).toBe('application/apply-patch+yaml');
  });

  it('A75: a redirect is an answer; the token goes nowhere else', async () => {
    const elsewhere: string[] = [];
    const other = createServer((request, response) => {
      elsewhere.push(request.headers.authorization ?? '');
      response.end('{}');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const location = `http://127.0.0.1:${(other.address() as AddressInfo).port}/`;
    api.answer(({ response }) => response.writeHead(307, { location }).end());
    const client = createApi(api.connection);
    await expect(client.request(get)).rejects.toMatchObject({ status: 307 });
    await expect(collect(client.watch(watching()))).rejects.toMatchObject({ status: 307 });
    await new Promise((resolve) => other.close(resolve));
    expect(elsewhere).toEqual([]);
  });

  it('A75: proxy variables are not followed', async () => {
    process.env['HTTPS_PROXY'] = 'http://127.0.0.1:9';
    try {
      await expect(createApi(api.connection).request(get)).resolves.toEqual({ fine: true });
    } finally {
      delete process.env['HTTPS_PROXY'];
    }
  });

  it('a Status becomes an ApiError whose message holds nothing of the body', async () => {
    api.answer(({ response }) => status(response, 409, 'Conflict', 'field token-of-someone', { 'retry-after': '7' }));
    const error = await failure(createApi(api.connection).request({ method: 'PUT', path: pods, body: {} }));
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 409, reason: 'Conflict', says: 'field token-of-someone', retryAfter: 7 });
    expect((error as Error).message).toBe('PUT /api/v1/pods: 409 Conflict');
  });

  it('A78: what is said about a refused Secret is not passed on', async () => {
    api.answer(({ response }) => status(response, 422, 'Invalid', 'data[x]: hunter2'));
    const path = apiPath('api', 'v1', 'namespaces', 'a', 'secrets', 'b');
    const error = await failure(createApi(api.connection).request({ method: 'PUT', path, body: {} }));
    expect(error).toMatchObject({ status: 422, reason: 'Invalid', says: '' });
  });

  it.each([
    ['no JSON', 'not json', 1000],
    ['more than the bound', JSON.stringify('x'.repeat(2000)), 1000],
  ])('an answer of %s is unreadable', async (_what, text, largestAnswer) => {
    api.answer(({ response }) => response.end(text));
    const client = createApi(api.connection, { largestAnswer });
    await expect(client.request(get)).rejects.toBeInstanceOf(ApiUnreadable);
  });

  it.each([
    ['no answer', () => undefined],
    ['half an answer', (call: { response: { write(text: string): void } }) => call.response.write('{"a":')],
  ])('%s in time is ApiUnavailable', async (_what, handle) => {
    api.answer(handle);
    const client = createApi(api.connection);
    await expect(client.request({ ...get, timeout: 300 })).rejects.toThrow('no answer in time');
    api.answer(({ response }) => json(response, { fine: true }));
    await expect(client.request(get)).resolves.toEqual({ fine: true });
  });

  it('the caller’s signal ends a request', async () => {
    const controller = new AbortController();
    api.answer(() => controller.abort());
    await expect(createApi(api.connection).request({ ...get, signal: controller.signal })).rejects.toBeInstanceOf(
      ApiUnavailable,
    );
  });

  it('what nobody waits for any more fails in silence', async () => {
    const client = createApi(api.connection);
    await client.close();
    await expect(client.request({ ...get, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(ApiUnavailable);
    await expect(collect(client.watch(watching({ signal: AbortSignal.abort() })))).rejects.toBeInstanceOf(
      ApiUnavailable,
    );
  });

  it('F31: 429 is waited for as the API server asks, within bounds', async () => {
    api.answer(({ response }) =>
      api.calls.length === 1
        ? status(response, 429, 'TooManyRequests', '', { 'retry-after': '1' })
        : json(response, { fine: true }),
    );
    const client = createApi(api.connection);
    await expect(client.request(get)).resolves.toEqual({ fine: true });
    expect((api.calls[1]?.at ?? 0) - (api.calls[0]?.at ?? 0)).toBeGreaterThan(950);
    api.answer(({ response }) => status(response, 429, 'TooManyRequests', '', { 'retry-after': '60' }));
    await expect(client.request(get)).rejects.toMatchObject({ status: 429, retryAfter: 60 });
    expect(api.calls).toHaveLength(3);
  });

  it('tells what each request cost', async () => {
    const facts: RequestFacts[] = [];
    const client = createApi(api.connection, { onRequest: (one) => facts.push(one) });
    await client.request(get);
    api.answer(({ response }) => response.destroy());
    await failure(client.request(get));
    expect(facts).toMatchObject([
      { method: 'GET', path: pods, status: 200 },
      { method: 'GET', path: pods, status: 0 },
    ]);
  });
});

describe('F37: the gate for writes', () => {
  it('refuses writes, not reads; a view without a gate is free', async () => {
    const client = createApi(api.connection, { mayWrite: () => false });
    await expect(client.request({ method: 'POST', path: pods, body: {} })).rejects.toBeInstanceOf(NotLeading);
    await expect(client.request(get)).resolves.toEqual({ fine: true });
    await expect(createApi(api.connection).request({ method: 'POST', path: pods })).resolves.toEqual({ fine: true });
    expect(api.calls.map((call) => call.method)).toEqual(['GET', 'POST']);
  });

  it('is asked again when the request is about to leave: not leading any more by then, nothing leaves', async () => {
    let asked = 0;
    const client = createApi(api.connection, { mayWrite: () => ++asked === 1 });
    await expect(client.request({ method: 'POST', path: pods, body: {} })).rejects.toBeInstanceOf(NotLeading);
    expect(asked).toBe(2);
    expect(api.calls).toHaveLength(0);
    await expect(client.request(get)).resolves.toEqual({ fine: true });
  });
});

describe('watches', () => {
  it('yield one item per line, wherever the bytes were cut', async () => {
    const text = '{"type":"ADDED","name":"ä"}\n\n{"type":"DELETED"}\n';
    api.answer(({ response }) => {
      const bytes = Buffer.from(text);
      const next = (at: number): void => {
        if (at >= bytes.length) return void response.end();
        response.write(bytes.subarray(at, at + 7));
        setTimeout(next, 1, at + 7);
      };
      next(0);
    });
    const client = createApi(api.connection);
    await expect(collect(client.watch(watching()))).resolves.toEqual([
      { type: 'ADDED', name: 'ä' },
      { type: 'DELETED' },
    ]);
    expect(api.calls[0]?.query).toEqual({ watch: 'true' });
  });

  it('F30: silence ends a watch; each byte begins it anew', async () => {
    api.answer(({ response }) => {
      let left = 4;
      const timer = setInterval(() => {
        left -= 1;
        if (left === 0) clearInterval(timer);
        response.write('{"a":1}\n');
      }, 1_500);
    });
    const seen: unknown[] = [];
    const watch = collect(createApi(api.connection).watch(watching({ silence: 5_000 })), seen);
    await expect(watch).rejects.toThrow('silent for too long');
    expect(seen).toHaveLength(4);
  });

  it('F30: a server that never begins to answer is silent too', async () => {
    api.answer(() => undefined);
    const watch = collect(createApi(api.connection).watch(watching({ silence: 300 })));
    await expect(watch).rejects.toThrow('silent for too long');
  });

  it.each([
    ['no JSON', '{"a":1}\n{"a":\n'],
    ['too long', `{"a":1}\n{"a":"${'x'.repeat(5000)}`],
  ])('a line that is %s is unreadable', async (_what, text) => {
    api.answer(({ response }) => response.write(text));
    const seen: unknown[] = [];
    const watch = collect(createApi(api.connection, { longestLine: 4096 }).watch(watching()), seen);
    await expect(watch).rejects.toBeInstanceOf(ApiUnreadable);
    expect(seen).toEqual([{ a: 1 }]);
  });

  it('F31: refusals and cut connections are errors', async () => {
    const client = createApi(api.connection);
    api.answer(({ response }) => status(response, 410, 'Expired'));
    await expect(collect(client.watch(watching()))).rejects.toMatchObject({ status: 410, reason: 'Expired' });
    api.answer(({ response }) => {
      response.write('{"a":1}\n');
      setTimeout(() => response.socket?.destroy(), 50);
    });
    await expect(collect(client.watch(watching()))).rejects.toBeInstanceOf(ApiUnavailable);
  });

  it('end with the caller’s signal, and leave no connection behind', async () => {
    const controller = new AbortController();
    api.answer(({ response }) => {
      response.write('{"a":1}\n');
      setTimeout(() => controller.abort(), 50);
    });
    await expect(
      collect(createApi(api.connection).watch(watching({ signal: controller.signal }))),
    ).rejects.toBeInstanceOf(ApiUnavailable);
    await expect.poll(() => api.sockets.size).toBe(0);
  });
});

function kubeconfig(to: ScriptedApi, user: unknown, cluster: Record<string, unknown> = {}): string {
  const data = Buffer.from(to.authority.pem).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'first',
    clusters: [
      {
        name: 'here',
        cluster: { server: `https://127.0.0.1:${to.port}`, 'certificate-authority-data': data, ...cluster },
      },
    ],
    users: [{ name: 'me', user }],
    contexts: [
      { name: 'first', context: { cluster: 'here', user: 'me' } },
      { name: 'second', context: { cluster: 'here', user: 'me', namespace: 'team' } },
    ],
  });
}
