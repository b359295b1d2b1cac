/** Traces: one span per request and what it consists of, nothing of a secret, and nobody who waits for their receiver. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../server/src/telemetry/log.ts';
import { readTracingSettings, startTracing, type Tracing } from '../../server/src/telemetry/tracing.ts';
import { aServer } from '../support/builders.ts';
import { type ReceivedSpan, SpanReceiver } from '../support/otlp.ts';
import { freePort } from '../support/ports.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { authorize, authorizePath, codeFields, issuer, refreshFields, World } from '../support/world.ts';

const lines: string[] = [];
const log = createLog({
  level: 'debug',
  format: 'json',
  service: 'test',
  version: '1.2.3',
  destination: { write: (line) => lines.push(line) },
});
const lineOf = (message: string): Readonly<Record<string, unknown>> =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>).find(({ msg }) => msg === message) ?? {};

/** Everything is kept: a test of one request in twenty is none. */
function tracingTo(endpoint: string): Promise<Tracing> {
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_TRACES_SAMPLER: 'parentbased_always_on',
  };
  const read = readTracingSettings(environment);
  if (read.outcome !== 'on') throw new Error(JSON.stringify(read));
  return startTracing(read.settings, { service: 'test', version: '1.2.3', pod: 'pod-1', log });
}

const program = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));

interface ServeProcess extends AsyncDisposable {
  output(): string;
  /** Its exit code. */
  stop(): Promise<number | null>;
}

