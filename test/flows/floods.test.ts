/**
 * Floods, with the limits of production, on a server process of its own: what strangers send may be refused, shed or cut,
 * but it costs a bounded amount of work and memory, and honest clients are served all the while.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { ownClaims, signed, signingKey } from '../support/client-keys.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { RawConnection, rawPost } from '../support/raw-http.ts';
import { keyFileText, Replica } from '../support/replica.ts';
import { basicOf, type FormAnswer, introspect, postForm } from '../support/tokens.ts';
import { issuer, keyEncryptionKey, World } from '../support/world.ts';

const machine = (id: string) => aClient(id).machine(`secret-of-${id}`);
const own = signingKey('ES256', { kid: 'own' });
const strange = signingKey('ES256', { kid: 'own' });
const clients = [
  ...['shop.honest', 'shop.attacked'].map((id) => machine(id).build()),
  machine('shop.signer').withKeys(own.jwk).build(),
];
const grant = { grant_type: 'client_credentials' };
/** Refused or shed; anything but a mistake of ours. */
const noes = [400, 401, 413, 414, 429, 431, 503];

/** Asks again when it is told to, as clients do: a server that is late sheds, and says for how long. */
async function patiently(ask: () => Promise<FormAnswer>): Promise<FormAnswer> {
  for (const deadline = Date.now() + 120_000; ; await sleep(100)) {
    const answer = await ask();
    if (answer.status !== 503 || Date.now() > deadline) return answer;
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  }
}

const honest = (world: World) => patiently(() => postForm(world, '/token', grant, basicOf('shop.honest')));

/** Asks one thing after another until the flood is over. @returns how often it was served */
async function servedDuring(world: World, flood: Promise<unknown>): Promise<number> {
  let isOver = false;
  const over = flood.finally(() => {
    isOver = true;
  });
  let served = 0;
  while (!isOver) {
    const { status, body } = await honest(world);
    expect(status).toBe(200);
    const about = await patiently(() => introspect(world, String(body['access_token']), 'shop.honest'));
    expect([about.status, about.body['active']]).toEqual([200, true]);
    expect((await fetch(`${world.urls[0]}/jwks`)).status).toBe(200);
    served += 1;
  }
  await over;
  return served;
}

