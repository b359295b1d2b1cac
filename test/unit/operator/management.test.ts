import { createConnection } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { type Management, startManagement } from '../../../operator/src/runtime/management.ts';
import { hears } from '../../../operator/src/runtime/silence.ts';

let management: Management | undefined;
afterEach(() => management?.close());

const fine = { leading: () => true, synced: () => true };

async function ask(path: string, method = 'GET') {
  const answer = await fetch(`http://127.0.0.1:${management?.port}${path}`, { method });
  return { status: answer.status, text: await answer.text() };
}

it('answers on loopback unless told otherwise', async () => {
  management = await startManagement({ port: 0, checks: fine });
  expect(management.host).toBe('127.0.0.1');
  await expect(ask('/livez')).resolves.toEqual({ status: 200, text: 'ok\n' });
  await expect(ask('/readyz')).resolves.toEqual({ status: 200, text: 'ok\n' });
});

it.each([
  ['one that waits for the Lease watches nothing, and is ready to take over', {}, true],
  ['everything was heard of within two minutes', { Client: 0, Secret: 120_000 }, true],
  ['a kind has been silent for longer', { Client: 0, Secret: 120_001 }, false],
  ['not everything is listed yet', { Client: undefined, Secret: 0 }, false],
])('an operator: %s', (_, silences, ready) => {
  expect(hears(silences)).toBe(ready);
});

it('readiness names what is not ready, a check that throws among them; liveness asks nobody', async () => {
  const checks = {
    ...fine,
    database: () => false,
    api: (): boolean => {
      throw new Error('secret');
    },
  };
  management = await startManagement({ port: 0, checks });
  await expect(ask('/readyz')).resolves.toEqual({ status: 503, text: 'not ready: database\nnot ready: api\n' });
  await expect(ask('/livez')).resolves.toMatchObject({ status: 200 });
});

it.each([
  ['/', 'GET', 404],
  ['/metrics', 'GET', 404],
  ['/readyz?x', 'GET', 404],
  ['/livez', 'POST', 405],
])('%s by %s is %i', async (path, method, status) => {
  management = await startManagement({ port: 0, checks: fine });
  await expect(ask(path, method)).resolves.toMatchObject({ status });
});

it.each([
  ['as they are', () => Promise.resolve({ type: 'text/plain; version=0.0.4', text: 'up 1\n' }), 200, 'up 1\n'],
  ['or nothing', () => Promise.reject(new Error('secret')), 500, 'the metrics cannot be read\n'],
] as const)('tells metrics where there are some, %s', async (_how, metrics, status, text) => {
  management = await startManagement({ port: 0, checks: fine, metrics });
  await expect(ask('/metrics')).resolves.toEqual({ status, text });
});

it('closes at once, whoever is still connected', async () => {
  management = await startManagement({ port: 0, checks: fine });
  const socket = createConnection(management.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write('GET /livez HTTP/1.1\r\nHost: x\r\n');
  await ask('/livez');
  await management.close();
  await expect(ask('/livez')).rejects.toThrow();
});

it('says when the address is taken', async () => {
  management = await startManagement({ port: 0, checks: fine });
  await expect(startManagement({ port: management.port, checks: fine })).rejects.toThrow('EADDRINUSE');
});
