/** I12 on a real Kubernetes API: the Secret of a Client is rotated, adopted, renamed, lost and revoked. An hour is six seconds. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeRetirement, rotationTimes } from '../../operator/src/controllers/client/rotation.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { filterAudit, writesOf } from '../support/kube-audit.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { OperatorHere } from '../support/operator-here.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';

const prefix = 'auth.nauthera.io';
const watched = { [`${prefix}/watch`]: 'true' };
const soon = 120_000;
/** A machine that stands still for a moment does not let an hour pass by that. */
const scale = 600;

let cluster: TestCluster;
let postgres: TestPostgres;
let scene: Scene;
let operator: OperatorHere;
let replicas: readonly Replica[] = [];

/** @param ahead milliseconds by which the operator's own clock is put forward */
const start = (ahead = 0) =>
  OperatorHere.start(scene, {
    now: () => Date.now() + ahead,
    rotation: {
      times: (spec) => {
        const { every, overlap, quiet, maxOverlap } = rotationTimes(spec);
        return {
          ...(every === undefined ? {} : { every: every / scale }),
          overlap: overlap / scale,
          quiet: quiet / scale,
          ...(maxOverlap === undefined ? {} : { maxOverlap: maxOverlap / scale }),
        };
      },
      judge: judgeRetirement,
    },
  });

beforeAll(async () => {
  [cluster, postgres] = await Promise.all([startCluster(), startPostgres('newest')]);
  scene = await Scene.make({ cluster, postgres });
  for (const one of [scene.aServer(), scene.aScope()]) await scene.apply(one);
  operator = await start();
  replicas = await Promise.all([scene.replica(), scene.replica()]);
});
afterAll(async () => {
  await operator?.stop();
  for (const replica of replicas) await replica.stop();
  await cluster?.stop();
  await postgres?.stop();
});

type Values = Readonly<Record<string, string>>;

/** The shortest that is allowed, unless a case says more. */
async function aClient(name: string, secret: AnyObject = {}): Promise<void> {
  await scene.apply(scene.aClient(name, { secret: { rotation: { overlap: '1h', quiet: '1h' }, ...secret } }));
}
async function ready(name: string): Promise<Values> {
  await scene.untilReason('Client', 'shop', name);
  const binding = (await scene.get('Client', 'shop', name))?.status.binding.name as string;
  return (await scene.secret('shop', binding)) ?? {};
}
const annotate = (name: string, what: string, value = '1') =>
  scene.patch('Client', 'shop', name, { metadata: { annotations: { [`${prefix}/${what}`]: value } } });
const lastHandled = async (name: string, what: string): Promise<unknown> =>
  (await scene.get('Client', 'shop', name))?.status?.lastHandled?.[`${prefix}/${what}`];
const states = async (name: string): Promise<readonly string[]> =>
  ((await scene.get('Client', 'shop', name))?.status?.secrets ?? []).map(({ state }: AnyObject) => state);
const answers = (credentials: Values) => Promise.all(replicas.map(({ url }) => askForToken(url, credentials)));
const works = ['200', '200'];
const untilNew = (secretName: string, old: Values, limit = soon) =>
  until(
    `a new secret in ${secretName}`,
    async () => {
      const now = await scene.secret('shop', secretName);
      return now !== undefined && now['client-secret'] !== old['client-secret'] && now;
    },
    limit,
  );
/** One after the other: a replica that refuses somebody all the time while another one does not yet says so less often. */
async function untilRefused(credentials: Values): Promise<void> {
  for (const { url } of replicas)
    await until('it is refused', async () => (await askForToken(url, credentials)) === '401 invalid_client', soon);
}
async function events(name: string): Promise<readonly string[]> {
  const path = `/apis/events.k8s.io/v1/namespaces/${scene.namespaces.shop}/events`;
  const { items } = await cluster.call('GET', path);
  const own = (items as AnyObject[]).filter(({ regarding }) => regarding.name === name);
  return own.map(({ reason }) => String(reason)).filter((reason) => reason.includes('Secret'));
}
async function byHand(name: string, secret: string, labels: AnyObject = watched): Promise<void> {
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: scene.namespaces.shop, labels },
    stringData: { 'client-secret': secret },
  });
}

