/**
 * A first try: one command installs the product with the chart's own Postgres and directory, the commands that helm prints
 * are typed as they stand, the resources of `examples/resources` are applied, and people use their applications.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../demo/checkout.ts';
import { images } from './images.ts';
import { apply, eventually, get, helmOf, inPod, isReady, kubectl } from './kubectl.ts';
import { startProgram } from './programs.ts';
import { list, namespace, removeKinds } from './services.ts';
import { type } from './terminal.ts';

/** Where the server of the examples is, and the teams with their applications. */
const identity = 'identity';
const teams = ['finance', 'harbour', 'orders', 'partners'];
const resources = join(root, 'examples/resources');
const release = ['nauthera', '--namespace', identity] as const;
const address = `ldaps://nauthera-demo-directory.${identity}.svc:3269`;
let folder: string;

beforeAll(async () => {
  await removeAll();
  await apply(list([identity, ...teams].map(namespace)));
  folder = await mkdtemp(join(tmpdir(), 'nauthera-first-try-'));
});

afterAll(async () => {
  await removeAll();
  await rm(folder, { recursive: true, force: true });
});

async function removeAll(): Promise<void> {
  await helmOf(3, 'uninstall', ...release, '--wait', '--ignore-not-found').catch(() => undefined);
  await kubectl('delete', 'namespace', identity, ...teams, '--ignore-not-found', '--timeout=240s');
  await removeKinds();
}

/** The numbered commands at the end of what helm says, without the page for people. */
function commandsOf(said: string): readonly string[] {
  const numbered = said.slice(said.indexOf('\n1. ')).split(/\n4[.] Sign in as |\nDoes the server answer/)[0] ?? '';
  return numbered
    .split(/^\d[.] .*:$/m)
    .slice(1)
    .map((text) => text.trim());
}

describe('a first try', () => {
  it('helm 3 install with demo.enabled, then the three commands that it prints', async () => {
    const chart = join(root, 'charts/nauthera');
    const values = [
      'demo.enabled=true',
      `demo.postgres.image=${images.services}`,
      'authorizationServer.name=demo',
      `image.repository=${images.repository}`,
    ].flatMap((value) => ['--set', value]);
    const said = await helmOf(3, 'install', ...release, chart, ...values, '--wait', '--timeout', '5m');
    expect(said).toMatch(/^WARNING: demo[.]enabled is for a first try/m);
    expect(said).not.toMatch(/WARNING: no (?:database|directory)/);
    const commands = commandsOf(said);
    expect(commands).toHaveLength(3);
    const [waits, declares, asks] = commands as [string, string, string];
    expect(await type(waits, { folder, helm: 3 })).toMatch(/authorizationserver\S*\/demo condition met\n$/);
    expect(await type(declares, { folder, helm: 3 })).toMatch(/client\S*\/first condition met/);
    const [answer = ''] = /\{"access_token":.*?\}/.exec(await type(asks, { folder, helm: 3 })) ?? [];
    const { access_token: token } = JSON.parse(answer) as { readonly access_token: string };
    expect(decodeJwt(token)).toMatchObject({ iss: `https://demo.${identity}.svc`, client_id: `${identity}.first` });
    expect(await helmOf(3, 'test', ...release)).toContain('Succeeded');
    await isReady('nldap/demo', identity);
  });

  it('kubectl apply of examples/resources: everything is Ready', async () => {
    // The demo of the repository has a directory on loopback; here it is the one of the chart, with the rules of the examples.
    await kubectl('-n', identity, 'delete', 'nldap/demo', '--timeout=180s');
    for (const file of await readdir(resources)) {
      const text = await readFile(join(resources, file), 'utf8');
      await apply(
        text
          .replace('ldaps://127.0.0.1:9636', address)
          .replaceAll(/name: directory-(?:ca|password)$/gm, 'name: nauthera-demo-directory'),
      );
    }
    for (const kind of ['authorizationservers', 'ldapbindings', 'scopes', 'clients'])
      await kubectl('wait', kind, '--all', '-A', '--for=condition=Ready', '--timeout=480s');
    const { items } = await get<{ items: unknown[] }>(identity, 'nclient', '-A');
    // Those of the examples, and the one that helm's commands declared.
    expect(items).toHaveLength(11);
  });

  it('people sign in, consent as their groups may, refresh and sign out; a television is allowed to', async () => {
    await startProgram({ namespace: 'orders', name: 'tour', file: 'tour.ts', secret: 'order-desk-oauth2' });
    const ended = () => get<{ status: { phase: string } }>('orders', 'pod', 'tour').then(({ status }) => status.phase);
    await eventually(async () => expect(['Succeeded', 'Failed']).toContain(await ended()), { within: 480_000 });
    const said = await kubectl('-n', 'orders', 'logs', 'tour');
    expect(await ended(), said).toBe('Succeeded');
    const tour = JSON.parse(said) as Record<'ada' | 'alan' | 'television', Record<string, string>>;
    const common = { issuer: `https://demo.${identity}.svc`, refreshed: true, signedOut: 'signed-out' };
    expect(tour.ada).toMatchObject({ ...common, name: 'Ada Lovelace' });
    expect(tour.ada['scope']?.split(' ')).toEqual(expect.arrayContaining(['orders:read', 'orders:write']));
    // Alan is in no group that may let an application change orders: the directory was asked, and said so.
    for (const scope of [tour.alan['scope'], tour.television['scope']]) {
      expect(scope?.split(' ')).toContain('orders:read');
      expect(scope?.split(' ')).not.toContain('orders:write');
    }
    expect(tour.television['page']).toBe('device-done');
  });

  it('the audit log tells which directory verified each consent, by which rule, and what it refused', async () => {
    const { items } = await get<{ items: { metadata: { name: string } }[] }>(
      identity,
      'pods',
      '-l',
      'app.kubernetes.io/component=demo-postgres',
    );
    const columns = `concat_ws(' ', user_name, directory_server, rule, array_to_string(scopes_refused, ','))`;
    const sql = `SELECT ${columns} FROM audit WHERE event = 'consent.given' ORDER BY time`;
    const psql = ['psql', '-h', '/tmp', '-U', 'postgres', '-d', 'nauthera', '-Atc', sql];
    const said = (await inPod(identity, items[0]?.metadata.name ?? '', ...psql)).trim().split('\n');
    expect(said.slice(0, 2)).toEqual([
      `ada ${address} staff-read-orders, finance-write-orders`,
      `alan ${address} staff-read-orders orders:write`,
    ]);
  });
});
