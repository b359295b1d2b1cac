/**
 * The least that an answer to client_credentials can cost on this runtime: form, secret, claims, ES256 signature. `SIGN`:
 * `inline` signs where it stands, `batched` signs what one event-loop turn brought together; `stored` signs nothing and
 * stores an opaque token in `DATABASE_URL` by the product's own statement. `POST /introspect` tells of the tokens that it
 * gave: verified, or found by the product's own statement, and remembered once they were.
 */
import { generateKeyPairSync, hash, randomUUID, sign, timingSafeEqual, verify } from 'node:crypto';
import Fastify from 'fastify';
import { LRUCache } from 'lru-cache';
import { ecdsaDerToConcat } from '../../../server/src/keys/der.ts';
import { keepShapeOfTicks } from '../../../server/src/memory.ts';
import { accessTokenStore } from '../../../server/src/store/access-tokens.ts';
import { openDatabase } from '../../../server/src/store/open.ts';
import { presentedTokenStore } from '../../../server/src/store/presented-tokens.ts';
import { newHandle } from '../../../server/src/tokens/handle.ts';

keepShapeOfTicks();
const { PORT = '0', CLIENTS = '1000', SIGN = 'batched', DATABASE_URL = '' } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
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
const database = SIGN === 'stored' ? await openDatabase(DATABASE_URL) : undefined;
const stored = database && accessTokenStore(database);
const presented = database && presentedTokenStore(database);

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

async function claimsOf(token: string): Promise<object | null> {
  if (presented !== undefined) return presented.find(token);
  const [head = '', body = '', signed = ''] = token.split('.');
  const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
  const holds = verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signed, 'base64url'));
  return holds ? (JSON.parse(Buffer.from(body, 'base64url').toString()) as object) : null;
}

/** By digest, as many as the product remembers. */
const seen = new LRUCache<string, string>({ max: 10_000 });
function told(token: string): string | Promise<string> {
  const digest = hash('sha256', token, 'base64url');
  const known = seen.get(digest);
  if (known !== undefined) return known;
  return claimsOf(token).then((claims) => {
    const answer = JSON.stringify({ active: claims !== null, ...claims });
    seen.set(digest, answer);
    return answer;
  });
}

/** Whose name and secret these are. */
function clientOf(authorization = ''): string | undefined {
  const [id = '', secret = ''] = Buffer.from(authorization.slice(6), 'base64').toString().split(':');
  const digest = digests.get(id);
  return digest !== undefined && timingSafeEqual(digest, hash('sha256', secret, 'buffer')) ? id : undefined;
}

const app = Fastify({ logger: false });
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
  done(null, body),
);
app.post('/token', async (request, reply) => {
  const form = new URLSearchParams(request.body as string);
  const id = clientOf(request.headers.authorization);
  if (id === undefined || form.get('grant_type') !== 'client_credentials') return reply.code(401).send('{}');
  const token = await tokenFor(id);
  reply.header('content-type', 'application/json').header('cache-control', 'no-store');
  return reply.send(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 300 }));
});
app.post('/introspect', async (request, reply) => {
  const token = new URLSearchParams(request.body as string).get('token') ?? '';
  if (clientOf(request.headers.authorization) === undefined) return reply.code(401).send('{}');
  reply.header('content-type', 'application/json').header('cache-control', 'no-store');
  const answer = told(token);
  return reply.send(typeof answer === 'string' ? answer : await answer);
});
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
process.send?.('ready');
