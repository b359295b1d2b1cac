/** Behind proxies: whose word counts for the client's address, and that it counts for nothing else. */
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../server/src/telemetry/log.ts';
import { anOwner, aServer } from '../support/builders.ts';
import { authorizePath, issuer, World, webApp } from '../support/world.ts';

const form = 'application/x-www-form-urlencoded';
const log: Record<string, unknown>[] = [];
let world: World;
let url: string;
beforeAll(async () => {
  world = await World.open({
    clients: [webApp()],
    server: { trusted_proxies: { cidrs: ['127.0.0.1/32'], header: 'x-forwarded-for' } },
    options: {
      log: createLog({
        level: 'debug',
        format: 'json',
        service: 'test',
        version: '0',
        destination: { write: (line) => log.push(JSON.parse(line) as Record<string, unknown>) },
      }),
    },
  });
  url = world.servers[0]?.url ?? '';
});
afterAll(() => world?.stop());

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The peer's address; 127.0.0.1 is a trusted proxy, others of 127/8 are not. */
  readonly from?: string;
}

function ask(path: string, { method = 'GET', headers = {}, body, from = '127.0.0.1' }: Asked = {}) {
  return new Promise<{ status: number; headers: Readonly<Record<string, unknown>>; body: string }>(
    (resolve, reject) => {
      const sent = request(`${url}${path}`, { method, headers, localAddress: from }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
      });
      sent.on('error', reject);
      sent.end(body);
    },
  );
}
const wrong = (headers: Readonly<Record<string, string>>, from?: string) =>
  ask('/token', {
    method: 'POST',
    headers: { ...headers, 'content-type': form, authorization: `Basic ${btoa('shop.web:wrong')}` },
    body: 'grant_type=client_credentials',
    ...(from === undefined ? {} : { from }),
  });
const statuses = async (count: number, ask: () => Promise<{ status: number }>) => {
  const found: number[] = [];
  for (let round = 0; round < count; round += 1) found.push((await ask()).status);
  return found;
};
/**
 * Tried until it is refused: the bucket refills meanwhile, so how many that takes depends on the machine. Fewer than a peer
 * that is not trusted has.
 */
const isLimited = async (ask: () => Promise<{ status: number }>): Promise<boolean> => {
  for (let tries = 0; tries < 400; tries += 50) {
    const answers = await Promise.all(Array.from({ length: 50 }, ask));
    if (answers.some(({ status }) => status === 429)) return true;
  }
  return false;
};

describe('trusted_proxies', () => {
  it('limits per address are those of the client that the proxy names', async () => {
    const one = { 'x-forwarded-for': '198.51.100.1' };
    expect(await isLimited(() => wrong(one))).toBe(true);
    expect((await wrong({ 'x-forwarded-for': '198.51.100.2' })).status).toBe(401);
  });

  it('A49: what the client writes into the header before gives it no more tries', async () => {
    let round = 0;
    const ask = () => wrong({ 'x-forwarded-for': `192.0.2.${round++ % 256}, 198.51.100.3` });
    expect(await isLimited(ask)).toBe(true);
  });

  it('a peer that is not trusted gets 20 times the tries, whatever it says', async () => {
    let round = 0;
    const found = await statuses(60, () => wrong({ 'x-forwarded-for': `192.0.2.${round++}` }, '127.0.0.2'));
    expect(found).not.toContain(429);
    expect(await isLimited(() => wrong({ 'x-forwarded-for': '192.0.2.1' }, '127.0.0.2'))).toBe(true);
  });

  it('the log has the client’s address, and the id that the proxy gave the request', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.9', 'x-request-id': 'edge-0123456789' };
    const answer = await ask('/jwks', { headers });
    expect(answer.headers['x-request-id']).toBe('edge-0123456789');
    expect(log.find((line) => line['request.id'] === 'edge-0123456789')).toMatchObject({
      'client.address': '198.51.100.9',
    });
  });

  it('a stranger’s id and address are not taken', async () => {
    const headers = { 'x-forwarded-for': '198.51.100.9', 'x-request-id': 'mine-0123456789' };
    const answer = await ask('/jwks', { headers, from: '127.0.0.3' });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
    expect(log.find((line) => line['request.id'] === answer.headers['x-request-id'])).toMatchObject({
      'client.address': '127.0.0.3',
    });
  });

  it('F23, A61: of a trusted proxy, too, no header moves a byte', async () => {
    const sets: readonly Readonly<Record<string, string>>[] = [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', 'x-forwarded-port': '81' },
      { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-prefix': '/evil' },
      { forwarded: 'for=203.0.113.9;host=evil.example;proto=http' },
      { 'x-original-url': '/evil', 'x-rewrite-url': '/evil', 'x-real-ip': '127.0.0.1' },
      { 'x-forwarded-client-cert': 'Subject="CN=shop.web"', 'ssl-client-verify': 'SUCCESS' },
    ];
    const comparable = async (path: string, headers: Readonly<Record<string, string>>) => {
      const { status, headers: sent, body } = await ask(path, { headers });
      const kept = Object.entries(sent).filter(([name]) => !['date', 'x-request-id', 'keep-alive'].includes(name));
      return JSON.stringify([status, kept, body]).replaceAll(/[A-Za-z0-9_-]{43,}|[0-9a-f]{32}|[0-9a-f-]{36}/g, '…');
    };
    for (const path of [
      authorizePath(),
      authorizePath({ client_id: 'x' }),
      '/jwks',
      '/.well-known/openid-configuration',
    ]) {
      const plain = await comparable(path, {});
      for (const headers of sets) expect([headers, await comparable(path, headers)]).toEqual([headers, plain]);
    }
  });
});

describe('ClientAddressUnknown', () => {
  const reported = async () => (await world.registry.reports()).some(({ untrustedProxy }) => untrustedProxy);

  it('a replica reports that a proxy is not trusted, until it is', async () => {
    // Far more than what came before.
    await statuses(1000, () => ask('/jwks', { headers: { 'x-forwarded-for': '198.51.100.1' }, from: '127.0.0.4' }));
    await expect.poll(reported).toBe(true);
    const trusted_proxies = { cidrs: ['127.0.0.0/8'], header: 'x-forwarded-for' as const };
    await world.served({
      kind: 'server',
      id: 'self',
      owner: anOwner('server'),
      value: aServer({ issuer, trusted_proxies }),
    });
    await ask('/jwks', { headers: { 'x-forwarded-for': '198.51.100.1' }, from: '127.0.0.4' });
    await expect.poll(reported).toBe(false);
  });
});
