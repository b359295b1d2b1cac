/**
 * The key-encryption key is lost, or another one: it is said, nothing is written in its place, what runs goes on, and with the
 * former key all is well again. It is replaced in the order that is written down.
 */
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { calm } from '../support/calm.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import { Replica } from '../support/replica.ts';
import { StandIn } from '../support/stand-in.ts';

const keySecret = 'main-key-encryption-key';
const entry = 'key-encryption-key';

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let operator: OperatorHere;
let replica: Replica;
/** Of the replica: read when it starts. */
let keyFile: string;
/** As it was made. */
let former: AnyObject;

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  await putPassword('first');
  for (const one of [scene.aServer(), scene.aScope(), scene.aClient(), scene.aBinding('people')])
    await scene.apply(one);
  operator = await OperatorHere.start(scene);
  former = await until('there is a key', () => scene.get('secrets', 'auth', keySecret));
  keyFile = join(cluster.folder, 'replaced.key');
  await writeFile(keyFile, textOf(former), { mode: 0o600 });
  replica = await Replica.start({ databaseUrl: scene.databaseUrl, keyFile, nodeOptions: calm });
  await scene.untilReason('AuthorizationServer', 'auth', 'main');
  await scene.untilReason('Client', 'shop', 'batch');
  await until('the password is sealed', sealed);
});
afterAll(async () => {
  await operator?.stop();
  await replica?.stop();
  await postgres?.stop();
  await cluster?.stop();
});

const putPassword = (password: string) =>
  scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bind', namespace: scene.namespaces.shop, labels: { 'auth.nauthera.io/watch': 'true' } },
    stringData: { password },
  });

const textOf = ({ data }: AnyObject): string => Buffer.from(String(data[entry]), 'base64').toString();

/** What stands of the bind password in the registry. */
async function sealed(): Promise<string | undefined> {
  const [row] = await scene.sql(`SELECT encode(sealed, 'hex') AS sealed FROM registry WHERE kind = 'directory'`);
  return row?.sealed as string | undefined;
}

/** Which key seals it: version and key id stand before the rest. */
const sealedBy = async () => (await sealed())?.slice(0, 10);

const untilKeys = (reason: string) => {
  let seen: unknown;
  return until(
    () => `KeysReady is ${reason}; it is ${JSON.stringify(seen)}`,
    async () => {
      const found = await scene.condition('AuthorizationServer', 'auth', 'main', 'KeysReady');
      seen = found;
      return found?.reason === reason && found;
    },
  );
};

/** All that an operator might do about it has been done, also by one that has just started. */
async function everythingIsDone(): Promise<void> {
  await operator.idle();
  await operator.stop();
  operator = await OperatorHere.start(scene);
  await operator.idle();
}

/** What the applications and their owners notice: nothing. */
async function expectServed(client: string): Promise<void> {
  expect(await askForToken(replica.url, (await scene.secret('shop', 'batch-oauth2')) ?? {})).toBe('200');
  await scene.apply(scene.aClient(client));
  await scene.untilReason('Client', 'shop', client);
}

/** With the keys that the Secret holds by now. */
async function restartReplica(): Promise<void> {
  await replica.stop();
  await writeFile(keyFile, textOf((await scene.get('secrets', 'auth', keySecret)) ?? {}), { mode: 0o600 });
  await replica.restart();
}

/** It serves the newest that is registered, and left nothing of it out. */
async function expectServesDirectory(): Promise<void> {
  const { rejected } = await until('the replica serves the newest that is registered', async () => {
    const reports = await scene.sql(`SELECT report.rejected FROM replica_reports report, registry_revision newest
      WHERE report.epoch = newest.epoch AND report.n >= newest.n AND reported_at > now() - interval '15 seconds'`);
    return reports.length === 1 && reports[0];
  });
  expect(rejected).toEqual([]);
  expect(await askForToken(replica.url, (await scene.secret('shop', 'batch-oauth2')) ?? {})).toBe('200');
}

