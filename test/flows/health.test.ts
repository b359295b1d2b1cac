/** Health, readiness, and the graceful end. */
import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { start } from '../../server/src/app.ts';
import type { Database } from '../../server/src/store/database.ts';
import { DatabaseUnavailable } from '../../server/src/store/database.ts';
import { namesIn, ownMetricsOf } from '../monitoring/metrics.ts';
import { aClient, aServer } from '../support/builders.ts';
import { openMigratedPglite } from '../support/pglite.ts';
import { RawConnection, rawPost } from '../support/raw-http.ts';
import { keyEncryptionKey, World } from '../support/world.ts';

const machine = aClient('shop.batch').machine('secret-of-shop.batch').build();
let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

const open = async (options: Parameters<typeof World.open>[0] = {}) => {
  world = await World.open({ clients: [machine], ...options });
  const server = world.servers[0];
  if (server === undefined) throw new Error('no server');
  return { world, server };
};
const text = async (url: string) => {
  const response = await fetch(url);
  return [response.status, await response.text()] as const;
};
const credentials = 'grant_type=client_credentials&client_id=shop.batch&client_secret=secret-of-shop.batch';
const basic = `Authorization: Basic ${Buffer.from('shop.batch:secret-of-shop.batch').toString('base64')}`;

describe('health', () => {
  it('is alive, ready, measured, and shows what it was given to show', async () => {
    const { server } = await open({ options: { managementRoutes: { '/status': () => ({ clients: [] }) } } });
    expect(await text(`${server.managementUrl}/livez`)).toEqual([200, 'ok\n']);
    expect(await text(`${server.managementUrl}/readyz`)).toEqual([200, 'ok\n']);
    expect(await text(`${server.managementUrl}/status`)).toEqual([200, '{\n  "clients": []\n}\n']);
    const [, metrics] = await text(`${server.managementUrl}/metrics`);
    expect(metrics).toMatch(/^nauthera_registry_entries\{kind="client"\} 1$/m);
    expect(metrics).toMatch(/^nauthera_signing_keys\{alg="ES256",state="active"\} 1$/m);
    expect(metrics).toMatch(/^nauthera_build_info\{component="server",.*\} 1$/m);
    // What alerts and the dashboard may ask for, each with its name and no other.
    expect(namesIn(metrics)).toEqual(ownMetricsOf('server'));
  });

  it('no label holds a client id, a user or an address', async () => {
    const { world: open_, server } = await open();
    await open_.token({ grant_type: 'client_credentials' }, 'shop.batch');
    await open_.token({ grant_type: 'client_credentials' }, 'shop.batch', 'wrong');
    const [, metrics] = await text(`${server.managementUrl}/metrics`);
    expect(metrics).toMatch(/^nauthera_token_requests_total\{.*outcome="success"\} 1$/m);
    expect(metrics).toMatch(/^nauthera_client_auth_failures_total\{.*reason="wrong_secret"\} 1$/m);
    for (const name of ['shop.batch', '127.0.0.1', 'id.example.com']) expect(metrics).not.toContain(name);
  });

  it('before a server is declared nothing is issued, and it says why', async () => {
    const database = await openMigratedPglite();
    const server = await start({
      database,
      ownsDatabase: true,
      listen: { host: '127.0.0.1', port: 0 },
      management: { host: '127.0.0.1', port: 0 },
      keyEncryptionKeys: [keyEncryptionKey],
      pressure: { maxDelay: Number.POSITIVE_INFINITY },
    });
    try {
      expect((await text(`${server.managementUrl}/livez`))[0]).toBe(200);
      const [status, why] = await text(`${server.managementUrl}/readyz`);
      expect([status, why]).toEqual([503, expect.stringMatching(/registry/)]);
      for (const path of ['/.well-known/openid-configuration', '/jwks', '/authorize']) {
        expect((await text(server.url + path))[0]).toBe(503);
      }
      const response = await fetch(`${server.url}/token`, { method: 'POST', body: new URLSearchParams(credentials) });
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2']);
    } finally {
      await server.stop();
    }
  });

  it('I5: a replica that cannot confirm its registry for 10 s stops issuing; documents go on; it comes back', async () => {
    let down = false;
    const cut = (database: Database): Database => ({
      kind: database.kind,
      kysely: database.kysely,
      run: (statement, values) =>
        down ? Promise.reject(new DatabaseUnavailable('cut')) : database.run(statement, values),
      transaction: (work) => database.transaction(work),
      listen: () => Promise.resolve(null),
      alone: (work) => database.alone(work),
      close: () => database.close(),
    });
    const { world: open_, server } = await open({ options: { seams: { database: cut } } });
    const outcome = async () => (await open_.token({ grant_type: 'client_credentials' }, 'shop.batch')).status;
    const becomes = async (status: number) => {
      for (const deadline = Date.now() + 60_000; (await outcome()) !== status; ) {
        if (Date.now() > deadline) throw new Error(`never ${status}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    expect(await outcome()).toBe(200);
    down = true;
    await becomes(503);
    expect((await text(`${server.managementUrl}/readyz`))[0]).toBe(503);
    expect((await text(`${server.managementUrl}/livez`))[0]).toBe(200);
    expect((await text(`${server.url}/jwks`))[0]).toBe(200);
    down = false;
    await becomes(200);
  });

  it('two servers in one process share nothing', async () => {
    const { server } = await open({ replicas: 2 });
    expect((await text(`${server.managementUrl}/readyz`))[0]).toBe(200);
    expect(world?.servers).toHaveLength(2);
  });

  it('metrics may be registered beside those of others', async () => {
    const metrics = new Registry();
    await open({ options: { metrics } });
    expect(await metrics.metrics()).toContain('nauthera_registry_revision');
  });
});

describe('graceful end', () => {
  it('ends at once when idle, whatever connections are open', async () => {
    const { server } = await open({ options: { limits: { requestTimeout: 600_000, keepAliveTimeout: 600_000 } } });
    const silent = await RawConnection.open(server.url);
    const idle = await RawConnection.open(server.url);
    idle.send('GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n');
    await idle.until('"keys"');
    const began = performance.now();
    await server.stop();
    // Below the cap of 20 s; no time-out could have ended these connections.
    expect(performance.now() - began).toBeLessThan(15_000);
    await Promise.all([silent.closed(), idle.closed()]);
    await expect(RawConnection.open(server.url)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('F42: what is in flight is answered, with Connection: close; ready goes first', async () => {
    const { server } = await open();
    const connection = await RawConnection.open(server.url);
    const request = rawPost('/token', 'grant_type=client_credentials', [basic]);
    connection.send(request.slice(0, -5));
    // The server has the head of the request once it answers another one that was sent later.
    await text(`${server.url}/jwks`);
    await text(`${server.url}/jwks`);
    const stopping = server.stop();
    await expect(text(`${server.managementUrl}/readyz`)).resolves.toEqual([
      503,
      expect.stringContaining('shutting down'),
    ]);
    connection.send(request.slice(-5));
    const answer = await connection.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer.toLowerCase()).toContain('connection: close');
    expect(answer).toContain('access_token');
    await stopping;
  });

  it('may be asked for twice', async () => {
    const { server } = await open();
    await Promise.all([server.stop(), server.stop()]);
  });

  it('a server whose address is taken says so and leaves nothing behind', async () => {
    const { world: open_, server } = await open();
    const { port } = new URL(server.url);
    await expect(
      start({
        database: open_.database,
        listen: { host: '127.0.0.1', port: Number(port) },
        management: { host: '127.0.0.1', port: 0 },
        keyEncryptionKeys: [keyEncryptionKey],
      }),
    ).rejects.toThrow(`--listen 127.0.0.1:${port} is in use: end what listens there, or choose another`);
  });
});

describe('keys', () => {
  const keyRows = (one: World) =>
    one.rows<{ kid: string; algorithm: string; sealed_private_key: Buffer }>(
      'SELECT kid, algorithm, sealed_private_key FROM signing_keys ORDER BY algorithm',
    );

  it('of three replicas that start together one makes each key, and all sign with it', async () => {
    const { world: open_ } = await open({ replicas: 3 });
    expect((await keyRows(open_)).map(({ algorithm }) => algorithm)).toEqual(['ES256', 'RS256']);
    const sets = await Promise.all(open_.servers.map(async ({ url }) => (await text(`${url}/jwks`))[1]));
    expect(
      new Set(
        sets.map((set) =>
          JSON.stringify((JSON.parse(set) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).sort()),
        ),
      ).size,
    ).toBe(1);
    expect(await open_.count('audit', "event = 'key.published'")).toBe(2);
  });

  it('outlive their replicas', async () => {
    const { world: open_ } = await open();
    const before = await keyRows(open_);
    await open_.stopReplicas();
    await open_.startReplicas(1);
    expect(await keyRows(open_)).toEqual(before);
  });

  it('I4: no private key lies in the table in clear text', async () => {
    const { world: open_ } = await open();
    for (const { sealed_private_key: sealed } of await keyRows(open_)) {
      // PKCS #8 names its algorithm: 1.2.840.10045.2.1 or 1.2.840.113549.1.1.1.
      expect(sealed.includes(Buffer.from('2a8648ce3d0201', 'hex'))).toBe(false);
      expect(sealed.includes(Buffer.from('2a864886f70d010101', 'hex'))).toBe(false);
    }
  });

  it('another key-encryption key is noticed and said, and makes no new keys', async () => {
    const { world: open_ } = await open();
    const before = await keyRows(open_);
    const other = await start({
      database: open_.database,
      listen: { host: '127.0.0.1', port: 0 },
      management: { host: '127.0.0.1', port: 0 },
      keyEncryptionKeys: [Buffer.alloc(32, 9)],
    });
    try {
      for (const deadline = Date.now() + 60_000; ; ) {
        const [status, why] = await text(`${other.managementUrl}/readyz`);
        expect(status).toBe(503);
        if (why.includes('key-encryption key')) break;
        if (Date.now() > deadline) throw new Error(`never said: ${why}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      expect(await keyRows(open_)).toEqual(before);
      const reported = async () => (await open_.registry.reports()).map(({ keys }) => keys);
      await expect.poll(reported).toContain('key_encryption_key_mismatch');
    } finally {
      await other.stop();
    }
  });

  it('a replaced key-encryption key reseals what the older one sealed', async () => {
    const newer = Buffer.alloc(32, 8);
    const { world: open_ } = await open();
    const before = await keyRows(open_);
    const replacing = await start({
      database: open_.database,
      listen: { host: '127.0.0.1', port: 0 },
      management: { host: '127.0.0.1', port: 0 },
      keyEncryptionKeys: [newer, keyEncryptionKey],
    });
    await replacing.ready();
    await replacing.stop();
    const after = await keyRows(open_);
    expect(after.map(({ kid }) => kid)).toEqual(before.map(({ kid }) => kid));
    expect(after).not.toEqual(before);
    const replaced = await start({
      database: open_.database,
      listen: { host: '127.0.0.1', port: 0 },
      management: { host: '127.0.0.1', port: 0 },
      keyEncryptionKeys: [newer],
    });
    await replaced.ready();
    await replaced.stop();
  });

  it('I11: the first algorithm of the server signs access tokens', async () => {
    const { signing } = aServer();
    const { world: open_ } = await open({ server: { signing: { ...signing, algorithms: ['RS256', 'ES256'] } } });
    const { body } = await open_.token({ grant_type: 'client_credentials' }, 'shop.batch');
    const [header = ''] = (body.access_token ?? '').split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({ alg: 'RS256', typ: 'at+jwt' });
  });

  it('I11: a due key is published ahead of its use, and the old one signs on', async () => {
    const { world: open_, server } = await open();
    const [ec] = await keyRows(open_);
    await open_.rows(
      `UPDATE signing_keys SET active_from = now() - interval '89 days 12 hours' WHERE algorithm = 'ES256'`,
    );
    const kids = async () => {
      const [, set] = await text(`${server.url}/jwks`);
      return (JSON.parse(set) as { keys: { kid: string; alg: string }[] }).keys
        .filter(({ alg }) => alg === 'ES256')
        .map(({ kid }) => kid);
    };
    for (const deadline = Date.now() + 60_000; (await kids()).length < 2; ) {
      if (Date.now() > deadline) throw new Error('no second key');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(await kids()).toContain(ec?.kid);
    const { body } = await open_.token({ grant_type: 'client_credentials' }, 'shop.batch');
    const [header = ''] = (body.access_token ?? '').split('.');
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({ kid: ec?.kid });
  });

  it('A58: a revoked key leaves the set, and the next one signs', async () => {
    const { world: open_, server } = await open();
    const [ec] = await keyRows(open_);
    await open_.rows('UPDATE signing_keys SET revoked_at = now() WHERE kid = $1', [ec?.kid]);
    for (const deadline = Date.now() + 60_000; ; ) {
      const [, set] = await text(`${server.url}/jwks`);
      const kids = (JSON.parse(set) as { keys: { kid: string; alg: string }[] }).keys.filter(
        ({ alg }) => alg === 'ES256',
      );
      if (kids.length === 1 && kids[0]?.kid !== ec?.kid) break;
      if (Date.now() > deadline) throw new Error(`still published: ${set}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await open_.token({ grant_type: 'client_credentials' }, 'shop.batch')).status).toBe(200);
  });
});
