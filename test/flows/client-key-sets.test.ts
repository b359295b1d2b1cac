/** Clients that publish their keys (`jwks_uri`): real certificates, a real server, the gate as it runs. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { aClient } from '../support/builders.ts';
import { logTo } from '../support/captured-log.ts';
import { makeAuthority } from '../support/certificates.ts';
import { type Claims, ownClaims, type SigningKey, secondsNow, signed, signingKey } from '../support/client-keys.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { issuer, type TokenAnswer, World } from '../support/world.ts';

const host = 'keys.example.com';
const own = signingKey('ES256', { kid: 'own' });
const strange = signingKey('ES256', { kid: 'own' });
const other = signingKey('ES256', { kid: 'other' });
const machine = aClient('shop.job')
  .machine('unused')
  .with({ scopes: ['orders'], default_scopes: ['orders'], client_secret_digests: [] });
const published = (clientId: string, url: string) =>
  machine.with({ client_id: clientId, token_endpoint_auth_method: 'private_key_jwt', jwks_uri: url }).build();

let sink: TlsSink;
let world: World;
const log: string[] = [];
beforeAll(async () => {
  const authority = await makeAuthority();
  sink = await openTlsSink(await authority.issue({ names: [host, 'inside.example.com'] }));
  const names: Readonly<Record<string, readonly string[]>> = {
    [host]: ['127.0.0.1'],
    'inside.example.com': ['10.0.0.1'],
  };
  world = await World.open({
    counting: true,
    server: { outbound_allowed: ['127.0.0.1/32'] },
    clients: [
      published('shop.job', `https://${host}:${sink.port}/job`),
      published('shop.parallel', `https://${host}:${sink.port}/parallel`),
      published('shop.broken', `https://${host}:${sink.port}/broken`),
      published('shop.inside', `https://inside.example.com:${sink.port}/jwks`),
      published('shop.cost', `https://${host}:${sink.port}/cost`),
      published('shop.flood', `https://${host}:${sink.port}/flood`),
      published('shop.cheap', `https://${host}:${sink.port}/cheap`),
    ],
    options: {
      log: logTo(log),
      seams: { outbound: { ca: authority.pem, resolve: (name) => Promise.resolve(names[name] ?? []) } },
    },
  });
});
afterAll(async () => {
  await world?.stop();
  await sink?.close();
});
afterEach(() => {
  sink.answer = serve(own);
  Object.assign(sink, { requests: 0, connections: 0 });
  log.length = 0;
});

function serve(...keys: SigningKey[]): TlsSink['answer'] {
  return (_request, response) => response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }));
}
async function send(clientId: string, key = own, claims: Claims = {}, header: Claims = {}): Promise<TokenAnswer> {
  const assertion = await signed(key, ownClaims(clientId, issuer, claims), header);
  return world.tokenForm(
    {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    },
    { 'x-forwarded-for': '203.0.113.7' },
  );
}
const refused = { status: 401, body: { error: 'invalid_client', error_description: 'client authentication failed' } };

describe('private_key_jwt by jwks_uri', () => {
  it('parallel requests share one fetch; later ones need none', async () => {
    sink.answer = (request, response) => setTimeout(() => serve(own)(request, response), 100);
    const answers = await Promise.all(Array.from({ length: 20 }, () => send('shop.parallel')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect((await send('shop.parallel')).status).toBe(200);
    expect(sink.requests).toBe(1);
  });

  it.each<[string, () => Promise<TokenAnswer>]>([
    ['an unknown client', () => send('nobody')],
    ['another audience', () => send('shop.cheap', own, { aud: 'https://evil.example' })],
    ['an ended one', () => send('shop.cheap', own, { iat: secondsNow() - 90, exp: secondsNow() - 30 })],
    ['one of another issuer', () => send('shop.cheap', own, { iss: 'x' })],
    ['one without an id', () => send('shop.cheap', own, { jti: undefined })],
    ['one that lives too long', () => send('shop.cheap', own, { exp: secondsNow() + 90_000 })],
    ['one from tomorrow', () => send('shop.cheap', own, { nbf: secondsNow() + 86_400, exp: secondsNow() + 86_460 })],
    ['crit', () => send('shop.cheap', own, {}, { crit: ['b64'], b64: true })],
  ])('nothing is fetched for %s', async (_, ask) => {
    expect((await ask()).status).toBe(401);
    expect(sink.connections).toBe(0);
  });

  it('another key under a published name is refused', async () => {
    expect((await send('shop.job')).status).toBe(200);
    expect(await send('shop.job', strange)).toMatchObject(refused);
    expect(sink.requests).toBeLessThanOrEqual(1);
  });

  it('A58: jku, x5u and jwk of a header lead nowhere', async () => {
    await send('shop.job');
    Object.assign(sink, { requests: 0, connections: 0 });
    sink.answer = serve(strange, other);
    const url = `https://${host}:${sink.port}/evil`;
    for (const header of [{ jku: url }, { x5u: url }, { jwk: strange.jwk }, { jku: url, jwk: strange.jwk }]) {
      expect(await send('shop.job', strange, {}, header)).toMatchObject(refused);
    }
    expect(sink.connections).toBe(0);
  });

  it('F28: a flood of names that are not there calls nobody a second time', async () => {
    sink.answer = serve(own);
    await send('shop.job');
    sink.requests = 0;
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, index) => send('shop.job', signingKey('ES256', { kid: `none-${index}` }))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    // One is due where half a minute has passed since the last, which a machine may need for all that was before.
    expect(sink.requests).toBeLessThanOrEqual(1);
  });

  it('F28, I6: a flood for a client whose keys do not come is shed, and nobody else waits', async () => {
    const held = Promise.withResolvers<void>();
    sink.answer = (request, response) => void held.promise.then(() => serve(own)(request, response));
    let shed = 0;
    const flood = Promise.all(
      Array.from({ length: 100 }, async () => {
        const answer = await send('shop.flood', strange);
        if (answer.status === 503) shed += 1;
        return answer;
      }),
    );
    // While some wait for the keys, the others have their answer.
    await expect.poll(() => shed).toBeGreaterThan(0);
    const other = await send('shop.job');
    held.resolve();
    const answers = await flood;
    expect(other.status).toBe(200);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 503]));
    const [one] = answers.filter(({ status }) => status === 503);
    expect(one?.headers.get('retry-after')).toBe('2');
    expect(one?.body).toMatchObject({ error: 'temporarily_unavailable' });
  });

  it('strangers are not told why keys could not be fetched; the log is', async () => {
    sink.answer = (_request, response) => response.writeHead(302, { location: 'https://127.0.0.1/' }).end();
    expect(await send('shop.broken')).toMatchObject(refused);
    expect(log.join('\n')).toContain('jwks_uri: redirect');
    expect(log.join('\n')).toContain('shop.broken');
  });

  it('F24, A60, A83: a name that leads inside is not called, and no answer or line says where it led', async () => {
    expect(await send('shop.inside')).toMatchObject(refused);
    expect(sink.connections).toBe(0);
    expect(log.join('\n')).toContain('jwks_uri: refused');
    expect(log.join('\n')).not.toContain('10.0.0.1');
  });

  it('costs what other assertions cost; the fetch comes on top once', async () => {
    expect((await send('shop.cost')).status).toBe(200);
    await world.counters.expectCost('client_credentials_private_key', () => send('shop.cost'));
    await world.counters.expectCost('assertion_refused', () => send('shop.cost', strange));
    expect(sink.requests).toBe(1);
  });
});
