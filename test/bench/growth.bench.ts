/** The same request with ten times the Clients, and ten times again: nothing in its path may depend on how many there are. */
import { among, type Bench } from './bench.ts';
import { random, requestRow } from './load.ts';
import { basic, clientIdOf, declare, serve } from './stage.ts';

export const growth: Bench = {
  name: 'growth',
  about: 'one client_credentials token for a random client among ever more',
  async prepare(stage, { quick }) {
    const sizes = quick ? [10, 100] : [10, 10_000, 100_000];
    const rows = [];
    for (const clients of sizes) {
      const server = await serve(stage, await declare(stage, { clients }));
      rows.push(
        requestRow({
          name: `${clients} Clients`,
          role: 'ours',
          server,
          next: () => ({
            method: 'POST',
            path: '/token',
            headers: {
              authorization: basic(clientIdOf(random(clients))),
              'content-type': 'application/x-www-form-urlencoded',
            },
            body: 'grant_type=client_credentials',
          }),
        }),
      );
    }
    const [few = 0, more = 0, most = more] = sizes;
    return {
      rows,
      targets: among(rows, [
        { row: `${more} Clients`, of: `${few} Clients`, atLeast: 0.9, gate: 0.8 },
        ...(most === more ? [] : [{ row: `${most} Clients`, of: `${more} Clients`, atLeast: 0.9, gate: 0.8 }]),
      ]),
    };
  },
};
