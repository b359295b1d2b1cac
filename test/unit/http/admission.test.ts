import Fastify from 'fastify';
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { admit } from '../../../server/src/http/admission.ts';
import { createErrorReply } from '../../../server/src/http/error-reply.ts';
import { silentLog } from '../../../server/src/telemetry/log.ts';
import { createMetrics } from '../../../server/src/telemetry/metrics.ts';

let app = Fastify();
afterEach(() => app.close());

function serve(change: { high?: boolean; pagesPerMinute?: number; now?: () => number }) {
  app = Fastify();
  app.setErrorHandler(
    createErrorReply({
      renderError: ({ code }) => code,
      deliver: (_response, _request, reply) => void reply.send(''),
      log: silentLog,
      issuer: () => 'https://id.example.com',
    }),
  );
  const { high = false, ...rest } = change;
  admit(app, {
    pressure: { isHigh: () => high, stop: () => undefined },
    metrics: createMetrics(new Registry()),
    ...rest,
  });
  for (const admission of ['token', 'page', 'exempt'] as const) {
    app.get(`/${admission}`, { config: { admission } }, () => 'ok');
  }
  return async (path: string, headers: Readonly<Record<string, string>> = {}, remoteAddress = '192.0.2.1') => {
    const { statusCode, headers: sent } = await app.inject({ url: path, headers, remoteAddress });
    return [statusCode, sent['retry-after']] as const;
  };
}

describe('admission', () => {
  it('F28: a late event loop sheds tokens and pages, never documents', async () => {
    const ask = serve({ high: true });
    expect(await ask('/token')).toEqual([503, '1']);
    expect(await ask('/page')).toEqual([503, '1']);
    expect(await ask('/exempt')).toEqual([200, undefined]);
  });

  it('§5: pages are limited per address, and nothing else is', async () => {
    let now = 0;
    const ask = serve({ pagesPerMinute: 3, now: () => now });
    for (let turn = 0; turn < 3; turn += 1) expect((await ask('/page'))[0]).toBe(200);
    expect(await ask('/page')).toEqual([429, '20']);
    expect((await ask('/page', {}, '192.0.2.2'))[0]).toBe(200);
    expect((await ask('/token'))[0]).toBe(200);
    now += 20_000;
    expect((await ask('/page'))[0]).toBe(200);
  });

  it('a peer that may be a proxy for everybody gets 20 times as many', async () => {
    const ask = serve({ pagesPerMinute: 1, now: () => 0 });
    const proxied = { 'x-forwarded-for': '198.51.100.1' };
    for (let turn = 0; turn < 20; turn += 1) expect((await ask('/page', proxied))[0]).toBe(200);
    expect((await ask('/page', proxied))[0]).toBe(429);
  });
});
