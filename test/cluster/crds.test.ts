import { execFile } from 'node:child_process';
import { mkdtemp, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kindNames, kinds } from '@nauthera/crds';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type AnyObject, objectsOf, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { manifest } from '../unit/crds/builders.ts';
import { mistakes } from './crds-verdicts.ts';

const root = join(import.meta.dirname, '../..');
const crds = join(root, 'crds');
const group = 'auth.nauthera.io';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startCluster({ crds: false });
  // What a user does, word by word.
  const files = (await crdFiles()).flatMap((file) => ['-f', file]);
  expect(await cluster.kubectl(['apply', ...files])).toMatchObject({ code: 0, stderr: '' });
  const waited = await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=180s']);
  expect(waited).toMatchObject({ code: 0 });
});
afterAll(() => cluster.stop());

const crdFiles = async () =>
  (await readdir(crds)).filter((name) => name.endsWith('.yaml')).map((name) => join(crds, name));

async function json(...args: readonly string[]): Promise<AnyObject> {
  const { stdout, stderr, code } = await cluster.kubectl([...args, '-o', 'json']);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as AnyObject;
}

/** The smallest resource of a kind, as YAML, with a name and perhaps more. */
const smallest = (kind: (typeof kindNames)[number], name: string, spec: Readonly<AnyObject> = {}) =>
  stringify(manifest(kind, spec, { name }));

/** The cells of what `kubectl get` prints, by its headings. */
function cells(table: string): readonly Record<string, string>[] {
  const [head = '', ...rows] = table.trimEnd().split('\n');
  const starts = [...head.matchAll(/\S+( \S+)*/g)].map(({ index, 0: name }) => ({ index, name }));
  return rows.map((row) =>
    Object.fromEntries(
      starts.map(({ index, name }, at) => [name, row.slice(index, starts[at + 1]?.index).trim()] as const),
    ),
  );
}

describe('the four CRDs on a real API server', () => {
  it('are established, and nothing in them is ignored or warned about', async () => {
    const { items } = await json('get', 'crd');
    const found = (items as AnyObject[]).map(({ metadata, status }) => ({
      name: metadata.name as string,
      conditions: (status.conditions as AnyObject[]).map(({ type, status: value }) => `${type}=${value}`).sort(),
    }));
    expect(found).toEqual(
      kindNames
        .map((kind) => ({
          name: `${kinds[kind].plural}.${group}`,
          conditions: ['Established=True', 'NamesAccepted=True'],
        }))
        .sort((one, other) => one.name.localeCompare(other.name)),
    );
    for (const file of await crdFiles()) {
      const strict = await cluster.kubectl(['apply', '--dry-run=server', '--validate=strict', '-f', file]);
      expect(strict).toMatchObject({ code: 0, stderr: '' });
    }
  });

  it('fit into an annotation, as apply from the client needs it, and both ways of apply agree', async () => {
    for (const file of await crdFiles()) {
      expect((await stat(file)).size).toBeLessThan(200 * 1024);
      expect((await cluster.kubectl(['apply', '-f', file])).stdout).toContain('unchanged');
      expect(await cluster.kubectl(['diff', '-f', file])).toMatchObject({ code: 0, stdout: '' });
      const applied = await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', file]);
      expect(applied).toMatchObject({ code: 0 });
      expect(await cluster.kubectl(['diff', '--server-side', '--force-conflicts', '-f', file])).toMatchObject({
        code: 0,
      });
    }
  });

  it('have their short names, their category, and the marks by which others find them', async () => {
    const listed = await cluster.kubectl(['api-resources', '--categories=nauthera', '--no-headers']);
    expect(
      listed.stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/\s+/)),
    ).toEqual([
      ['authorizationservers', 'nas', `${group}/v1alpha1`, 'true', 'AuthorizationServer'],
      ['clients', 'nclient', `${group}/v1alpha1`, 'true', 'Client'],
      ['ldapbindings', 'nldap', `${group}/v1alpha1`, 'true', 'LdapBinding'],
      ['scopes', 'nscope', `${group}/v1alpha1`, 'true', 'Scope'],
    ]);
    const { items } = await json('get', 'crd');
    for (const { metadata } of items as AnyObject[])
      expect(metadata.annotations[`${group}/bundle-version`]).toMatch(/^\d+\.\d+\.\d+/);
    const provisioned = await cluster.kubectl([
      'get',
      'crd',
      '-l',
      'servicebinding.io/provisioned-service=true',
      '-o',
      'name',
    ]);
    expect(provisioned.stdout.trim()).toBe(`customresourcedefinition.apiextensions.k8s.io/clients.${group}`);
  });
});

