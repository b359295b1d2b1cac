/**
 * The same request with ten times the Clients, and ten times again; and with ten times the grants and their tokens: nothing
 * in its path may depend on how many there are. Random ones each time.
 */
import { among, type Bench, type Options } from './bench.ts';
import { tokenRequest } from './client-credentials.bench.ts';
import { grantsOf } from './granted.ts';
import { requestRow } from './load.ts';
import type { Row, Target } from './measure.ts';
import { People } from './people.ts';
import { rotating } from './refresh.bench.ts';
import { declare, type Stage, serve } from './stage.ts';

async function withClients(stage: Stage, clients: number): Promise<Row> {
  const server = await serve(stage, await declare(stage, { clients }));
  return requestRow({ name: `${clients} Clients`, role: 'ours', server, next: () => tokenRequest(clients) });
}

/** As many sessions, ten times as many grants, each with a refresh token. */
async function withGrants(stage: Stage, { quick }: Options, grants: number): Promise<Row> {
  const clients = quick ? 20 : 1000;
  const declared = await declare(stage, { clients });
  const people = await People.of(stage, declared.databaseUrl, clients, Math.ceil(grants / 10));
  const server = await serve(stage, declared);
  return rotating({ name: `${grants} grants`, role: 'ours', server }, await grantsOf(people, server, grants));
}

/** At most 1.1 × the cost for each ten times as many. */
function perTenfold(what: string, few: number, more: number): Target {
  const tenfolds = Math.log10(more / few);
  return { row: `${more} ${what}`, of: `${few} ${what}`, atLeast: 1.1 ** -tenfolds, gate: 0.8 ** tenfolds };
}

export const growth: Bench = {
  name: 'growth',
  about: 'one client_credentials token for a random client, or one rotation of a random grant, among ever more',
  async prepare(stage, options) {
    const [few, more, most] = options.quick ? [10, 20, 100] : [10, 10_000, 100_000];
    const [grants, moreGrants] = options.quick ? [40, 80] : [1000, 10_000];
    const rows = [
      await withClients(stage, few),
      await withClients(stage, more),
      await withClients(stage, most),
      await withGrants(stage, options, grants),
      await withGrants(stage, options, moreGrants),
    ];
    return {
      rows,
      targets: among(rows, [
        perTenfold('Clients', few, more),
        perTenfold('Clients', more, most),
        perTenfold('grants', grants, moreGrants),
      ]),
    };
  },
};