describe('a generated Secret', () => {
  it('I12: is rotated by annotation once, in place, and the Client stays Ready; unused, the old secret ends', async () => {
    await aClient('web', { labels: { team: 'shop' }, annotations: { 'example.com/a': 'b' } });
    const old = await ready('web');
    const transition = (await scene.condition('Client', 'shop', 'web'))?.lastTransitionTime;
    const before = (await cluster.auditEvents()).length;
    await annotate('web', 'rotate-secret');
    const fresh = await untilNew('web-oauth2', old);
    expect([await answers(fresh), await answers(old)]).toEqual([works, works]);
    await until('it is told', async () => (await lastHandled('web', 'rotate-secret')) === '1', soon);
    expect(await states('web')).toEqual(['Current', 'Retiring']);
    // Whoever asks whether it is refused uses it.
    await until('the old one is out of use', async () => (await states('web')).length === 1, soon);
    await untilRefused(old);
    expect(await answers(fresh)).toEqual(works);
    const secret = await scene.get('secrets', 'shop', 'web-oauth2');
    expect(secret?.metadata).toMatchObject({
      labels: { team: 'shop', ...watched },
      annotations: { 'example.com/a': 'b' },
    });
    expect({ ...fresh, 'client-secret': old['client-secret'] }).toEqual(old);
    expect((await scene.condition('Client', 'shop', 'web'))?.lastTransitionTime).toBe(transition);
    await until('Events', async () => (await events('web')).length === 3, soon);
    expect([...(await events('web'))].sort()).toEqual(['OldSecretRetired', 'SecretCreated', 'SecretRotated']);
    // One write of what it holds, one restart of whoever watches that; the other one forgets the old secret.
    expect(await scene.secret('shop', 'web-oauth2')).toEqual(fresh);
    expect(secret?.metadata.annotations).not.toHaveProperty([`${prefix}/former-secret`]);
    const rotation = (await cluster.auditEvents()).slice(before);
    const own = { user: scene.user, resource: 'secrets', namespace: scene.namespaces.shop, name: 'web-oauth2' };
    expect(writesOf(filterAudit(rotation, own))).toHaveLength(2);
  });

  it('I12: is rotated by schedule, in place: both secrets work, and the old one ends unused', async () => {
    // 24 seconds, as hours go here.
    await aClient('timely', { rotation: { every: '4h', overlap: '1h', quiet: '1h' } });
    const old = await ready('timely');
    const fresh = await untilNew('timely-oauth2', old, 180_000);
    expect([await answers(fresh), await answers(old)]).toEqual([works, works]);
    await until('an Event', async () => (await events('timely')).includes('SecretRotated'), soon);
    expect((await scene.get('Client', 'shop', 'timely'))?.status.lastHandled ?? {}).not.toHaveProperty([
      `${prefix}/rotate-secret`,
    ]);
    // Whoever asks whether it is refused uses it.
    await until('the old one is out of use', async () => (await states('timely')).length === 1, soon);
    await untilRefused(old);
  });

  it('that is deleted is written with a new secret, and running pods notice nothing; unused, the old one ends', async () => {
    await aClient('lost');
    const old = await ready('lost');
    await scene.delete('secrets', 'shop', 'lost-oauth2');
    const fresh = await untilNew('lost-oauth2', old);
    expect([await answers(fresh), await answers(old)]).toEqual([works, works]);
    await until('an Event', async () => (await events('lost')).includes('SecretRecreated'), soon);
    await until('the old one is out of use', async () => (await states('lost')).length === 1, soon);
    await untilRefused(old);
    expect(await answers(fresh)).toEqual(works);
  });

  it('under a new name is there at once with the same secret; the former one goes after overlap', async () => {
    await aClient('renamed');
    const old = await ready('renamed');
    await aClient('renamed', { name: 'login', keys: { 'client-secret': 'PASSWORD' } });
    const found = await until('the new one', () => scene.secret('shop', 'login'), soon);
    expect(found['PASSWORD']).toBe(old['client-secret']);
    await until('the old one goes', async () => (await scene.secret('shop', 'renamed-oauth2')) === undefined, soon);
    expect(await answers(old)).toEqual(works);
    expect((await scene.get('Client', 'shop', 'renamed'))?.status.binding.name).toBe('login');
  });

  it('that is immutable is left alone and told of; deleted, it is rewritten', async () => {
    await aClient('frozen');
    const old = await ready('frozen');
    await scene.patch('secrets', 'shop', 'frozen-oauth2', { immutable: true });
    await annotate('frozen', 'rotate-secret');
    const blocked = await until(
      'it is told',
      () => scene.condition('Client', 'shop', 'frozen', 'RotationBlocked'),
      soon,
    );
    expect(blocked).toMatchObject({
      status: 'True',
      reason: 'SecretImmutable',
      message: 'Secret "frozen-oauth2" is immutable and was left as it is. Delete it to have it rewritten',
    });
    expect((await scene.condition('Client', 'shop', 'frozen'))?.reason).toBe('Ready');
    expect(await scene.secret('shop', 'frozen-oauth2')).toEqual(old);
    await scene.delete('secrets', 'shop', 'frozen-oauth2');
    const fresh = await untilNew('frozen-oauth2', old);
    expect([await answers(fresh), await answers(old)]).toEqual([works, works]);
  });

  it('F34: is rotated once, though the operator is replaced meanwhile', async () => {
    await aClient('once', { rotation: { overlap: '8760h' } });
    const old = await ready('once');
    await annotate('once', 'rotate-secret');
    await operator.stop();
    operator = await start();
    const fresh = await untilNew('once-oauth2', old);
    await until('it is told', async () => (await lastHandled('once', 'rotate-secret')) === '1', soon);
    await annotate('once', 'reconcile');
    await until('it looked', async () => (await lastHandled('once', 'reconcile')) === '1', soon);
    expect(await scene.secret('shop', 'once-oauth2')).toEqual(fresh);
    expect([await answers(fresh), await answers(old)]).toEqual([works, works]);
  });
});

