/**
 * Which scripts of which origins may read answers (CORS, Fetch §3.2). Origins are those that clients registered: a preflight
 * and whatever is answered before the client is known go to an origin of any client, all else to the client's own alone.
 * Cookies are never part of it, and neither pages nor the authorization endpoint are: those are for browsers that navigate.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { endpointPaths } from '../protocol/endpoints.ts';
import type { ClientRegistration } from '../registry/registration.ts';

const documents = 'GET, HEAD';
const methodsOf: ReadonlyMap<string, string> = new Map([
  [endpointPaths.token, 'POST'],
  [endpointPaths.revocation, 'POST'],
  [endpointPaths.deviceAuthorization, 'POST'],
  [endpointPaths.userinfo, 'GET, POST'],
  [endpointPaths.jwks, documents],
  [endpointPaths.openidConfiguration, documents],
  [endpointPaths.authorizationServer, documents],
]);

const allowOrigin = 'access-control-allow-origin';
const exposeHeaders = 'access-control-expose-headers';

/** Seconds that a browser may remember what a preflight said. */
const maxAge = 600;

interface Admitted {
  readonly origin: string;
  readonly reply: FastifyReply;
}

const admitted = new WeakMap<IncomingMessage, Admitted>();

export interface CrossOriginOptions {
  /** Whether any client registered it. */
  readonly isRegistered: (origin: string) => boolean;
}

/** Before all other hooks, so that scripts can read a refusal as well. */
export function admitOrigins(app: FastifyInstance, { isRegistered }: CrossOriginOptions): void {
  app.addHook('onRequest', (request, reply, done) => {
    const methods = methodsOf.get(pathOf(request));
    if (methods === undefined) return done();
    // Whatever is answered now, a cache must not give it to another origin.
    reply.header('vary', 'Origin');
    const { origin } = request.headers;
    // Sandboxed frames and local files all call themselves null.
    if (origin === undefined || origin === 'null' || !isRegistered(origin)) return done();
    reply.header(allowOrigin, origin).header(exposeHeaders, 'www-authenticate, retry-after');
    if (isPreflight(request)) return void answerPreflight(reply, methods);
    admitted.set(request.raw, { origin, reply });
    done();
  });
}

/** From here on the answer is this client's: an origin that it did not register reads nothing of it. */
export function narrowOrigin(request: IncomingMessage, { allowed_origins: own = [] }: Allowing): void {
  const held = admitted.get(request);
  if (held === undefined || own.includes(held.origin)) return;
  held.reply.removeHeader(allowOrigin);
  held.reply.removeHeader(exposeHeaders);
}

type Allowing = Pick<ClientRegistration, 'allowed_origins'>;

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

function answerPreflight(reply: FastifyReply, methods: string): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': methods,
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': String(maxAge),
    })
    .removeHeader(exposeHeaders)
    .send();
}

/** As routed: without the issuer's path. */
function pathOf({ raw }: FastifyRequest): string {
  const target = raw.url ?? '';
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}
