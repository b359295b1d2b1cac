/** The README's section "In a cluster", typed as it stands; the image is built and loaded as its first block says. */
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root, Terminal } from '../demo/checkout.ts';
import { type Block, readMarkdown } from '../demo/markdown.ts';
import { helmProgram, kubePrograms } from '../support/kube-binaries.ts';
import { images } from './images.ts';
import { apply, eventually, get, helm, kubectl } from './kubectl.ts';
import { list, namespace, removeKinds, startDatabase } from './services.ts';

const databaseNamespace = 'e2e-database';
let profile: string;
let folder: string;

beforeAll(async () => {
  await removeAll();
  await apply(list([namespace(databaseNamespace)]));
  const { url } = await startDatabase(databaseNamespace);
  await kubectl('-n', databaseNamespace, 'wait', '--for=condition=Ready', 'pod/pg-rw', '--timeout=180s');
  folder = await mkdtemp(join(tmpdir(), 'nauthera-quick-start-'));
  await symlink(join(root, 'charts'), join(folder, 'charts'));
  profile = [
    `export KUBECONFIG='${process.env.KUBECONFIG}'`,
    `export PATH='${dirname((await kubePrograms()).kubectl)}:${dirname(await helmProgram())}':"$PATH"`,
    `export DATABASE_URL='${url}'`,
    'set -eo pipefail',
    '',
  ].join('\n');
}, 600_000);

afterAll(async () => {
  await removeAll();
  await rm(folder, { recursive: true, force: true });
}, 300_000);

async function removeAll(): Promise<void> {
  await kubectl('delete', 'nclient', 'report', '-n', 'default', '--ignore-not-found', '--timeout=60s').catch(() => '');
  await helm('uninstall', 'nauthera', '--namespace', 'nauthera-system', '--wait', '--ignore-not-found').catch(() => '');
  await kubectl('delete', 'namespace', 'nauthera-system', databaseNamespace, '--ignore-not-found', '--timeout=240s');
  await removeKinds();
}

async function type({ text }: Block): Promise<string> {
  const terminal = new Terminal(`${profile}${text}`, folder);
  expect(await terminal.exited, terminal.output).toBe(0);
  return terminal.output;
}

it('README: install with helm, declare an application, get a token, remove what was made', async () => {
  const { blocks } = readMarkdown(await readFile(join(root, 'README.md'), 'utf8')).section('In a cluster');
  expect(blocks.map(({ language }) => language)).toEqual(['sh', 'sh', 'sh', 'sh', 'sh']);
  const [build, install, declare, fetchToken, remove] = blocks as [Block, Block, Block, Block, Block];
  expect(build.text).toBe(`npm run image\nkind load docker-image ${images.repository}:${images.tag}\n`);

  const installed = await type(install);
  expect(installed).toMatch(/authorizationserver\S*\/default condition met/);
  expect(installed).toContain('Succeeded');
  expect(await type(declare)).toMatch(/client\S*\/report condition met/);

  // curl ends its output without a new line, and kubectl says behind it that the tunnel was closed.
  const [answer = ''] = /\{"access_token":.*?\}/.exec(await type(fetchToken)) ?? [];
  const { access_token: token, ...rest } = JSON.parse(answer) as { readonly access_token: string };
  expect(rest).toMatchObject({ token_type: 'Bearer', expires_in: 300 });
  expect(decodeJwt(token)).toMatchObject({
    iss: 'https://default.nauthera-system.svc',
    client_id: 'default.report',
  });

  await type(remove);
  const { metadata } = await get<{ metadata: { finalizers?: string[] } }>('nauthera-system', 'nas', 'default');
  expect(metadata.finalizers ?? []).toEqual([]);
  await eventually(async () => {
    const left = await kubectl(
      '-n',
      'nauthera-system',
      'get',
      'pods',
      '-l',
      'app.kubernetes.io/component=operator',
      '-o',
      'name',
    );
    expect(left).toBe('');
  });
});