const remoteTrace = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${remoteTrace}-00f067aa0ba902b7-01`;

describe('with an endpoint', () => {
  let receiver: SpanReceiver;
  let world: World;
  const secrets: string[] = ['the-nonce', 'the-state', 'secret-of-shop.web', 'password-of-ada', 'canary'];

  beforeAll(async () => {
    receiver = await SpanReceiver.start();
    vi.stubEnv('OTEL_RESOURCE_ATTRIBUTES', 'service.namespace=shops,service.name=of-attributes');
    vi.stubEnv('OTEL_SERVICE_NAME', 'of-the-environment');
    vi.stubEnv('OTEL_EXPORTER_OTLP_HEADERS', 'x-api-key=key-of-the-receiver');
    const tracing = await tracingTo(receiver.endpoint);
    world = await World.open({ options: { tracing, log } });
    const browser = world.browser();
    const login = await browser.get(authorizePath());
    await browser.submit(login, { username: 'ada', password: 'canary-of-password', 'sign-in': '1' });
    const { code } = await authorize(browser);
    const { body } = await world.token(codeFields(code));
    const { body: second } = await world.token(refreshFields(body.refresh_token));
    await world.token(codeFields('canary-of-code'), 'shop.web', 'canary-of-secret');
    for (const token of [code, body.access_token, body.refresh_token, body.id_token, second.refresh_token])
      secrets.push(token ?? 'missing');
    const { owner } = (await world.registry.get('server', 'self')) ?? {};
    if (owner === undefined) throw new Error('the server is not declared');
    // From a stranger, and then from a proxy that the server trusts.
    await fetch(`${world.urls[0]}/.well-known/openid-configuration`, { headers: { traceparent } });
    const trusted_proxies = { cidrs: ['127.0.0.0/8'], header: 'x-forwarded-for' as const };
    await world.served({ kind: 'server', id: 'self', owner, value: aServer({ issuer, trusted_proxies }), traceparent });
    await fetch(`${world.urls[0]}/jwks`, { headers: { traceparent, 'x-forwarded-for': '203.0.113.9' } });
    await world.fetch(`${issuer}/no-such-page?canary-of-a-query`);
    await world.stop();
    await tracing.stop();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await receiver?.stop();
  });

  const named = (name: string): readonly ReceivedSpan[] => {
    const found = receiver.named(name);
    if (found.length === 0) throw new Error(`no ${name} among ${receiver.spans.map((span) => span.name).join(', ')}`);
    return found;
  };
  const children = (span: ReceivedSpan | undefined): readonly string[] =>
    span === undefined ? [] : receiver.childrenOf(span).map(({ name }) => name);

  it('a token request is one span, and what it did are its children', () => {
    const [first, refreshed] = named('POST /token');
    expect(first).toMatchObject({
      kind: 2,
      parentId: '',
      failed: false,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/token',
        'http.response.status_code': 200,
        'client.address': '127.0.0.1',
        'request.id': expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      },
    });
    expect(children(first)).toEqual(['client.authenticate', 'UPDATE authorization_codes', 'sign', 'sign']);
    expect(children(refreshed)).toEqual(
      expect.arrayContaining(['SELECT refresh_tokens', 'consent.verify', 'UPDATE refresh_tokens', 'sign']),
    );
    expect(named('client.authenticate')[0]?.attributes).toEqual({ 'nauthera.client.id': 'shop.web' });
    expect(named('UPDATE authorization_codes')[0]?.attributes).toEqual({
      'db.system.name': 'postgresql',
      'db.operation.name': 'UPDATE',
      'db.collection.name': 'authorization_codes',
      'db.query.summary': 'code_redeem',
    });
  });

  it('a sign-in asks the directory, and so does the yes, which is verified', () => {
    const signIns = named('POST /login');
    expect(children(signIns[0])).toEqual(
      expect.arrayContaining(['directory.search', 'INSERT login_attempts', 'directory.bind']),
    );
    expect(children(signIns[1])).toEqual(
      expect.arrayContaining(['directory.search', 'directory.bind', 'consent.verify', 'UPDATE sessions']),
    );
    const [bind] = named('directory.bind');
    expect(bind?.attributes).toMatchObject({ 'nauthera.directory': 'shop/people', 'error.type': 'credentials' });
    const yes = receiver.childrenOf(named('POST /consent')[0] as ReceivedSpan);
    const verifying = yes.find(({ name }) => name === 'consent.verify');
    expect(children(verifying)).toEqual(['directory.search']);
  });

  it('what failed says how, and a path that is none has no name', () => {
    expect(named('client.authenticate').at(-1)).toMatchObject({
      failed: true,
      attributes: { 'error.type': 'invalid_client' },
    });
    expect(named('GET')[0]?.attributes).toMatchObject({ 'http.response.status_code': 404 });
  });

  it('nothing of a secret, a code, a state or a query is in what was sent', () => {
    const sent = Buffer.concat(receiver.bodies).toString('latin1');
    expect(sent).toContain('shop.web');
    expect(secrets.filter((secret) => secret === 'missing' || sent.includes(secret))).toEqual([]);
    const known = /^(?:request|http|client|error|nauthera|db)\.|^count$/;
    const names = new Set(receiver.spans.flatMap(({ attributes }) => Object.keys(attributes)));
    expect([...names].filter((name) => !known.test(name))).toEqual([]);
  });

  it('a traceparent of a stranger does not count, that of a trusted proxy is gone on with', () => {
    expect(named('GET /.well-known/openid-configuration').map(({ traceId }) => traceId)).not.toContain(remoteTrace);
    expect(named('GET /jwks')[0]).toMatchObject({ traceId: remoteTrace, parentId: '00f067aa0ba902b7' });
  });

  it('the load of a registration is a trace of its own, linked to the one that wrote it', () => {
    const loads = named('registry.load');
    expect(loads[0]).toMatchObject({ parentId: '', links: [], attributes: { count: 3 } });
    expect(loads.at(-1)).toMatchObject({ links: [`${remoteTrace} 00f067aa0ba902b7`], attributes: { count: 1 } });
    expect(loads.at(-1)?.traceId).not.toBe(remoteTrace);
  });

  it('lines of the log name the span that they belong to, audit lines the trace', () => {
    const spans = receiver.spans.map(({ traceId, spanId }) => `${traceId} ${spanId}`);
    const request = lineOf('request');
    expect(spans).toContain(`${String(request.trace_id)} ${String(request.span_id)}`);
    const failed = lineOf('request failed');
    expect(spans).toContain(`${String(failed.trace_id)} ${String(failed.span_id)}`);
    expect(receiver.spans.map(({ traceId }) => traceId)).toContain(lineOf('audit event').trace_id);
    expect(lineOf('listening')).not.toHaveProperty('trace_id');
  });

  it('the environment names the service and what is sent along', () => {
    expect(receiver.spans[0]?.resource).toEqual({
      'service.name': 'of-the-environment',
      'service.namespace': 'shops',
      'service.version': '1.2.3',
      'k8s.pod.name': 'pod-1',
    });
    expect(receiver.headers[0]).toMatchObject({ 'x-api-key': 'key-of-the-receiver' });
  });
});

it('a receiver that is away hinders no request, is told once, and ends in bounded time', async () => {
  lines.length = 0;
  vi.stubEnv('OTEL_EXPORTER_OTLP_TIMEOUT', '500');
  const tracing = await tracingTo(`http://127.0.0.1:${await freePort()}`);
  await using world = await openWorld(tracing);
  expect((await world.token({ grant_type: 'client_credentials' })).body.error).toBe('unauthorized_client');
  const { code } = await authorize(world.browser());
  expect((await world.token(codeFields(code))).status).toBe(200);
  await Promise.all([tracing.stop(), tracing.stop()]);
  vi.unstubAllEnvs();
  await expect.poll(() => lineOf('spans could not be sent')['error.type']).toBe('ECONNREFUSED');
});