describe('a clock of the operator that is put ten years forward', () => {
  it('I12: ends no secret, also where maxOverlap is set, and removes no Secret under a former name', async () => {
    const rotation = { overlap: '2160h', quiet: '2160h', maxOverlap: '8760h' };
    await aClient('ahead', { rotation });
    const old = await ready('ahead');
    await annotate('ahead', 'rotate-secret');
    const fresh = await untilNew('ahead-oauth2', old);
    await aClient('moved', { rotation });
    const former = await ready('moved');
    await aClient('moved', { rotation, name: 'moved-login' });
    await until('the new one', () => scene.secret('shop', 'moved-login'), soon);
    await until('it is told', async () => (await lastHandled('ahead', 'rotate-secret')) === '1', soon);
    await operator.stop();
    operator = await start(10 * 365 * 86_400_000);
    try {
      for (const name of ['ahead', 'moved']) {
        await annotate(name, 'reconcile');
        await until('it looked', async () => (await lastHandled(name, 'reconcile')) === '1', soon);
      }
      expect([await answers(fresh), await answers(old)]).toEqual([works, works]);
      expect(await states('ahead')).toEqual(['Current', 'Retiring']);
      expect(await scene.secret('shop', 'moved-oauth2')).toEqual(former);
    } finally {
      await operator.stop();
      operator = await start();
    }
  });
});

