/** Where the parts of the demo listen on 127.0.0.1. */
import { createServer } from 'node:net';

export const portNames = ['issuer', 'status', 'application', 'backchannel', 'directory'] as const;
export type Ports = Readonly<Record<(typeof portNames)[number], number>>;

/** Those of directory, application and backchannel stand in examples/resources too. */
export const wellKnownPorts: Ports = {
  issuer: 9400,
  status: 9401,
  application: 9500,
  backchannel: 9502,
  directory: 9636,
};

/** A part that cannot listen where it should. */
export class PortTaken extends Error {
  readonly code = 'port_taken';
}

/** @throws PortTaken naming the first one that somebody else has. */
export async function requireFree(ports: Ports): Promise<void> {
  for (const [part, port] of Object.entries(ports)) {
    if ((await tryPort(port)) === undefined) {
      throw new PortTaken(
        `port ${port} (${part}) is in use: is another demo running? Stop it, or run npm run demo -- --free-ports`,
      );
    }
  }
}

/** Different from each other; somebody else may still take one before it is used. */
export async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(portNames.map(() => tryPort(0, true)));
  const [issuer = 0, status = 0, application = 0, backchannel = 0, directory = 0] = servers.map(
    (one) => one?.port ?? 0,
  );
  for (const one of servers) await one?.close();
  return { issuer, status, application, backchannel, directory };
}

interface Held {
  readonly port: number;
  close(): Promise<void>;
}

async function tryPort(port: number, hold = false): Promise<Held | undefined> {
  const server = createServer();
  const address = await new Promise<ReturnType<typeof server.address>>((resolve) => {
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server.address()));
  });
  if (address === null || typeof address === 'string') return undefined;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  if (!hold) await close();
  return { port: address.port, close };
}