const ready = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'Served by 3 replicas',
  observedGeneration: 1,
  lastTransitionTime: '2030-01-31T12:00:00Z',
};

describe('kubectl get', () => {
  const shown: readonly [
    kind: (typeof kindNames)[number],
    spec: AnyObject,
    status: AnyObject,
    narrow: AnyObject,
    wide: AnyObject,
  ][] = [
    [
      'AuthorizationServer',
      {},
      { issuer: 'https://id.example.com', readyReplicas: 3, version: '0.1.0' },
      { ISSUER: 'https://id.example.com', REPLICAS: '3' },
      { VERSION: '0.1.0' },
    ],
    [
      'Client',
      {},
      { clientId: 'shop.one', binding: { name: 'one-oauth2' }, authorizationServer: 'identity/default' },
      { 'CLIENT ID': 'shop.one', SECRET: 'one-oauth2' },
      { SERVER: 'identity/default', GRANTS: '["authorization_code"]' },
    ],
    [
      'Scope',
      {},
      { name: 'orders:read', authorizationServer: 'identity/default' },
      { SCOPE: 'orders:read', CONSENT: 'Required' },
      { SERVER: 'identity/default' },
    ],
    [
      'LdapBinding',
      {},
      { activeServer: 'ldaps://ldap.example.com' },
      { ACTIVE: 'ldaps://ldap.example.com', VENDOR: 'OpenLDAP' },
      { BASE: 'ou=people,dc=example,dc=com' },
    ],
  ];

  it.each(shown)('%s: the columns, and more of them with -o wide', async (kind, spec, status, narrow, wide) => {
    const namespace = await cluster.namespace();
    const { shortName } = kinds[kind];
    await cluster.apply(smallest(kind, 'one', spec), { namespace });
    const fresh = await cluster.kubectl(['get', shortName], { namespace });
    expect(cells(fresh.stdout)[0]).toMatchObject({ NAME: 'one', READY: 'Unknown', REASON: 'Pending' });
    const patch = JSON.stringify({ status: { ...status, observedGeneration: 1, conditions: [ready] } });
    const patched = await cluster.kubectl(
      ['patch', `${shortName}/one`, '--subresource=status', '--type=merge', '-p', patch],
      { namespace },
    );
    expect(patched).toMatchObject({ code: 0 });
    const [row = {}] = cells((await cluster.kubectl(['get', shortName], { namespace })).stdout);
    const { AGE, ...cellsOfRow } = row;
    expect(cellsOfRow).toEqual({ NAME: 'one', READY: 'True', REASON: 'Ready', ...narrow });
    expect(Object.keys(row)).toEqual(['NAME', 'READY', 'REASON', ...Object.keys(narrow), 'AGE']);
    expect(AGE).toMatch(/^\d+[sm]/);
    const [all = {}] = cells((await cluster.kubectl(['get', shortName, '-o', 'wide'], { namespace })).stdout);
    expect(all).toMatchObject({ ...wide, MESSAGE: 'Served by 3 replicas' });
    expect(Object.keys(all)).toEqual([...Object.keys(row), ...Object.keys(wide), 'MESSAGE']);
  });

  it('all kinds at once by their category, and some by a field', async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(
      kindNames.map((kind) => manifest(kind, {}, { name: 'one' })),
      { namespace },
    );
    await cluster.apply(
      smallest('Client', 'two', { clientId: 'shop.two', authorizationServerRef: { name: 'other' } }),
      { namespace },
    );
    const all = await cluster.kubectl(['get', 'nauthera', '-o', 'name'], { namespace });
    expect(all.stdout.trim().split('\n')).toHaveLength(5);
    const by = async (selector: string, kind = 'nclient') =>
      (await cluster.kubectl(['get', kind, '-o', 'name', '--field-selector', selector], { namespace })).stdout.trim();
    expect(await by('spec.clientId=shop.two')).toBe(`client.${group}/two`);
    expect(await by('spec.authorizationServerRef.name=other')).toBe(`client.${group}/two`);
    expect(await by('spec.clientId=shop.other')).toBe('');
    expect(await by('spec.authorizationServerRef.name=other', 'nscope')).toBe('');
    expect(await by('spec.authorizationServerRef.name!=other', 'nldap')).toBe(`ldapbinding.${group}/one`);
  });
});