/** Tells which keys sealed what stands in the database. */
async function documentedQuery(): Promise<string> {
  const page = await readFile(new URL('../../docs/how-to/back-up-and-restore.md', import.meta.url), 'utf8');
  const [, query = ''] = /```sql\n([^`]+)```/.exec(page) ?? [];
  return query;
}

/** The former key is used as it was put `back`: what came since is sealed with it, and `before` was. */
async function expectHealed(back: AnyObject, before: string | undefined): Promise<void> {
  await untilKeys('KeysReady');
  await scene.untilReason('AuthorizationServer', 'auth', 'main');
  await until('the newer password is sealed', async () => (await sealed()) !== before);
  expect(await sealedBy()).toBe(before?.slice(0, 10));
  expect((await scene.get('secrets', 'auth', keySecret))?.metadata.resourceVersion).toBe(back.metadata.resourceVersion);
}

describe('the key-encryption key', () => {
  it('is lost: none is made in its place, and it is taken as it is once it is back', async () => {
    const before = await sealed();
    await scene.delete('secrets', 'auth', keySecret);
    const { status, message } = await untilKeys('KeyEncryptionKeyNotFound');
    expect([status, message]).toEqual([
      'False',
      `the database holds keys, and Secret "${keySecret}" that opens them is gone. Bring it back from a backup; where nobody has it any more, see nauthera-server restore --key-is-lost`,
    ]);
    await putPassword('while it is lost');
    await everythingIsDone();
    await untilKeys('KeyEncryptionKeyNotFound');
    expect(await scene.get('secrets', 'auth', keySecret)).toBeUndefined();
    // An operator that holds the key still may seal with it; with no other one.
    expect(await sealedBy()).toBe(before?.slice(0, 10));
    await expectServed('while-lost');

    const { apiVersion, kind, type, data, metadata } = former;
    const { name, namespace, labels } = metadata;
    const back = await scene.create({ apiVersion, kind, type, data, metadata: { name, namespace, labels } });
    await expectHealed(back, before);
  });

  it('is another one: it stays as its owner wrote it, and nothing is sealed with it; the former one put back is used again', async () => {
    const before = await sealed();
    const another = Buffer.from(`${randomBytes(32).toString('base64')}\n`).toString('base64');
    const edited = await scene.patch('secrets', 'auth', keySecret, { data: { [entry]: another } });
    const { status, message } = await untilKeys('KeyEncryptionKeyMismatch');
    expect([status, message]).toEqual([
      'False',
      'the database holds keys that this key-encryption key cannot open. Give back the key that was used before',
    ]);
    await putPassword('while it is another');
    await everythingIsDone();
    await untilKeys('KeyEncryptionKeyMismatch');
    expect((await scene.get('secrets', 'auth', keySecret))?.metadata.resourceVersion).toBe(
      edited.metadata.resourceVersion,
    );
    // The servers that run have the former key: what it does not open is lost to them.
    expect(await sealedBy()).toBe(before?.slice(0, 10));
    await expectServed('while-another');

    const back = await scene.patch('secrets', 'auth', keySecret, { data: { [entry]: former.data[entry] } });
    await expectHealed(back, before);
  });

  it('is another one where there are no pods: none is started with it until the former one is back', async () => {
    const another = Buffer.from(`${randomBytes(32).toString('base64')}\n`).toString('base64');
    await scene.patch('secrets', 'auth', keySecret, { data: { [entry]: another } });
    await untilKeys('KeyEncryptionKeyMismatch');
    await operator.stop();
    operator = await OperatorHere.start(scene, { serverImage: 'registry.example.com/nauthera:1.0.0' });
    const stand = new StandIn(scene);
    const job = await stand.untilJob();
    await untilKeys('Blocked');
    await stand.runJob(job);
    // Told by the pass that would have made them.
    await untilKeys('KeyEncryptionKeyMismatch');
    expect(await stand.deployment()).toBeUndefined();

    await scene.patch('secrets', 'auth', keySecret, { data: { [entry]: former.data[entry] } });
    await until('there is a Deployment', () => stand.deployment());
    await operator.stop();
    operator = await OperatorHere.start(scene);
    await untilKeys('KeysReady');
  });

  it('is replaced as it is written down: the servers keep their directory at each step', async () => {
    const first = textOf(former).trim();
    const next = randomBytes(32).toString('base64');
    const before = await sealedBy();
    const put = (...keys: readonly string[]) =>
      scene.patch('secrets', 'auth', keySecret, { stringData: { [entry]: `${keys.join('\n')}\n` } });

    await put(first, next);
    await everythingIsDone();
    await expectServesDirectory();
    await restartReplica();
    await expectServesDirectory();
    expect(await sealedBy()).toBe(before);

    await put(next, first);
    await until('the password is sealed anew', async () => (await sealedBy()) !== before);
    const after = await sealedBy();
    await everythingIsDone();
    await expectServesDirectory();
    await restartReplica();
    await expectServesDirectory();
    const keys = await documentedQuery();
    await until('nothing hangs on the former key', async () => (await scene.sql(keys)).length === 1);

    await put(next);
    await everythingIsDone();
    await expectServesDirectory();
    await restartReplica();
    await expectServesDirectory();
    expect(await sealedBy()).toBe(after);
    await untilKeys('KeysReady');
    await expectServed('replaced');
  });

  it('is no key: the field that is wrong is named', async () => {
    await scene.patch('secrets', 'auth', keySecret, { stringData: { [entry]: 'no key' } });
    const { message } = await untilKeys('KeyEncryptionKeyNotFound');
    expect(message).toMatch(/^Secret "main-key-encryption-key", key "key-encryption-key": must hold one or two lines/);
  });
});