async function openWorld(tracing: Tracing): Promise<World & AsyncDisposable> {
  const world = await World.open({ options: { tracing, log } });
  return Object.assign(world, { [Symbol.asyncDispose]: () => world.stop() });
}

describe('a process', () => {
  let folder: string;
  let postgres: TestPostgres;
  let databaseUrl: string;
  beforeAll(async () => {
    postgres = await startPostgres('newest');
    databaseUrl = await postgres.createDatabase();
    folder = await mkdtemp(join(tmpdir(), 'nauthera-tracing-'));
  });
  afterAll(async () => {
    await postgres?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  // Tells on standard error what is loaded of the library.
  const watching = `import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) {
    if (name.startsWith('@opentelemetry/')) console.error('LOADED ' + name); return next(name, context); } });`;
  const serve = async (name: string, environment: Readonly<Record<string, string>>): Promise<ServeProcess> => {
    const port = await freePort();
    const args = ['--key-file', join(folder, `${name}.key`)];
    const listen = ['--listen', `127.0.0.1:${port}`, '--management', `127.0.0.1:${await freePort()}`];
    const options = `--import data:text/javascript,${encodeURIComponent(watching)}`;
    const child = spawn(process.execPath, [program, 'serve', ...args, ...listen], {
      env: { PATH: process.env.PATH, NAUTHERA_DATABASE: databaseUrl, NODE_OPTIONS: options, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const status = () =>
      fetch(`http://127.0.0.1:${port}/jwks`)
        .then((response) => response.status)
        .catch(() => 0);
    // Nobody declared it: it says so, and that is an answer.
    await until(
      () => `it answers:\n${output.join('')}`,
      async () => (await status()) === 503,
    );
    const stop = (): Promise<number | null> => {
      child.kill('SIGTERM');
      return ended;
    };
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    return { output: () => output.join(''), stop, [Symbol.asyncDispose]: kill };
  };

  it('without an endpoint loads nothing of it', async () => {
    await using server = await serve('plain', { OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'nonsense' });
    expect(await server.stop()).toBe(0);
    expect(server.output()).toContain('listening');
    // The interfaces alone, which the metrics' library asks for.
    const loaded = [...server.output().matchAll(/^LOADED (.*)$/gm)].map(([, name]) => name);
    expect(loaded.filter((name) => name !== '@opentelemetry/api')).toEqual([]);
  });

  it('with an endpoint that takes everything and answers nothing ends all the same', async () => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket.resume().on('error', () => undefined));
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    await using server = await serve('silent', {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_TRACES_SAMPLER: 'always_on',
      // Longer than anybody waits.
      OTEL_EXPORTER_OTLP_TIMEOUT: '3600000',
    });
    expect(server.output()).toContain('LOADED @opentelemetry/sdk-trace');
    expect(await server.stop()).toBe(0);
    expect(sockets.size).toBeGreaterThan(0);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});
