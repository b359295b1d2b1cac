/** An HTTP proxy before several servers that gives each request, not each connection, to the next one: nothing is sticky. */
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RoundRobin {
  readonly url: string;
  /** How many requests each target answered, in the order of the targets. */
  readonly answered: readonly number[];
  close(): Promise<void>;
}

export async function startRoundRobin(targets: readonly string[]): Promise<RoundRobin> {
  const answered = targets.map(() => 0);
  const agent = new Agent({ keepAlive: true });
  let turn = 0;
  const server = createServer({ maxHeaderSize: 65_536 }, (incoming, outgoing) => {
    const at = turn++ % targets.length;
    const { hostname, port } = new URL(targets[at] ?? '');
    const { method, url: path, headers } = incoming;
    const onward = request({ agent, hostname, port, method, path, headers }, (response) => {
      answered[at] = (answered[at] ?? 0) + 1;
      outgoing.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
