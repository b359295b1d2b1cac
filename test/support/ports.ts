import { createServer } from 'node:net';

/**
 * A TCP port on loopback that was free a moment ago, for programs that cannot be asked to choose one themselves. It is below
 * those that the system takes for outgoing connections, so it stays free while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 200; tries += 1) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port between 15000 and 32000');
}
