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
    busyPage: () => '<p>busy</p>',
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
  it('people read a page, programs JSON', async () => {
    serve({ high: true });
    app.get('/read', { config: { errors: 'page' } }, () => 'ok');
    const page = await app.inject('/read');
    expect([page.statusCode, page.headers['retry-after'], page.headers['content-type'], page.body]).toEqual([
      503,
      '1',
      'text/html; charset=utf-8',
      '<p>busy</p>',
    ]);
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    const answer = await app.inject('/token');
    expect(answer.json<{ error: string }>().error).toBe('temporarily_unavailable');
  });

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
