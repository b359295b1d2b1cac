/** From a file of a resource to the replica that serves it: two traces, and the link between them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../server/src/telemetry/log.ts';
import { auditFields, everyLine, lineFields } from '../../server/src/telemetry/log-fields.ts';
import { logWithin, startTracing, type Tracing } from '../../server/src/telemetry/tracing.ts';
import { root, sourceFiles } from '../rules/sources.ts';
import { type ReceivedSpan, SpanReceiver } from '../support/otlp.ts';
import { aClientFile, aScopeFile, aServerFile, Product, until } from '../support/product.ts';

let receiver: SpanReceiver;
let product: Product;
let tracing: Tracing;
const lines: string[] = [];
const destination = { write: (line: string) => void lines.push(line) };
const log = createLog({ level: 'debug', format: 'json', service: 'test', version: '1', destination });
const open = (service: string): Promise<Tracing> => {
  const settings = { url: `${receiver.endpoint}/v1/traces`, sampler: { parentBased: true, ratio: 1 } };
  return startTracing(settings, { service, version: '1', log });
};
const row = async (kind: string): Promise<{ n: number; traceparent: string | null }> => {
  const [found] = await product.sql<{ n: number; traceparent: string | null }>(
    'SELECT n, traceparent FROM registry WHERE kind = $1',
    [kind],
  );
  if (found === undefined) throw new Error(`no ${kind} is registered`);
  return found;
};

beforeAll(async () => {
  receiver = await SpanReceiver.start();
  tracing = await open('first');
  product = await Product.make();
  await product.write('server.yaml', aServerFile());
  await product.write('scope.yaml', aScopeFile());
  await product.write('client.yaml', aClientFile());
  await product.start({}, { tracing, log: logWithin(log, tracing) });
  await product.untilReason('Client', 'shop', 'batch', 'Ready');
  await product.clientCredentials({ ...(await product.secret('shop', 'batch-oauth2')), 'client-secret': 'x' });
  await product.clientCredentials(await product.secret('shop', 'batch-oauth2'), 'shop:write');
});
afterAll(async () => {
  await product?.end();
  await tracing?.stop();
  await receiver?.stop();
});

describe('a registration', () => {
  const passes = (): readonly ReceivedSpan[] =>
    receiver.named('reconcile Client').filter((span) => span.attributes['nauthera.name'] === 'batch');

  it('carries the trace of the pass that wrote it', async () => {
    expect((await row('client')).traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  it('is not written for a trace: looking again writes nothing, whatever the trace', async () => {
    const all = () => product.sql('SELECT kind, id, n, traceparent FROM registry ORDER BY kind, id');
    const [before, revision] = [await all(), await product.sql('SELECT epoch, n FROM registry_revision')];
    await product.stop();
    await tracing.stop();
    // A start looks at everything again.
    tracing = await open('again');
    await product.start({}, { tracing });
    await until('a pass of this start looked at it', async () =>
      passes().some(({ resource }) => resource['service.name'] === 'again'),
    );
    expect(await all()).toEqual(before);
    expect(await product.sql('SELECT epoch, n FROM registry_revision')).toEqual(revision);
  });

  it('is loaded in a trace that links to it', async () => {
    const { traceparent } = await row('client');
    const [, traceId = '', spanId = ''] = traceparent?.split('-') ?? [];
    await product.stop();
    await tracing.stop();
    const loads = receiver.named('registry.load');
    expect(loads.flatMap(({ links }) => links)).toContain(`${traceId} ${spanId}`);
    const pass = passes().find((span) => span.traceId === traceId);
    expect(pass).toMatchObject({
      parentId: '',
      attributes: {
        'nauthera.kind': 'Client',
        'nauthera.name': 'batch',
        'k8s.namespace.name': 'shop',
        'nauthera.generation': 1,
        'nauthera.uid': expect.any(String) as string,
        'reconcile.id': expect.any(String) as string,
      },
    });
    const parts = pass === undefined ? [] : receiver.childrenOf(pass);
    expect(parts.map(({ name }) => name)).toEqual(['inputs', 'plan', 'apply']);
    expect(parts.at(-1)?.spanId).toBe(spanId);
    // More than one pass looked at it, and one wrote.
    expect(passes().length).toBeGreaterThan(1);
    for (const kind of ['AuthorizationServer', 'Scope'])
      expect(receiver.named(`reconcile ${kind}`).length).toBeGreaterThan(0);
    const sent = Buffer.concat(receiver.bodies).toString('latin1');
    expect(sent).not.toContain((await product.secret('shop', 'batch-oauth2'))['client-secret']);
  });
});

describe('the log of operator and server', () => {
  const read = (): readonly Readonly<Record<string, unknown>>[] =>
    lines.map((line) => JSON.parse(line) as Record<string, unknown>);

  it('has on every line what stands on every line, and nothing that is not on the list', () => {
    expect(read().map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(['listening', 'request', 'request failed', 'audit event', 'stopped']),
    );
    const always = Object.keys(everyLine).filter((name) => name !== 'k8s.pod.name');
    expect(read().filter((line) => always.some((name) => typeof line[name] !== 'string'))).toEqual([]);
    const known = (line: Readonly<Record<string, unknown>>): object =>
      line['audit'] === true ? { ...everyLine, ...auditFields } : { ...everyLine, ...lineFields };
    expect(read().flatMap((line) => Object.keys(line).filter((name) => !(name in known(line))))).toEqual([]);
  });

  it('has messages that are constant: each stands in the sources as it is', () => {
    const sources = [...sourceFiles('server/src'), ...sourceFiles('operator/src')]
      .map((path) => readFileSync(join(root, path), 'utf8'))
      .join('');
    const messages = [...new Set(read().map(({ msg }) => String(msg)))];
    expect(messages.filter((message) => !sources.includes(`'${message}'`))).toEqual([]);
  });

  it('names the span of a request', async () => {
    const request = read().find(({ msg }) => msg === 'request');
    expect(request).toMatchObject({
      logger: 'http',
      'request.id': expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      'http.request.method': 'POST',
      'http.route': '/token',
      'http.response.status_code': 401,
      duration_ms: expect.any(Number) as number,
      'client.address': '127.0.0.1',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      span_id: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
    });
  });
});
