/**
 * The least that an answer to client_credentials can cost on this runtime: form, secret, claims, ES256 signature. `SIGN`:
 * `inline` signs where it stands, `batched` signs what one event-loop turn brought together; `stored` signs nothing and
 * stores an opaque token in `DATABASE_URL` by the product's own statement.
 */
import { generateKeyPairSync, hash, randomUUID, sign, timingSafeEqual } from 'node:crypto';
import Fastify from 'fastify';
import { ecdsaDerToConcat } from '../../../server/src/keys/der.ts';
import { accessTokenStore } from '../../../server/src/store/access-tokens.ts';
import { openDatabase } from '../../../server/src/store/open.ts';
import { newHandle } from '../../../server/src/tokens/handle.ts';

const { PORT = '0', CLIENTS = '1000', SIGN = 'batched', DATABASE_URL = '' } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const digests = new Map(
  Array.from({ length: Number(CLIENTS) }, (_, index) => {
    const id = `bench.app-${index}`;
    return [id, hash('sha256', `secret-of-${id}`, 'buffer')] as const;
  }),
);
const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })).toString('base64url');

function signature(input: string): string {
  return ecdsaDerToConcat(sign('sha256', Buffer.from(input), privateKey), 32).toString('base64url');
}

let waiting: { input: string; resolve: (jwt: string) => void }[] = [];
function batched(input: string): Promise<string> {
  return new Promise((resolve) => {
    if (waiting.length === 0) setImmediate(flush);
    waiting.push({ input, resolve });
  });
}
function flush(): void {
  const now = waiting.slice(0, 64);
  waiting = waiting.slice(64);
  for (const { input, resolve } of now) resolve(`${input}.${signature(input)}`);
  if (waiting.length > 0) setImmediate(flush);
}
const inline = (input: string): Promise<string> => Promise.resolve(`${input}.${signature(input)}`);
const signed = SIGN === 'inline' ? inline : batched;
const stored = SIGN === 'stored' ? accessTokenStore(await openDatabase(DATABASE_URL)) : undefined;

function tokenFor(id: string): Promise<string> {
  if (stored !== undefined) {
    const token = newHandle();
    const of = { clientId: id, clientUid: `uid-of-${id}`, scopes: [], audiences: [id], lifetime: 300 };
    return stored.insert({ token, id: randomUUID(), ...of }).then(() => token);
  }
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: issuer, sub: id, aud: id, client_id: id, iat, exp: iat + 300, jti: randomUUID() };
  return signed(`${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`);
}

const app = Fastify({ logger: false });
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
  done(null, body),
);
app.post('/token', async (request, reply) => {
  const form = new URLSearchParams(request.body as string);
  const [id = '', secret = ''] = Buffer.from((request.headers.authorization ?? '').slice(6), 'base64')
    .toString()
    .split(':');
  const digest = digests.get(id);
  const good = digest !== undefined && timingSafeEqual(digest, hash('sha256', secret, 'buffer'));
  if (!good || form.get('grant_type') !== 'client_credentials') return reply.code(401).send('{}');
  const token = await tokenFor(id);
  reply.header('content-type', 'application/json').header('cache-control', 'no-store');
  return reply.send(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 300 }));
});
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
process.send?.('ready');
