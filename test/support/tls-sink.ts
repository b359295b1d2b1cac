/** An HTTPS server that counts who comes, and answers as a test says. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { ServingCertificate } from './certificates.ts';

export interface TlsSink {
  readonly port: number;
  /** TCP connections that were ever accepted. */
  connections: number;
  /** Requests whose headers arrived. */
  requests: number;
  /** Names that clients asked for in TLS. */
  readonly serverNames: string[];
  /** Answers from now on. */
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  /** Most requests that were ever open at once. */
  mostAtOnce: number;
  close(): Promise<void>;
}

export async function openTlsSink({ certificatePem, privateKeyPem }: ServingCertificate): Promise<TlsSink> {
  let open = 0;
  const server = createServer({ cert: certificatePem, key: privateKeyPem }, (request, response) => {
    sink.requests += 1;
    open += 1;
    sink.mostAtOnce = Math.max(sink.mostAtOnce, open);
    response.once('close', () => {
      open -= 1;
    });
    sink.answer(request, response);
  });
  const sink: TlsSink = {
    port: 0,
    connections: 0,
    requests: 0,
    serverNames: [],
    mostAtOnce: 0,
    answer: (_request, response) => response.end('hello'),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', () => {
    sink.connections += 1;
  });
  server.on('secureConnection', (socket) => {
    if (typeof socket.servername === 'string') sink.serverNames.push(socket.servername);
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(sink, { port: (server.address() as AddressInfo).port });
}
