/** Ending an HTTP server gracefully: what is in flight or on its way finishes, idle connections go at once. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';
import { atEnd } from './exchange.ts';
import { OpenList } from './open-list.ts';

export interface Drain {
  /**
   * Refuses new connections, closes those without a request in flight, lets the others answer with `Connection: close`.
   * Where a connection has not sent its first request yet, this begins up to {@link firstRequestWithin} later, and what comes
   * until then is answered: the connection was made for a request.
   *
   * @param cap milliseconds after which whatever is still there is cut
   * @param linger milliseconds before any of that in which everything is still answered, with `Connection: close`: whoever
   *   uses a connection learns that it ends with an answer, and not with a request that nobody reads. Default 0; without
   *   any connection there is nobody to wait for.
   */
  close(cap: number, linger?: number): Promise<void>;
}

/** Milliseconds; browsers also make connections that they never use. */
const firstRequestWithin = 2_000;

export function trackConnections(app: FastifyInstance): Drain {
  const sockets = new Set<Socket>();
  const answers = new OpenList<ServerResponse>();
  const handshakes = new Map<string, Socket>();
  const spoken = new WeakSet<Socket>();
  let closing = false;

  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  if (app.server instanceof TlsServer) trackHandshakes(app.server, handshakes, track);
  else app.server.on('connection', track);
  const busy = (): ReadonlySet<Socket> => new Set(Array.from(answers, ({ req }) => req.socket));
  app.server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    spoken.add(socket);
    const answered = answers.add(response);
    atEnd(response, () => {
      answered();
      if (closing && !busy().has(socket)) socket.end();
    });
    if (closing) isLast(response);
  });

  return {
    async close(cap, linger = 0) {
      closing = true;
      for (const response of answers) isLast(response);
      if (linger > 0 && sockets.size + handshakes.size > 0) await sleep(linger);
      const silent = () => handshakes.size > 0 || Array.from(sockets).some((socket) => !spoken.has(socket));
      for (const end = Date.now() + Math.min(cap, firstRequestWithin); silent() && Date.now() < end; ) await sleep(20);
      const closed = app.close();
      for (const socket of handshakes.values()) socket.destroy();
      const inUse = busy();
      for (const socket of sockets) if (!inUse.has(socket)) socket.destroy();
      const cut = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, cap);
      await closed;
      clearTimeout(cut);
    },
  };
}

/** Its connection ends with it. */
function isLast(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}

/** A request's socket is that of TLS, which nothing public ties to the connection below it but its two ends. */
function trackHandshakes(server: TlsServer, handshakes: Map<string, Socket>, track: (socket: Socket) => void): void {
  server.prependListener('connection', (socket: Socket) => {
    const ends = endsOf(socket);
    handshakes.set(ends, socket);
    socket.once('close', () => {
      if (handshakes.get(ends) === socket) handshakes.delete(ends);
    });
  });
  server.prependListener('secureConnection', (socket: Socket) => {
    handshakes.delete(endsOf(socket));
    track(socket);
  });
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