describe('status', () => {
  it.each(kindNames)('%s: a new one reads as in progress while no operator runs', async (kind) => {
    const namespace = await cluster.namespace();
    const pretended = {
      ...manifest(kind, {}, { name: 'one' }),
      status: { observedGeneration: 1, conditions: [ready] },
    };
    await cluster.apply(pretended, { namespace });
    const { status, metadata } = await json('get', `${kinds[kind].shortName}/one`, '-n', namespace);
    expect(metadata.generation).toBe(1);
    expect(status).toEqual({
      observedGeneration: -1,
      conditions: [
        {
          type: 'Ready',
          status: 'Unknown',
          reason: 'Pending',
          message: 'Waiting for the operator',
          observedGeneration: -1,
          lastTransitionTime: '1970-01-01T00:00:00Z',
        },
      ],
    });
  });

  it('is written by itself: it moves no generation, and an edit of the resource does not touch it', async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(smallest('Client', 'one'), { namespace });
    const path = `/apis/${group}/v1alpha1/namespaces/${namespace}/clients/one`;
    const merge = { contentType: 'application/merge-patch+json' };
    const status = { clientId: 'shop.one', observedGeneration: 1, conditions: [ready] };
    const told = await cluster.call('PATCH', `${path}/status`, { ...merge, body: { status, spec: { suspend: true } } });
    expect([told.metadata.generation, told.spec.suspend, told.status.clientId]).toEqual([1, false, 'shop.one']);
    const edited = await cluster.call('PATCH', path, {
      ...merge,
      body: { status: { clientId: 'x' }, spec: { suspend: true } },
    });
    expect([edited.metadata.generation, edited.status.clientId]).toEqual([2, 'shop.one']);
  });
});