describe('a secret that leaked', () => {
  const post = async (replica: Replica | undefined, path: string, credentials: Values, fields: Values) => {
    const basic = Buffer.from(`${credentials['client-id']}:${credentials['client-secret']}`).toString('base64');
    const response = await fetch(`${replica?.url}/${path}`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams(fields),
    });
    return (await response.json()) as Record<string, unknown>;
  };

  it.each(['revoke-all-secrets', 'revoke-old-secret'])('%s ends it on every replica with its tokens', async (what) => {
    const name = what.slice(0, 10);
    await aClient(name, { rotation: { overlap: '8760h' } });
    const old = await ready(name);
    const { access_token: token } = await post(replicas[0], 'token', old, { grant_type: 'client_credentials' });
    // The old one is leaked: a new one first, then its end. Asked for together they come in this order.
    if (what === 'revoke-old-secret') await annotate(name, 'rotate-secret');
    await annotate(name, what);
    const fresh = await untilNew(`${name}-oauth2`, old);
    await untilRefused(old);
    await until('it is told', async () => (await lastHandled(name, what)) === '1', soon);
    expect(await answers(fresh)).toEqual(works);
    for (const replica of replicas)
      await until(
        'its token is refused',
        async () => (await post(replica, 'introspect', fresh, { token: String(token) }))['active'] === false,
        soon,
      );
    expect(await states(name)).toEqual(['Current']);
    const audit = await scene.sql(`SELECT event, reason FROM audit WHERE client_id = $1 AND reason IS NOT NULL`, [
      `${scene.namespaces.shop}.${name}`,
    ]);
    expect(audit).toContainEqual({ event: 'secret.retired', reason: 'revoked' });
    expect(audit).toContainEqual({ event: 'token.revoked', reason: 'secret_revoked' });
  });
});

describe('an adopted Secret', () => {
  const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(40)) as [string, string, string];
  const credentials = (name: string, secret: string): Values => ({
    'client-id': `${scene.namespaces.shop}.${name}`,
    'client-secret': secret,
  });

  it('may come late: nothing is invented; an edit is a rotation; nothing of it is ever written', async () => {
    const before = (await cluster.auditEvents()).length;
    await aClient('late', { adopt: 'from-vault' });
    await scene.untilReason('Client', 'shop', 'late', 'SecretNotFound');
    expect(await scene.secret('shop', 'late-oauth2')).toBeUndefined();
    await byHand('from-vault', one);
    await ready('late');
    expect(await answers(credentials('late', one))).toEqual(works);
    await byHand('from-vault', two);
    await until(
      'the new one works',
      async () => (await answers(credentials('late', two))).join() === works.join(),
      soon,
    );
    expect(await answers(credentials('late', one))).toEqual(works);
    expect(await states('late')).toEqual(['Current', 'Retiring']);
    await until('the old one is out of use', async () => (await states('late')).length === 1, soon);
    await untilRefused(credentials('late', one));
    // Secrets of other Clients may still be tidied up.
    const writes = writesOf(
      filterAudit((await cluster.auditEvents()).slice(before), {
        user: scene.user,
        resource: 'secrets',
        namespace: scene.namespaces.shop,
        name: ['from-vault', 'late-oauth2'],
      }),
    );
    expect(writes).toEqual([]);
    expect(await scene.secret('shop', 'late-oauth2')).toBeUndefined();
    await until('Events', async () => (await events('late')).includes('OldSecretRetired'), soon);
    expect(await events('late')).toContain('SecretAdopted');
  });

  it('without the label is looked at again and again', async () => {
    await aClient('unlabelled', { adopt: 'plain' });
    await byHand('plain', one, {});
    await ready('unlabelled');
    await byHand('plain', two, {});
    await until(
      'the new one works',
      async () => (await answers(credentials('unlabelled', two))).join() === works.join(),
      soon,
    );
  });

  it('whose secret was revoked is refused until its owner writes another one', async () => {
    await aClient('taken', { adopt: 'taken-login' });
    await byHand('taken-login', one);
    await ready('taken');
    await annotate('taken', 'revoke-all-secrets');
    await scene.untilReason('Client', 'shop', 'taken', 'SecretInvalid');
    expect((await scene.condition('Client', 'shop', 'taken'))?.message).toBe(
      'Secret "taken-login", key "client-secret": holds a secret that was revoked. Write a new one, for example with: openssl rand -hex 32',
    );
    await untilRefused(credentials('taken', one));
    await until('it is told', async () => (await lastHandled('taken', 'revoke-all-secrets')) === '1', soon);
    await byHand('taken-login', three);
    await scene.untilReason('Client', 'shop', 'taken');
    expect(await answers(credentials('taken', three))).toEqual(works);
  });
});
