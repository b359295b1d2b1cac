/**
 * The README's section "In a cluster", typed as it stands (the image is built and loaded as its first block says), and then
 * what the manual says of removing everything: of every kind of object that the cluster knows, none is left.
 */
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../demo/checkout.ts';
import { type Block, readMarkdown } from '../demo/markdown.ts';
import { images } from './images.ts';
import { addedSince, inventory } from './inventory.ts';
import { apply, eventually, get, helm, kubectl } from './kubectl.ts';
import { list, namespace, removeKinds, startDatabase } from './services.ts';
import { type as typed } from './terminal.ts';

const databaseNamespace = 'e2e-database';
let databaseUrl: string;
let folder: string;
let before: readonly string[];

beforeAll(async () => {
  await removeAll();
  await apply(list([namespace(databaseNamespace)]));
  databaseUrl = (await startDatabase(databaseNamespace)).url;
  await kubectl('-n', databaseNamespace, 'wait', '--for=condition=Ready', 'pod/pg-rw', '--timeout=180s');
  folder = await mkdtemp(join(tmpdir(), 'nauthera-quick-start-'));
  await symlink(join(root, 'charts'), join(folder, 'charts'));
  // Each namespace gets some by itself, a moment later.
  await kubectl('-n', databaseNamespace, 'wait', '--for=create', 'configmap/kube-root-ca.crt', '--timeout=180s');
  before = await inventory();
});

afterAll(async () => {
  await removeAll();
  await rm(folder, { recursive: true, force: true });
});

async function removeAll(): Promise<void> {
  await kubectl('delete', 'nclient', 'report', '-n', 'default', '--ignore-not-found', '--timeout=180s').catch(() => '');
  await helm('uninstall', 'nauthera', '--namespace', 'nauthera-system', '--wait', '--ignore-not-found').catch(() => '');
  await kubectl('delete', 'namespace', 'nauthera-system', databaseNamespace, '--ignore-not-found', '--timeout=240s');
  await removeKinds();
}

const type = ({ text }: Block): Promise<string> => typed(text, { folder, environment: { DATABASE_URL: databaseUrl } });

/** The reader's own, and what every namespace has. */
const reader = [
  /^Namespace[/]nauthera-system$/,
  /^Secret[/]nauthera-system[/]database$/,
  /^(?:ServiceAccount[/]nauthera-system[/]default|ConfigMap[/]nauthera-system[/]kube-root-ca[.]crt)$/,
];

/** What the manual says that stays. */
const kept = [
  // The kinds, and what the API server makes of them.
  /^APIService[/]v1alpha1[.]auth[.]nauthera[.]io$/,
  /^CustomResourceDefinition[/][a-z]+[.]auth[.]nauthera[.]io$/,
  /^AuthorizationServer[/]nauthera-system[/]default$/,
  // Pods of the server run on and serve, with all that belongs to them.
  /^(?:Deployment|ServiceAccount|PodDisruptionBudget|NetworkPolicy)[/]nauthera-system[/]default-server$/,
  /^(?:ReplicaSet|Pod)[/]nauthera-system[/]default-server-/,
  /^(?:Job|Pod)[/]nauthera-system[/]default-migrate-/,
  /^(?:Service|EndpointSlice|Endpoints)[/]nauthera-system[/]default(?:-\w+)?$/,
  /^ConfigMap[/]nauthera-system[/]default-ca$/,
  /^Secret[/]nauthera-system[/]default-(?:key-encryption-key|generated-ca|generated-tls)$/,
  /^Lease[/]nauthera-system[/]nauthera-operator$/,
  ...reader,
];

/** Of what has come since the beginning. What goes with its owner goes a moment later. */
async function nothingBut(patterns: readonly RegExp[]): Promise<void> {
  await eventually(async () => {
    const left = (await addedSince(before)).filter((one) => !patterns.some((pattern) => pattern.test(one)));
    expect(left).toEqual([]);
  });
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
  await nothingBut(kept);
  expect(await kubectl('-n', 'nauthera-system', 'get', 'pods', '-o', 'name')).toContain('default-server');
});

it('docs/how-to/uninstall.md, everything else: of every kind that the cluster knows, nothing is left', async () => {
  const { blocks } = readMarkdown(await readFile(join(root, 'docs/how-to/uninstall.md'), 'utf8')).section(
    'Everything else',
  );
  for (const block of blocks) await type(block);
  await nothingBut(reader);
  expect(await kubectl('api-resources', '--api-group=auth.nauthera.io', '-o', 'name')).toBe('');
});
