/** The README's first Client with kubectl, typed as it stands: the reader brings a cluster, a database and nothing else. */
import { cp, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allIsGone, type Checkout, copyCheckout, root, type Terminal } from '../demo/checkout.ts';
import { type Block, readMarkdown } from '../demo/markdown.ts';
import { startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';

const ports = [9420, 9421, 9422];

let cluster: TestCluster;
let postgres: TestPostgres;
let checkout: Checkout;
/** What the reader has in every terminal. */
let profile: string;
const running: Terminal[] = [];

beforeAll(async () => {
  [cluster, postgres, checkout] = await Promise.all([
    startCluster({ crds: false }),
    startPostgres('newest'),
    copyCheckout(),
  ]);
  await cp(join(root, 'charts'), join(checkout.folder, 'charts'), { recursive: true });
  profile = [
    `export KUBECONFIG='${cluster.kubeconfig}'`,
    `export PATH='${dirname(cluster.programs.kubectl)}':"$PATH"`,
    `export DATABASE_URL='${await postgres.createDatabase()}'`,
    '',
  ].join('\n');
});

afterAll(async () => {
  await interruptAll();
  await Promise.all([cluster?.stop(), postgres?.stop(), checkout?.remove()]);
});

/** Types a block; what it printed. */
async function type(block: Block, { fails = false } = {}): Promise<string> {
  const terminal = checkout.terminal(`${profile}set -eo pipefail\n${block.text}`);
  expect((await terminal.exited) !== 0, terminal.output).toBe(fails);
  return terminal.output;
}

/** Types a block whose last command goes on. */
function leaveRunning(block: Block): Terminal {
  const terminal = checkout.terminal(`${profile}set -eo pipefail\n${block.text}`);
  running.push(terminal);
  return terminal;
}

async function interruptAll(): Promise<void> {
  const all = running.splice(0);
  for (const terminal of all) terminal.interrupt();
  await Promise.all(all.map(({ exited }) => exited));
}

/** The access tokens that were printed. */
function tokensIn(output: string): ReturnType<typeof decodeJwt>[] {
  return [...output.matchAll(/"access_token":"([^"]+)"/g)].map(([, token = '']) => decodeJwt(token));
}

it('README: install, declare, run, get a token, edit, be refused, delete', async () => {
  const { blocks } = readMarkdown(await readFile(join(root, 'README.md'), 'utf8')).section(
    'Your first Client with kubectl',
  );
  expect(blocks.map(({ language }) => language)).toEqual(['sh', 'sh', 'sh', 'sh', 'sh', 'sh', 'sh', 'text', 'sh']);
  const [install, declare, operate, serve, look, edit, mistake, said, remove] = blocks as [
    Block,
    Block,
    Block,
    Block,
    Block,
    Block,
    Block,
    Block,
    Block,
  ];
  await type(install);
  await type(declare);
  expect(await type({ language: 'sh', text: 'kubectl get nauthera -A' })).toMatch(/report +Unknown +Pending/);

  const operator = leaveRunning(operate);
  const server = leaveRunning(serve);
  const looked = await Promise.race([
    type(look),
    ...[operator, server].map(async (terminal) => {
      const code = await terminal.exited;
      throw new Error(`ended with ${code}:\n${terminal.output}`);
    }),
  ]).catch((error: unknown) => {
    throw new Error(`${String(error)}\noperator:\n${operator.output}\nserver:\n${server.output}`);
  });
  expect(looked).toMatch(/default +client\S*\/report +True +Ready +default\.report +report-oauth2/);
  expect(looked).toMatch(/nauthera-system +authorizationserver\S*\/main +True +Ready +http:\/\/127\.0\.0\.1:9420 +1/);
  const [token, ...more] = tokensIn(looked);
  expect(more).toEqual([]);
  expect(token).toMatchObject({ iss: 'http://127.0.0.1:9420', client_id: 'default.report' });
  expect((token?.exp ?? 0) - (token?.iat ?? 0)).toBe(300);

  // In the terminal of before, where the function is known.
  const credentials = look.text
    .split('\n')
    .filter((line) => line.startsWith('secret()'))
    .join('\n');
  const [edited] = tokensIn(await type({ language: 'sh', text: `${credentials}\n${edit.text}` }));
  expect((edited?.exp ?? 0) - (edited?.iat ?? 0)).toBe(600);
  expect(await type(mistake, { fails: true })).toContain(said.text.trim());

  const kept = await type({
    language: 'sh',
    text: `${credentials}\necho "$(secret client-id):$(secret client-secret) $(secret token-uri)"`,
  });
  const [deleteClient = '', ...rest] = remove.text.split('\n');
  await type({ language: 'sh', text: deleteClient });
  const [basic = '', tokenUri = ''] = kept.trim().split(' ');
  const ask = `curl -sS -u '${basic}' -d grant_type=client_credentials '${tokenUri}'`;
  // A server process hears of it a moment later.
  await expect.poll(() => type({ language: 'sh', text: ask }), { interval: 1000 }).toContain('"invalid_client"');
  for (const end = Date.now() + 120_000; ; await sleep(200)) {
    const { stdout } = await cluster.kubectl(['get', 'secrets', '-n', 'default', '-o', 'name']);
    if (stdout === '') break;
    if (Date.now() > end) throw new Error(`still there: ${stdout}`);
  }
  await type({ language: 'sh', text: rest.join('\n') });
  expect((await cluster.kubectl(['get', 'crds', '-o', 'name'])).stdout).not.toContain('nauthera');
  await interruptAll();
  await allIsGone(ports);
});
