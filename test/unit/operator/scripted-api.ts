/** An API server over TLS that answers as a test says, and a pod's ServiceAccount folder that leads to it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type KubernetesConnection } from '../../../operator/src/runtime/kubernetes-client.ts';
import { makeAuthority, type TestAuthority } from '../../support/certificates.ts';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** performance.now() */
  readonly at: number;
  readonly response: ServerResponse;
}

export interface ScriptedApi {
  readonly calls: Call[];
  readonly connection: KubernetesConnection;
  readonly folder: string;
  readonly port: number;
  readonly authority: TestAuthority;
  /** Answers from now on. */
  answer(handle: (call: Call) => void): void;
  /** Connections that are open, to be cut. */
  readonly sockets: ReadonlySet<Socket>;
  close(): Promise<void>;
}

export async function startScriptedApi(handle: (call: Call) => void = notFound): Promise<ScriptedApi> {
  const authority = await makeAuthority();
  const { certificatePem, privateKeyPem } = await authority.issue();
  const calls: Call[] = [];
  const sockets = new Set<Socket>();
  let current = handle;
  // Kept connections stay, however long a test does something else.
  const options = { cert: certificatePem, key: privateKeyPem, keepAliveTimeout: 0 };
  const server = createServer(options, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'https://api');
      const call: Call = {
        method: request.method ?? '',
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        at: performance.now(),
        response,
      };
      calls.push(call);
      current(call);
    });
  });
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), 'nauthera-service-account-'));
  await writeFile(join(folder, 'token'), 'token-one\n');
  await writeFile(join(folder, 'ca.crt'), authority.pem);
  await writeFile(join(folder, 'namespace'), 'auth-system');
  const connection = await connect({
    environment: { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) },
    serviceAccountFolder: folder,
    version: '9.9.9',
  });
  return {
    calls,
    connection,
    folder,
    port,
    authority,
    sockets,
    answer(next) {
      current = next;
    },
    async close() {
      await connection.close();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function json(response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

export function status(
  response: ServerResponse,
  code: number,
  reason: string,
  message = '',
  headers: Record<string, string> = {},
): void {
  json(response, { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code }, code, headers);
}

/** Whatever has been sent arrives and is acted on: so many turns of the event loop, however late they come. */
export async function aMoment(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await sleep(2);
}

function notFound({ response }: Call): void {
  status(response, 404, 'NotFound', 'not found');
}