describe('apply, diff and dry runs', () => {
  it('there is no difference after an apply, by whichever side, first one then the other', async () => {
    const namespace = await cluster.namespace();
    const all = kindNames.map((kind) => smallest(kind, 'one')).join('---\n');
    const clientSide = ['apply', '-f', '-'];
    const serverSide = ['apply', '--server-side', '--force-conflicts', '-f', '-'];
    for (const way of [clientSide, clientSide, serverSide, serverSide, clientSide]) {
      expect(await cluster.kubectl(way, { namespace, stdin: all })).toMatchObject({ code: 0, stderr: '' });
      const diff = (...more: string[]) => cluster.kubectl(['diff', ...more, '-f', '-'], { namespace, stdin: all });
      expect(await diff()).toMatchObject({ code: 0, stdout: '' });
      const other = await diff('--server-side', '--force-conflicts');
      // kubectl keeps its own annotation in step with what each side sent, and shows that for every kind there is.
      const lines = other.stdout.split('\n').filter((line) => /^[-+] /.test(line) && !line.includes('{"apiVersion":'));
      expect([lines, other.stderr]).toEqual([[], '']);
    }
    const again = await cluster.kubectl(clientSide, { namespace, stdin: all });
    expect(
      again.stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[1]),
    ).toEqual(kindNames.map(() => 'unchanged'));
    const generations = (await json('get', 'nauthera', '-n', namespace)).items as AnyObject[];
    expect(generations.map(({ metadata }) => metadata.generation as number)).toEqual(kindNames.map(() => 1));
  });

  it('a diff shows the edit and nothing else, and a dry run leaves nothing behind', async () => {
    const namespace = await cluster.namespace();
    const dry = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], {
      namespace,
      stdin: smallest('Client', 'one'),
    });
    expect(dry.stdout).toContain('created (server dry run)');
    expect((await cluster.kubectl(['get', 'nclient', '-o', 'name'], { namespace })).stdout).toBe('');
    await cluster.apply(smallest('Client', 'one'), { namespace });
    const edit = smallest('Client', 'one', { redirectUris: ['https://shop.example.com/other'] });
    const diff = await cluster.kubectl(['diff', '-f', '-'], { namespace, stdin: edit });
    const lines = diff.stdout.split('\n').filter((line) => /^[-+][^-+]/.test(line));
    expect([diff.code, lines]).toEqual([
      1,
      [
        '-  generation: 1',
        '+  generation: 2',
        '-  - https://shop.example.com/callback',
        '+  - https://shop.example.com/other',
      ],
    ]);
  });

  it('kubectl wait --for=delete ends', async () => {
    const namespace = await cluster.namespace();
    await cluster.apply(smallest('Client', 'one'), { namespace });
    const finalizer = JSON.stringify({ metadata: { finalizers: ['auth.nauthera.io/registration'] } });
    await cluster.kubectl(['patch', 'nclient/one', '--type=merge', '-p', finalizer], { namespace });
    await cluster.kubectl(['delete', 'nclient/one', '--wait=false'], { namespace });
    const waiting = cluster.kubectl(['wait', '--for=delete', 'nclient/one', '--timeout=180s'], { namespace });
    const released = JSON.stringify({ metadata: { finalizers: null } });
    await cluster.kubectl(['patch', 'nclient/one', '--type=merge', '-p', released], { namespace });
    expect(await waiting).toMatchObject({ code: 0 });
  });
});

describe('the commonest mistakes, where they are made', () => {
  let checked = { code: -1, lines: [] as readonly string[] };
  beforeAll(async () => {
    const folder = await mkdtemp(join(cluster.folder, 'check-'));
    // A folder has no edits: what was before is not known offline.
    for (const [index, { kind, title, spec, before }] of mistakes.entries())
      if (before === undefined) await writeFile(join(folder, `${title}.yaml`), smallest(kind, `web-${index}`, spec));
    checked = await check(folder);
  });

  it.each(mistakes)('$title: kubectl says what check says', async ({ kind, title, spec, before, problems }) => {
    const namespace = await cluster.namespace();
    if (before !== undefined) await cluster.apply(smallest(kind, 'web', before), { namespace });
    const stdin = smallest(kind, 'web', spec);
    const applied = await cluster.kubectl(['apply', '--dry-run=server', '-f', '-'], { namespace, stdin });
    const [path = '', message = ''] = (problems[0] ?? '').split(/: (.*)/s);
    const isUnknown = message.startsWith('unknown field');
    expect(applied.code).toBe(1);
    expect(applied.stderr).toContain(isUnknown ? `unknown field "${path}"` : path);
    if (!isUnknown) expect(applied.stderr).toContain(message);
    if (before !== undefined) return;
    const lines = checked.lines.filter((line) => line.includes(`/${title}.yaml:`));
    expect([checked.code, lines]).toEqual([1, [expect.stringContaining(`${path}: `)]]);
    expect(lines[0]?.endsWith(message)).toBe(true);
  });
});

function check(folder: string): Promise<{ code: number; lines: readonly string[] }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'operator/src/main.ts'), 'check', folder], (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), lines: stdout.split('\n') });
    });
  });
}

describe('the examples', () => {
  it('are taken by the API server as they are', async () => {
    const namespace = await cluster.namespace();
    for (const kind of kindNames) {
      const [object = {}] = objectsOf(kinds[kind].smallest);
      expect(await cluster.apply(object, { namespace })).toContain('created');
    }
  });
});
