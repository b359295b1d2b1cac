/** An HTTP proxy before several servers that gives each request, not each connection, to the next one: nothing is sticky. */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RoundRobin {
  readonly url: string;
  /** How many requests each target answered, in the order of the targets. */
  readonly answered: readonly number[];
  /** Requests that were given to the next one, because where they went first nobody listens. */
  readonly passedOn: number;
  /** From now on this target gets none, as an endpoint that was taken away; one that is left at least. */
  leaveOut(target: string): void;
  /** It gets its turns again, or one that is new its first. */
  takeIn(target: string): void;
  close(): Promise<void>;
}

/** Where nobody listens, the next one is asked; a connection that breaks later is broken towards the client too. */
export async function startRoundRobin(first: readonly string[]): Promise<RoundRobin> {
  const targets = [...first];
  const answered = targets.map(() => 0);
  const agent = new Agent({ keepAlive: true });
  const out = new Set<string>();
  let turn = 0;
  let passedOn = 0;

  function next(): number {
    let at = turn++ % targets.length;
    while (out.has(targets[at] ?? '')) at = turn++ % targets.length;
    return at;
  }

  function ask(incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse, triesLeft: number): void {
    const at = next();
    const { hostname, port } = new URL(targets[at] ?? '');
    const { method, url: path, headers } = incoming;
    const onward = request({ agent, hostname, port, method, path, headers }, (response) => {
      answered[at] = (answered[at] ?? 0) + 1;
      outgoing.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.on('error', () => outgoing.destroy());
      response.pipe(outgoing);
    });
    onward.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' && triesLeft > 1) {
        passedOn += 1;
        ask(incoming, body, outgoing, triesLeft - 1);
      } else outgoing.destroy();
    });
    onward.end(body);
  }

  const server = createServer({ maxHeaderSize: 65_536 }, (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => ask(incoming, Buffer.concat(chunks), outgoing, targets.length));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answered,
    get passedOn() {
      return passedOn;
    },
    leaveOut: (target) => {
      if (out.size + 1 < targets.length) out.add(target);
    },
    takeIn: (target) => {
      out.delete(target);
      if (!targets.includes(target)) answered[targets.push(target) - 1] = 0;
    },
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
