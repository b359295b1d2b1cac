/**
 * The least that what people do can cost: the product's own statements through its own pool, the signatures of its answers,
 * and pages that are buffers; no client authentication, no directory, no forms, no audit stream, no metrics. A body is a few
 * words: `POST /redeem` takes a code, `/rotate` a refresh token, `/silent` a session, `/sign-in` a name; `/asks` is the page
 * for consent and `/consents` its answer. What comes back is JSON.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import Fastify from 'fastify';
import { ecdsaDerToConcat } from '../../../server/src/keys/der.ts';
import { keepShapeOfTicks } from '../../../server/src/memory.ts';
import { authorizationCodeStore } from '../../../server/src/store/authorization-codes.ts';
import { loginAttemptStore } from '../../../server/src/store/login-attempts.ts';
import { openDatabase } from '../../../server/src/store/open.ts';
import { refreshTokenStore } from '../../../server/src/store/refresh-tokens.ts';
import { sessionStore } from '../../../server/src/store/sessions.ts';
import type { AuditEvent } from '../../../server/src/telemetry/audit.ts';
import { uuidV7 } from '../../../server/src/telemetry/audit-log.ts';
import { newHandle, newId } from '../../../server/src/tokens/handle.ts';
import { sealSuccessor } from '../../../server/src/tokens/successor.ts';
import { challenge } from '../../support/world.ts';
import { codeOfSession, inMemory, signInOf } from '../people.ts';

keepShapeOfTicks();
const { PORT = '0', DATABASE_URL = '', REDIRECT_URI = '' } = process.env;
const database = await openDatabase(DATABASE_URL);
const codes = authorizationCodeStore(database);
const refreshTokens = refreshTokenStore(database);
const sessions = sessionStore(database);
const attempts = loginAttemptStore(database);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

let waiting: (() => void)[] = [];
function signTwice(input: string): Promise<string> {
  return new Promise((resolve) => {
    if (waiting.length === 0) setImmediate(flush);
    waiting.push(() => {
      let out = '';
      for (let count = 0; count < 2; count++) {
        out = ecdsaDerToConcat(sign('sha256', Buffer.from(input), privateKey), 32).toString('base64url');
      }
      resolve(out);
    });
  });
}
function flush(): void {
  const now = waiting;
  waiting = [];
  for (const work of now) work();
}

interface Browser {
  readonly handle: string;
  readonly browser: string;
}

const app = Fastify({ logger: false });
app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body));

/** What is asked in words is answered in JSON; nothing: it was refused. */
function answer(path: string, work: (...words: string[]) => Promise<object | undefined>): void {
  app.post(path, async (request, reply) => {
    const told = await work(...(request.body as string).split(' '));
    if (told === undefined) return reply.code(400).send('{}');
    return reply.header('content-type', 'application/json').send(JSON.stringify(told));
  });
}

const uidOf = (clientId: string): string => `uid-of-${clientId}`;
function auditOf(event: AuditEvent['event'], clientId: string): AuditEvent {
  return { id: uuidV7(), event, outcome: 'success', clientId, clientUid: uidOf(clientId) };
}

answer('/redeem', async (clientId = '', code = '') => {
  const redemption = {
    code,
    clientId,
    clientUid: uidOf(clientId),
    redirectUri: REDIRECT_URI,
    challenge,
    grantLifetime: 7_776_000,
    refreshToken: { token: newHandle(), idle: 1_209_600 },
  };
  const redeemed = await codes.redeem(redemption, auditOf('token.issued', clientId));
  if (redeemed === null) return undefined;
  return { signed: await signTwice(code.repeat(6)), refresh_token: redemption.refreshToken.token };
});

answer('/rotate', async (clientId = '', presented = '') => {
  const state = await refreshTokens.read(presented, clientId, uidOf(clientId));
  if (state === null) return undefined;
  const { scopes, claims, idTokenClaims, asked } = state.grant;
  const successor = newHandle();
  const sealedSuccessor = sealSuccessor(presented, successor);
  const rotation = { presented, successor, sealedSuccessor, idle: 1_209_600, scopes, claims, idTokenClaims, asked };
  if (!(await refreshTokens.rotate(rotation, auditOf('token.refreshed', clientId)))) return undefined;
  return { signed: await signTwice(presented.repeat(6)), refresh_token: successor };
});

async function giveCode(clientId: string, browser: Browser, durability: 'soft' | 'durable') {
  const { session } = await sessions.read({ ...browser, clientUid: uidOf(clientId) });
  if (session === null) return undefined;
  const code = codeOfSession(clientId, session);
  await codes.complete({ code, audit: [auditOf('code.issued', clientId)] }, durability);
  return { code: code.code };
}

answer('/silent', (clientId = '', handle = '', browser = '') => giveCode(clientId, { handle, browser }, 'soft'));
answer('/consents', (clientId = '', handle = '', browser = '') => giveCode(clientId, { handle, browser }, 'durable'));

answer('/sign-in', async (clientId = '', username = '', address = '') => {
  const signIn = signInOf(await inMemory(username));
  const { browser, handle, throttleKey, session } = signIn;
  const asking = { address, limitFactor: 1, throttleKey, subject: session.subject, handle: undefined, browser };
  const { allowed } = await attempts.charge({ ...asking, clientUid: uidOf(clientId) });
  if (!allowed) return undefined;
  const request = { id: newId(), clientUid: uidOf(clientId), sealed: Buffer.alloc(600), lifetime: 600 };
  await sessions.signIn({ ...signIn, request, audit: [auditOf('login.succeeded', clientId)] });
  return { handle, browser, grantId: request.id };
});

const page = Buffer.alloc(4000, 'x');
app.get('/page', (_request, reply) => reply.header('content-type', 'text/html').send(page));
answer('/asks', async (clientId = '', handle = '', browser = '', grantId = '') => {
  const { request } = await sessions.read({ handle, browser, clientUid: uidOf(clientId), grantId });
  return request === null ? undefined : { page: page.toString('latin1') };
});

await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
process.send?.('ready');
