import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatProblem } from '../../../operator/src/sources/documents.ts';
import { FolderSource, type FolderSourceOptions } from '../../../operator/src/sources/folder.ts';
import type { IdentityStore, StoredIdentity } from '../../../operator/src/sources/identities.ts';
import { aClientFile, aSecretFile, aServerFile, until } from '../../support/product.ts';

let base = '';
let folder = '';
const open: FolderSource[] = [];
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'nauthera-source-'));
  folder = join(base, 'resources');
  await mkdir(folder);
});
afterEach(async () => {
  for (const source of open.splice(0)) await source.stop();
  await rm(base, { recursive: true, force: true });
});

/** What the registry keeps, in memory; `fail` makes writes fail. */
class Kept implements IdentityStore {
  readonly rows = new Map<string, StoredIdentity>();
  fail = false;
  #key = ({ kind, namespace, name }: Pick<StoredIdentity, 'kind' | 'namespace' | 'name'>) =>
    `${kind} ${namespace}/${name}`;
  identities = () => Promise.resolve([...this.rows.values()].map((row) => structuredClone(row)));
  putIdentity = (row: StoredIdentity) => {
    if (this.fail) return Promise.reject(new Error('database away'));
    this.rows.set(this.#key(row), JSON.parse(JSON.stringify(row)) as StoredIdentity);
    return Promise.resolve();
  };
  deleteIdentity = (row: Pick<StoredIdentity, 'kind' | 'namespace' | 'name'>) => {
    this.rows.delete(this.#key(row));
    return Promise.resolve();
  };
}

async function aSource(kept: Kept, more: Partial<FolderSourceOptions> = {}) {
  const changes: string[] = [];
  const errors: string[] = [];
  const secrets: string[] = [];
  const source = new FolderSource({
    name: 'test',
    folder,
    except: [join(folder, 'private')],
    identities: kept,
    onSecrets: (found) =>
      secrets.splice(0, secrets.length, ...found.map(({ namespace, name }) => `${namespace}/${name}`)),
    onError: (error) => errors.push(String(error)),
    interval: 200,
    ...more,
  });
  source.watch(({ kind, namespace, name }) => changes.push(`${kind} ${namespace}/${name}`));
  open.push(source);
  await source.start();
  return { source, changes, errors, secrets, client: (name = 'batch') => source.get('Client', 'shop', name) };
}

const put = (file: string, text: string) => writeFile(join(folder, file), text);

describe('folder source', () => {
  it('knows a resource by source, namespace and name, with an id that is kept', async () => {
    const kept = new Kept();
    await put('a.yaml', aClientFile());
    const { source, client } = await aSource(kept);
    const first = await client();
    expect(first).toMatchObject({
      kind: 'Client',
      generation: 1,
      specGeneration: 1,
      refused: undefined,
      deleting: false,
    });
    expect(first?.spec).toMatchObject({ pkce: 'Required' });
    await source.stop();
    await rename(join(folder, 'a.yaml'), join(folder, 'b.yaml'));
    const again = await aSource(kept);
    expect(await again.client()).toMatchObject({ uid: first?.uid, generation: 1, createdAt: first?.createdAt });
  });

  it('is told to the registry before anybody acts on it', async () => {
    const kept = new Kept();
    const { client, changes, errors } = await aSource(kept);
    kept.fail = true;
    await put('a.yaml', aClientFile());
    await until('a failure', () => Promise.resolve(errors.length > 0));
    expect([await client(), changes]).toEqual([undefined, []]);
    kept.fail = false;
    await until('it is there', client);
    expect(changes).toEqual(['Client shop/batch']);
  });

  it('counts generations by content, not by looks', async () => {
    const kept = new Kept();
    await put('a.yaml', aClientFile());
    const { client, changes } = await aSource(kept);
    const generation = async () => (await client())?.generation;
    const next = async (text: string, wanted: (found: Awaited<ReturnType<typeof client>>) => boolean) => {
      await put('a.yaml', text);
      await until('the edit', async () => wanted(await client()));
    };
    const seen = changes.length;
    await put('a.yaml', `# a comment\n${aClientFile()}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([await generation(), changes.length]).toEqual([1, seen]);
    await next(
      aClientFile().replace('name: batch', 'name: batch, labels: {team: red}'),
      (one) => one?.labels.team === 'red',
    );
    expect(await generation()).toBe(1);
    await next(aClientFile('  suspend: true\n'), (one) => one?.spec?.suspend === true);
    expect(await client()).toMatchObject({ generation: 2, specGeneration: 2 });
    await next(aClientFile('  suspend: maybe\n'), (one) => one?.refused !== undefined);
    expect(await client()).toMatchObject({ generation: 3, specGeneration: 2, spec: { suspend: true } });
    expect((await client())?.refused).toMatch(/^a\.yaml:7:3 spec\.suspend: "maybe": must be true or false$/);
    await next(aClientFile(), (one) => one?.refused === undefined);
    expect(await client()).toMatchObject({ generation: 4, specGeneration: 4, spec: { suspend: false } });
  });

  it('a file that is broken at the start holds nothing up: what was accepted is there', async () => {
    const kept = new Kept();
    await put('a.yaml', aClientFile());
    const first = await aSource(kept);
    const before = await first.client();
    await first.source.stop();
    await put('a.yaml', 'kind: [');
    const { source, client } = await aSource(kept);
    expect(await client()).toMatchObject({ uid: before?.uid, spec: before?.spec, deleting: false });
    await new Promise((resolve) => setTimeout(resolve, 5500));
    expect(await client()).toMatchObject({ deleting: false });
    expect(source.problems().map(formatProblem).join('\n')).toContain('nothing counts as deleted because of a.yaml');
  });

  it('deleted is told, and gone once it is released', async () => {
    const kept = new Kept();
    await put('a.yaml', aClientFile());
    await put('server.yaml', aServerFile());
    const { source, client } = await aSource(kept);
    await rm(join(folder, 'a.yaml'));
    const going = await until('deleting', async () => {
      const found = await client();
      return found?.deleting === true ? found : undefined;
    });
    expect(kept.rows.size).toBe(2);
    // It comes back before it is released: the new one waits until the old one is gone.
    await put('a.yaml', aClientFile());
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await client()).toMatchObject({ uid: going.uid, deleting: true });
    await source.release(going);
    const next = await until('another one', client);
    expect([next.uid === going.uid, next.deleting]).toEqual([false, false]);
  });

  it('a deletion that was under way in a crash is finished', async () => {
    const kept = new Kept();
    await put('server.yaml', aServerFile());
    await put('a.yaml', aClientFile());
    const first = await aSource(kept);
    await rm(join(folder, 'a.yaml'));
    await until('deleting', async () => (await first.client())?.deleting === true);
    await first.source.stop();
    expect(await (await aSource(kept)).client()).toMatchObject({ deleting: true });
  });

  it('keeps a status, and loses nothing of it when the database is away for a while', async () => {
    const kept = new Kept();
    await put('a.yaml', aClientFile());
    const { source, client } = await aSource(kept);
    const before = await client();
    if (before === undefined) throw new Error('not there');
    kept.fail = true;
    await source.writeStatus(before, { ...before.status, clientId: 'shop.batch' });
    expect((await client())?.status.clientId).toBe('shop.batch');
    kept.fail = false;
    await source.stop();
    expect((await (await aSource(kept)).client())?.status.clientId).toBe('shop.batch');
  });

  it('takes up the id that a generated Secret outlived', async () => {
    await put('a.yaml', aClientFile());
    const { client } = await aSource(new Kept(), {
      formerUid: (kind, namespace, name) =>
        `${kind} ${namespace}/${name}` === 'Client shop/batch' ? 'former' : undefined,
    });
    expect((await client())?.uid).toBe('former');
  });

  it('reads Secrets, ConfigMaps and labels of Namespaces beside them, and leaves other kinds alone', async () => {
    await mkdir(join(folder, 'private'));
    await put('private/x.yaml', aSecretFile());
    await put(
      'all.yaml',
      [
        aSecretFile(),
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ca, namespace: shop}\ndata: {ca.crt: x}\nbinaryData: {logo.png: iVBORw==}\n',
        'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: red}}\n',
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n',
        'apiVersion: auth.nauthera.io/v1alpha1\nkind: Clent\nmetadata: {name: x}\n',
        'apiVersion: auth.nauthera.io/v1\nkind: Client\nmetadata: {name: x}\n',
        'kind: Client\nmetadata: {name: x}\n',
        'apiVersion: auth.nauthera.io/v1alpha1\nkind: Client\nmetadata: {name: ../x}\n',
      ].join('---\n'),
    );
    const { source, secrets } = await aSource(new Kept());
    expect(secrets).toEqual(['shop/reader']);
    expect(await source.read('shop', 'ca')).toMatchObject({
      data: { 'ca.crt': 'x' },
      binaryData: { 'logo.png': 'iVBORw==' },
    });
    expect(await source.namespaceLabels('shop')).toEqual({ team: 'red', 'kubernetes.io/metadata.name': 'shop' });
    expect(await source.namespaceLabels('other')).toEqual({ 'kubernetes.io/metadata.name': 'other' });
    expect(source.all()).toEqual([]);
    expect(source.problems().map(formatProblem)).toEqual([
      'all.yaml:21:1 kind: "Clent": must be one of AuthorizationServer, Client, Scope, LdapBinding; did you mean Client?',
      'all.yaml:24:1 apiVersion: auth.nauthera.io/v1 is not known: write auth.nauthera.io/v1alpha1',
      'all.yaml:28:1 apiVersion: missing: write apiVersion: auth.nauthera.io/v1alpha1',
      'all.yaml:33:12 metadata.name: "../x": use a-z, 0-9, - and .',
    ]);
  });

  it('A80: a Secret of one look is known before the resources of that look are', async () => {
    const order: string[] = [];
    const kept = new Kept();
    await put('a.yaml', aClientFile());
    await put('b.yaml', aSecretFile());
    const store: IdentityStore = {
      identities: kept.identities,
      deleteIdentity: kept.deleteIdentity,
      putIdentity: (row) => {
        order.push(row.kind);
        return kept.putIdentity(row);
      },
    };
    const source = new FolderSource({
      name: 'test',
      folder,
      except: [],
      identities: store,
      onSecrets: (found) => order.push(...found.map(({ name }) => `Secret ${name}`)),
      onError: (error) => order.push(String(error)),
    });
    open.push(source);
    await source.start();
    expect(order.filter((one, index) => order.indexOf(one) === index)).toEqual(['Secret reader', 'Client']);
  });

  it('A79: what the registry gives back may be anything', async () => {
    const kept = new Kept();
    for (const accepted of [
      null,
      'x',
      [],
      { spec: 7, status: 'y', labels: [1], seen: {} },
      { status: { conditions: 3 } },
    ])
      await kept.putIdentity({
        kind: 'Client',
        namespace: 'shop',
        name: `n${kept.rows.size}`,
        uid: 'u',
        generation: 1,
        accepted,
      });
    await kept.putIdentity({ kind: 'Nonsense', namespace: 'shop', name: 'x', uid: 'u', generation: 1, accepted: {} });
    const { source } = await aSource(kept);
    expect(source.all().map(({ spec, status }) => [spec, status.conditions.length])).toEqual(
      Array.from({ length: 5 }, () => [undefined, 1]),
    );
  });
});
