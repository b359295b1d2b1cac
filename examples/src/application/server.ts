/** The sample application: a web server on loopback that drives each flow and shows every message of it. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastify, { type FastifyInstance } from 'fastify';
import { readCredentials } from './credentials.ts';
import { flowsOf, responseTypesOf } from './flows/begin.ts';
import type { BackchannelCall } from './flows/logout.ts';
import { type Offer, startPage } from './pages/start.ts';
import { mountCallback } from './routes/callback.ts';
import { mountDirectory } from './routes/directory.ts';
import { guard } from './routes/guard.ts';
import { mountBackchannel, mountLogout } from './routes/logout.ts';
import { mountWalks } from './routes/walks.ts';
import { host, ownUrl, page } from './routes/web.ts';
import type { Sandbox } from './sandbox.ts';
import { type Registered, Walks } from './walk.ts';

export interface ApplicationOptions {
  /** Default 0: any free port. */
  readonly port?: number;
  readonly clients: readonly Registered[];
  /** An API that may ask what tokens mean. Left out: applications ask about their own alone. */
  readonly resourceServer?: Registered;
  /** Where the authorization server says that a session is over, which it does over TLS alone. Left out: nowhere. */
  readonly backchannel?: {
    readonly port: number;
    readonly certificatePem: string;
    readonly privateKeyPem: string;
    /** Hears of each call. */
    readonly onCall?: (call: BackchannelCall) => void;
  };
  readonly sandbox?: Sandbox;
  /** More answers as JSON, by path. */
  readonly documents?: Readonly<Record<string, () => Promise<unknown>>>;
}

export interface Application {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  stop(): Promise<void>;
}

/** An answer that came through the browser carries several tokens. */
const limits = { bodyLimit: 64 * 1024, forceCloseConnections: true, requestTimeout: 30_000 } as const;

/** @throws Error when a port is taken (`EADDRINUSE`). */
export async function startApplication(options: ApplicationOptions): Promise<Application> {
  const { clients, resourceServer, sandbox, backchannel, documents = {} } = options;
  const app = fastify(limits);
  const walks = new Walks();
  const style = await readFile(join(import.meta.dirname, 'style.css'));
  guard(app);
  app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(style));
  app.get('/', async (_request, reply) => page(reply, startPage(await offersOf(clients), sandbox)));
  mountWalks(app, { walks, clients, resourceServer });
  mountCallback(app, walks);
  mountLogout(app, walks);
  if (sandbox !== undefined) mountDirectory(app, sandbox);
  for (const [path, document] of Object.entries(documents)) app.get(path, document);
  const second = backchannel === undefined ? undefined : await startBackchannel(walks, backchannel);
  const stop = async () => {
    await second?.close();
    await app.close();
  };
  try {
    await app.listen({ host, port: options.port ?? 0 });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: ownUrl(app), stop };
}

async function startBackchannel(
  walks: Walks,
  { port, certificatePem, privateKeyPem, onCall = () => undefined }: NonNullable<ApplicationOptions['backchannel']>,
): Promise<Pick<FastifyInstance, 'close'>> {
  const app = fastify({ ...limits, https: { cert: certificatePem, key: privateKeyPem, minVersion: 'TLSv1.2' } });
  mountBackchannel(app, walks, onCall);
  await app.listen({ host, port });
  return app;
}

async function offersOf(clients: readonly Registered[]): Promise<readonly Offer[]> {
  return Promise.all(
    clients.map(async (registered): Promise<Offer> => {
      const { key, about, secretFile } = registered;
      try {
        const { clientName, grantTypes } = await readCredentials(secretFile);
        const responseTypes = responseTypesOf(registered, grantTypes);
        return { key, about, name: clientName, flows: flowsOf(grantTypes), responseTypes };
      } catch {
        return { key, about: `Waiting for its Secret, ${secretFile}`, name: key, flows: [], responseTypes: [] };
      }
    }),
  );
}

/** For callers that publish documents at addresses nobody can guess. */
export function unguessablePath(): string {
  return `/${randomBytes(24).toString('base64url')}`;
}