describe('on a process of its own', () => {
  let postgres: TestPostgres;
  let world: World;
  let replica: Replica;
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nauthera-floods-'));
    const keyFile = join(folder, 'key');
    await writeFile(keyFile, keyFileText(keyEncryptionKey), { mode: 0o600 });
    postgres = await startPostgres('newest');
    const databaseUrl = await postgres.createDatabase();
    world = await World.open({ databaseUrl, replicas: 0, clients });
    replica = await Replica.start({ databaseUrl, keyFile });
    world.urls = [replica.url];
  });
  afterAll(async () => {
    await replica?.stop();
    await world?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const metric = async (name: string): Promise<number> => {
    const line = new RegExp(`^${name} (\\S+)$`, 'm').exec(await replica.metrics());
    return Number(line?.[1]);
  };

  it('F27, I6: 2,000 sockets that say nothing, or say it slowly, are cut, and honest clients are served meanwhile', async () => {
    expect((await honest(world)).status).toBe(200);
    const before = await metric('process_resident_memory_bytes');
    const open: RawConnection[] = [];
    for (let lot = 0; lot < 20; lot += 1) {
      open.push(...(await Promise.all(Array.from({ length: 100 }, () => RawConnection.open(replica.url)))));
    }
    const [, headers, body] = [open.slice(0, 1000), open.slice(1000, 1500), open.slice(1500)];
    for (const connection of headers) connection.send('POST /token HTTP/1.1\r\nHost: x\r\n');
    for (const connection of body) connection.send(rawPost('/token', 'x'.repeat(30_000)).slice(0, -29_999));
    const dripping = setInterval(() => {
      for (const connection of headers) connection.send('X: y\r\n');
      for (const connection of body) connection.send('x');
    }, 500);
    const held = metric('process_resident_memory_bytes');
    const closed = Promise.all(open.map((connection) => connection.closed(120_000)));
    const served = await servedDuring(
      world,
      closed.finally(() => clearInterval(dripping)),
    );
    expect(served).toBeGreaterThan(0);
    // An HTTP connection costs tens of kilobytes. Whoever kept what it sends would cost more with each drop.
    expect((await held) - before).toBeLessThan(2000 * 128 * 1024);
    expect((await honest(world)).status).toBe(200);
  }, 240_000);

  it('F26, I6: beside requests that are far over every limit, honest clients are served', async () => {
    const huge = 'x'.repeat(17_000);
    const many = Array.from({ length: 5000 }, (_, at) => `${at.toString(36)}=`).join('&');
    const deep = '['.repeat(2000);
    const requests: readonly (() => Promise<Response>)[] = [
      () => fetch(`${replica.url}/authorize?state=${huge}`, { redirect: 'manual' }),
      () => fetch(`${replica.url}/authorize?claims=${deep}`, { redirect: 'manual' }),
      () => fetch(`${replica.url}/jwks`, { headers: { x: huge, y: huge } }),
      () => fetch(`${replica.url}/token`, { method: 'POST', body: new URLSearchParams(many) }),
      () =>
        fetch(`${replica.url}/token`, { method: 'POST', body: new URLSearchParams({ ...grant, scope: huge + huge }) }),
    ];
    const flood = async () => {
      for (let round = 0; round < 40; round += 1) {
        const answers = await Promise.all([...requests, ...requests].map((send) => send()));
        for (const { status } of answers) expect(noes).toContain(status);
        await Promise.all(answers.map((answer) => answer.arrayBuffer()));
      }
    };
    expect(await servedDuring(world, flood())).toBeGreaterThan(0);
  }, 240_000);

  it('F28, I6: a flood of wrong secrets and assertions is refused, and the same network’s honest clients are served', async () => {
    const flood = async () => {
      for (let round = 0; round < 20; round += 1) {
        const wrong = Array.from({ length: 25 }, async (_, at) => {
          const fields = at % 2 === 0 ? grant : { ...grant, ...(await assertion()) };
          const proof = at % 2 === 0 ? basicOf('shop.attacked', `wrong-${round}-${at}`) : {};
          return postForm(world, '/token', fields, proof);
        });
        for (const { status } of await Promise.all(wrong)) expect(noes).toContain(status);
      }
    };
    expect(await servedDuring(world, flood())).toBeGreaterThan(0);
  }, 240_000);
});

/** Signed with a key that is not the client's. */
const assertion = async () => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: await signed(strange, ownClaims('shop.signer', issuer)),
});

describe('F28: what a flood of wrong proofs costs', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open({ counting: true, clients });
  });
  afterAll(() => world?.stop());

  it.each<[string, () => Promise<FormAnswer>, number]>([
    ['secrets', () => postForm(world, '/token', grant, basicOf('shop.attacked', 'not-the-secret')), 0],
    ['secrets of clients that are not there', () => postForm(world, '/token', grant, basicOf('shop.nobody', 'x')), 0],
    ['assertions', async () => postForm(world, '/token', { ...grant, ...(await assertion()) }), 1],
  ])(
    '%s: of 500 as many are judged as the limit lets through, no other is, and the database hears of none',
    async (_title, send, each) => {
      const { cost, result } = await world.counters.costOf(() => Promise.all(Array.from({ length: 500 }, send)));
      const judged = result.filter(({ status }) => status === 401).length;
      const refused = result.filter(({ status }) => status === 429 || status === 503).length;
      expect(judged + refused).toBe(500);
      expect(judged).toBeGreaterThan(0);
      expect(refused).toBeGreaterThan(0);
      expect(cost).toMatchObject({ statements: 0, rows: 0, signatures: 0, verifications: judged * each });
      expect((await honest(world)).status).toBe(200);
    },
    120_000,
  );
});
