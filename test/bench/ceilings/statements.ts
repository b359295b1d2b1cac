/**
 * The least that a durable exchange can cost: the product's own statement through its own pool, and the signatures of its
 * answer; no client authentication, no parsing, no metrics. `POST /redeem` takes a code, `POST /rotate` a refresh token.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import Fastify from 'fastify';
import { ecdsaDerToConcat } from '../../../server/src/keys/der.ts';
import { authorizationCodeStore } from '../../../server/src/store/authorization-codes.ts';
import { openDatabase } from '../../../server/src/store/open.ts';
import { uuidV7 } from '../../../server/src/telemetry/audit-log.ts';
import { newHandle } from '../../../server/src/tokens/handle.ts';
import { challenge } from '../../support/world.ts';

const { PORT = '0', DATABASE_URL = '', REDIRECT_URI = '' } = process.env;
const codes = authorizationCodeStore(await openDatabase(DATABASE_URL));
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

const app = Fastify({ logger: false });
app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_request, body, done) => done(null, body));
app.post('/redeem', async (request, reply) => {
  const [clientId = '', clientUid = '', code = ''] = (request.body as string).split(' ');
  const redeemed = await codes.redeem(
    {
      code,
      clientId,
      clientUid,
      redirectUri: REDIRECT_URI,
      challenge,
      grantLifetime: 7_776_000,
      refreshToken: { token: newHandle(), idle: 1_209_600 },
    },
    { id: uuidV7(), event: 'token.issued', outcome: 'success', clientId, clientUid, grantType: 'authorization_code' },
  );
  if (redeemed === null) return reply.code(400).send('{}');
  return reply
    .header('content-type', 'application/json')
    .send(JSON.stringify({ signed: await signTwice(code.repeat(6)) }));
});
await app.listen({ host: '127.0.0.1', port: Number(PORT) });
process.once('SIGTERM', () => process.exit(0));
process.send?.('ready');
