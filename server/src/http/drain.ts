/** Ending an HTTP server gracefully: what is in flight finishes, idle connections go at once. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

export interface Drain {
  /**
   * Refuses new connections, closes those without a request in flight (also such that never sent one, which the runtime
   * would wait for), lets the others answer with `Connection: close`.
   *
   * @param cap milliseconds after which whatever is still there is cut
   */
  close(cap: number): Promise<void>;
}

export function trackConnections(app: FastifyInstance): Drain {
  const inFlight = new Map<Socket, number>();
  let closing = false;

  app.server.on('connection', (socket: Socket) => {
    inFlight.set(socket, 0);
    socket.once('close', () => inFlight.delete(socket));
  });
  app.server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    inFlight.set(socket, (inFlight.get(socket) ?? 0) + 1);
    response.once('close', () => {
      const left = (inFlight.get(socket) ?? 1) - 1;
      if (inFlight.has(socket)) inFlight.set(socket, left);
      if (closing && left === 0) socket.end();
    });
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (closing) reply.header('connection', 'close');
    done(null, payload);
  });

  return {
    async close(cap) {
      closing = true;
      const closed = app.close();
      for (const [socket, requests] of inFlight) if (requests === 0) socket.destroy();
      const cut = setTimeout(() => {
        for (const socket of inFlight.keys()) socket.destroy();
      }, cap);
      await closed;
      clearTimeout(cut);
    },
  };
}
