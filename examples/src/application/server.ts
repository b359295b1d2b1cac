/** The sample application: a web server on loopback that drives each flow and shows every message of it. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { readCredentials } from './credentials.ts';
import {
  askForMachineToken,
  askUserinfo,
  beginWalk,
  exchangeCode,
  prepareAuthorization,
  refresh,
  takeAnswer,
} from './flows.ts';
import { problemPage } from './pages/layout.ts';
import { type Offer, startPage } from './pages/start.ts';
import { walkPage } from './pages/walk.ts';
import { directoryActions, type Sandbox } from './sandbox.ts';
import { type Registered, type Walk, Walks } from './walk.ts';

export interface ApplicationOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  readonly clients: readonly Registered[];
  readonly sandbox?: Sandbox;
  /** More answers as JSON, by path. */
  readonly documents?: Readonly<Record<string, () => Promise<unknown>>>;
}

export interface Application {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  stop(): Promise<void>;
}

const host = '127.0.0.1';
/** Cookies know no port: two of these applications must not take each other's. */
const cookieName = (app: FastifyInstance) => `sample_walk_${ownHost(app).replace(/.*:/, '')}`;

/** @throws Error when the port is taken (`EADDRINUSE`). */
export async function startApplication(options: ApplicationOptions): Promise<Application> {
  const app = fastify({ bodyLimit: 16 * 1024, forceCloseConnections: true, requestTimeout: 30_000 });
  const walks = new Walks();
  const style = await readFile(join(import.meta.dirname, 'style.css'));
  guard(app);
  app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(style));
  app.get('/', async (_request, reply) => page(reply, startPage(await offersOf(options.clients), options.sandbox)));
  mountWalks(app, walks, options.clients);
  if (options.sandbox !== undefined) mountSandbox(app, options.sandbox);
  for (const [path, document] of Object.entries(options.documents ?? {})) app.get(path, document);
  await app.listen({ host, port: options.port ?? 0 });
  return { url: `http://${ownHost(app)}`, stop: () => app.close() };
}

/** As the Host header of a request that was meant for this server names it. */
function ownHost(app: FastifyInstance): string {
  const address = app.server.address();
  return `${host}:${typeof address === 'object' && address !== null ? address.port : 0}`;
}

/**
 * A page elsewhere must neither read this one (DNS rebinding: the Host it was asked for is another) nor press its buttons
 * (a POST from another origin).
 */
function guard(app: FastifyInstance): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(body.toString())),
  );
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
      // With no-referrer, browsers send `Origin: null` from our own forms too.
      'referrer-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
    });
    const own = ownHost(app);
    const foreign = request.method === 'POST' && request.headers.origin !== `http://${own}`;
    if (request.headers.host !== own || foreign) {
      return page(reply.code(403), problemPage('Not from here', 'This page answers to its own address alone.'));
    }
  });
  app.setErrorHandler((error, _request, reply) => {
    const text = error instanceof Error ? error.message : 'It failed.';
    return page(reply.code(500), problemPage('That did not work', text));
  });
  app.setNotFoundHandler((_request, reply) =>
    page(reply.code(404), problemPage('Nothing here', 'Start at the beginning.')),
  );
}

function mountWalks(app: FastifyInstance, walks: Walks, clients: readonly Registered[]): void {
  const authorizationUrls = new WeakMap<Walk, URL>();
  const show = (walk: Walk, reply: FastifyReply) => reply.redirect(`/walks/${walk.id}#latest`, 303);

  app.post('/walks', async (request, reply) => {
    const form = formOf(request);
    const registered = clients.find((one) => one.key === form.get('key'));
    if (registered === undefined) return page(reply.code(404), problemPage('Nothing here', 'No such application.'));
    const walk = await beginWalk(registered);
    walks.add(walk);
    if (walk.flow === 'code') {
      const redirectUri = `http://${ownHost(app)}/callback`;
      authorizationUrls.set(walk, await prepareAuthorization(walk, redirectUri, form.get('prompt') ?? ''));
    } else await askForMachineToken(walk);
    reply.header('set-cookie', `${cookieName(app)}=${walk.id}; HttpOnly; SameSite=Lax; Path=/`);
    return show(walk, reply);
  });

  app.get<{ Params: { id: string } }>('/walks/:id', async (request, reply) => {
    const walk = walks.get(request.params.id);
    if (walk === undefined) return page(reply.code(404), problemPage('Nothing here', 'This walk is over.'));
    return page(
      reply,
      walkPage(walk, walk.answer === undefined && walk.pending ? authorizationUrls.get(walk) : undefined),
    );
  });

  app.get('/callback', async (request, reply) => {
    const walk = walks.get(cookieOf(request, cookieName(app)));
    const url = new URL(request.url, `http://${ownHost(app)}`);
    const state = url.searchParams.get('state');
    if (walk?.pending === undefined || state !== walk.pending.state || walk.answer !== undefined) {
      const text = 'This browser did not ask for that answer, or has had it already.';
      return page(reply.code(400), problemPage('Not asked for', text));
    }
    takeAnswer(walk, url);
    return show(walk, reply);
  });

  const actions = { exchange: exchangeCode, userinfo: askUserinfo, refresh, machine: askForMachineToken };
  for (const [name, perform] of Object.entries(actions)) {
    app.post<{ Params: { id: string } }>(`/walks/:id/${name}`, async (request, reply) => {
      const walk = walks.get(request.params.id);
      if (walk === undefined) return page(reply.code(404), problemPage('Nothing here', 'This walk is over.'));
      await perform(walk);
      return show(walk, reply);
    });
  }
}

function mountSandbox(app: FastifyInstance, sandbox: Sandbox): void {
  app.post('/directory', async (request, reply) => {
    const form = formOf(request);
    const action = directoryActions.find((one) => one === form.get('action'));
    if (action === undefined) return page(reply.code(400), problemPage('Nothing done', 'No such action.'));
    await sandbox.directory.perform(action, form.get('username') ?? '');
    const place = action === 'lock' || action === 'unlock' ? 'people' : 'directory';
    return reply.redirect(`/#${place}`, 303);
  });
}

async function offersOf(clients: readonly Registered[]): Promise<readonly Offer[]> {
  return Promise.all(
    clients.map(async ({ key, about, secretFile }): Promise<Offer> => {
      try {
        const { clientName, grantTypes } = await readCredentials(secretFile);
        return { key, about, name: clientName, flow: grantTypes.includes('authorization_code') ? 'code' : 'machine' };
      } catch {
        return { key, about: `Waiting for its Secret, ${secretFile}`, name: key, flow: 'none' };
      }
    }),
  );
}

function page(reply: FastifyReply, markup: string): FastifyReply {
  return reply.type('text/html; charset=utf-8').send(markup);
}

function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams();
}

function cookieOf(request: FastifyRequest, cookie: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split('; ').map((pair) => pair.split('='));
  return pairs.find(([name]) => name === cookie)?.[1];
}

/** For callers that publish documents at addresses nobody can guess. */
export function unguessablePath(): string {
  return `/${randomBytes(24).toString('base64url')}`;
}
