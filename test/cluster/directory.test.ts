/** What a directory does to its LdapBinding, through a real API server, a real server and a real OpenLDAP. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser, type Page } from '../support/browser.ts';
import { Scene } from '../support/cluster-scene.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedPassword, seedSuffix } from '../support/slapd-seed.ts';
import { seat } from '../support/sweeping.ts';
import { authorizePath, codeFields } from '../support/world.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let slapd: Slapd;
let scene: Scene;
let operator: OperatorProcess;
let replica: Replica;

const sampleUsers = ['ada', 'nemo'];

beforeAll(async () => {
  [cluster, postgres, slapd] = await Promise.all([startCluster(), startPostgres('newest'), startSlapd()]);
  scene = await Scene.make({ cluster, postgres });
  const metadata = (name: string) => ({ name, namespace: scene.namespaces.shop });
  await scene.apply(scene.aServer());
  await scene.apply({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata('reader'),
    stringData: { password: slapd.bindPassword },
  });
  await scene.apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: metadata('directory-ca'),
    data: { 'ca.crt': slapd.caPem },
  });
  await scene.apply(theBinding());
  operator = await scene.operator();
  replica = await scene.replica();
  await scene.untilReason('LdapBinding', 'shop', 'people');
});
afterAll(async () => {
  await replica?.kill();
  await operator?.stop();
  await Promise.all([cluster?.stop(), postgres?.stop(), slapd?.close()]);
});

function theBinding(): AnyObject {
  return scene.aBinding('people', {
    servers: [{ url: slapd.url }],
    tls: { caBundleRef: { name: 'directory-ca' } },
    bind: { dn: slapd.bindDn, passwordSecretRef: { name: 'reader' } },
    userSearch: { base: `ou=people,${slapd.baseDn}` },
    groupSearch: { base: `ou=groups,${slapd.baseDn}` },
    consentRules: [
      { name: 'clerks', scopes: ['email'], groups: ['finance'] },
      { name: 'guests', scopes: ['phone'], filter: '(employeeType=guest)' },
    ],
    sampleUsers,
    recheck: '10s',
  });
}

const people = () => scene.get('LdapBinding', 'shop', 'people');

describe('sample users', () => {
  it('are told of in status, which is not written again while nothing changes, and forgotten with the field', async () => {
    const told = async (): Promise<AnyObject[] | undefined> => (await people())?.status.sampleUsers;
    // Before the directory has answered, a name is told of without what it says.
    const [ada, nemo] = await until('both are told of', async () => {
      const all = await told();
      return all?.map(({ outcome }) => outcome).join() === 'Found,NotFound' && all;
    });
    expect(ada).toMatchObject({
      username: 'ada',
      outcome: 'Found',
      account: 'Active',
      groups: ['engineering', 'finance', 'staff'],
      groupCount: 3,
      rules: [
        { name: 'clerks', holds: true, why: 'is in finance' },
        { name: 'guests', holds: false, why: 'does not match its filter (employeeType=guest)' },
      ],
    });
    expect(ada?.scopes.slice(0, 2)).toEqual([
      { scope: 'email', allowed: true, rules: ['clerks'], why: 'by rule clerks' },
      { scope: 'phone', allowed: false, rules: ['guests'], why: 'rule guests does not hold' },
    ]);
    expect(JSON.stringify(ada)).not.toMatch(/Lovelace|example\.org/);
    expect(nemo).toEqual({ username: 'nemo', outcome: 'NotFound' });

    const version = async () => (await people())?.metadata.resourceVersion;
    const reports = async (count: number) => {
      const seen = new Set<unknown>();
      await until('more reports', async () => {
        seen.add((await scene.sql('SELECT max(reported_at)::text AS at FROM replica_reports'))[0]?.at);
        return seen.size > count;
      });
    };
    // What else its status is to say may still be on its way.
    const settled = await until('its status is said', async () => {
      const { metadata, status } = (await people()) ?? {};
      await reports(1);
      const isWhole = [status, ...status.conditions].every((one) => one.observedGeneration === metadata.generation);
      return isWhole && (await version()) === metadata.resourceVersion && metadata.resourceVersion;
    });
    await reports(3);
    expect(await version()).toBe(settled);

    await scene.patch('LdapBinding', 'shop', 'people', { spec: { sampleUsers: null } });
    await scene.untilReason('LdapBinding', 'shop', 'people');
    await until('nobody is told of', async () => (await told()) === undefined);
  });
});

describe('a sweep that would end too many', () => {
  const id = () => `${scene.namespaces.shop}/people`;
  const crowd = (name: string, count: number) =>
    seat(
      { rows: async <R>(text: string, values?: readonly unknown[]) => (await scene.sql(text, values)) as readonly R[] },
      Array.from({ length: count }, (_, index) => `${name}-${index}`),
      id(),
    );
  const live = async (name: string) => {
    const text = 'SELECT count(*)::int AS n FROM sessions WHERE username LIKE $1 AND ended_at IS NULL';
    return (await scene.sql(text, [`${name}-%`]))[0]?.n;
  };
  const degraded = () => scene.condition('LdapBinding', 'shop', 'people', 'Degraded');
  const isStoppedAt = (count: number) => async () => (await degraded())?.message.startsWith(`${count} of ${count} `);
  const annotate = (value: string) =>
    scene.patch('LdapBinding', 'shop', 'people', {
      metadata: { annotations: { 'auth.nauthera.io/confirm-leavers': value } },
    });

  it('is a condition with the numbers, until an annotation lets it go on, once', async () => {
    await crowd('first', 30);
    await until('the sweep is stopped', isStoppedAt(30));
    expect(await degraded()).toMatchObject({
      status: 'True',
      reason: 'SweepStopped',
      message: expect.stringMatching(
        /^30 of 30 signed-in users seem to have left, .* give the annotation auth\.nauthera\.io\/confirm-leavers a new value$/,
      ),
    });
    expect(await live('first')).toBe(30);

    await annotate('they did leave');
    await until('those who left have lost their sessions', async () => (await live('first')) === 0);
    await until('the condition is gone', async () => (await degraded())?.reason !== 'SweepStopped');

    // The word that is still there was used up.
    await crowd('second', 20);
    await until('the sweep is stopped again', isStoppedAt(20));
    expect(await live('second')).toBe(20);
  });
});

describe('a binding that is deleted', () => {
  const callback = 'https://shop.example.com/cb';
  const clientId = () => `${scene.namespaces.shop}.web`;
  /** The page after the form: of whoever is let in, the response. */
  async function signIn(): Promise<Page> {
    const browser = new Browser({ issuer: 'http://127.0.0.1:9', servers: [replica.url] });
    const asked = { client_id: clientId(), redirect_uri: callback, scope: 'openid' };
    const login = await browser.get(authorizePath(asked));
    const page = await browser.submit(login, { username: 'ada', password: seedPassword('ada'), 'sign-in': '1' });
    return page.name === 'consent' ? browser.submit(page, { decision: 'allow' }) : page;
  }
  async function subjectOfAda(): Promise<string | undefined> {
    const { code } = (await signIn()).response;
    const secret = await until('the Secret of the client', () => scene.secret('shop', 'web-oauth2'));
    const basic = Buffer.from(`${clientId()}:${secret['client-secret']}`).toString('base64');
    const answer = await fetch(`${replica.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}` },
      body: new URLSearchParams(codeFields(code)),
    });
    return decodeJwt(((await answer.json()) as { id_token: string }).id_token).sub;
  }
  /** Of what is declared by now, nothing is left out by the replica: no sign-in has to find that out. */
  const isServed = () =>
    until('the replica serves what is declared', async () => {
      const text = 'SELECT FROM replica_reports p JOIN registry_revision r ON p.epoch = r.epoch AND p.n >= r.n';
      return (await scene.sql(text)).length === 1;
    });
  /** Sessions of `ada`: by whether they are live. */
  const sessions = async (live: boolean) => {
    const text = `SELECT count(*)::int AS n FROM sessions WHERE username = 'ada' AND (ended_at IS NULL) = $1`;
    return (await scene.sql(text, [live]))[0]?.n;
  };
  const rounds = (more: string) =>
    scene.sql(`SELECT directory FROM recheck_rounds WHERE directory = $1 AND ${more}`, [id()]);
  const id = () => `${scene.namespaces.shop}/people`;

  it('lets nobody in, ends sessions after the grace, and made anew knows its users', async () => {
    const grant = { grantTypes: ['authorization_code'], redirectUris: [callback], scopes: ['openid'] };
    await scene.apply(scene.aClient('web', grant));
    await scene.untilReason('Client', 'shop', 'web');
    await isServed();
    const subject = await subjectOfAda();
    await until('its round is known', async () => (await rounds('gone_since IS NULL')).length === 1);

    await scene.delete('LdapBinding', 'shop', 'people');
    await scene.untilGone('LdapBinding', 'shop', 'people');
    const kept = () => scene.sql(`SELECT FROM registry WHERE kind = 'directory' AND id = $1 AND NOT withdrawn`, [id()]);
    await until('it is registered no more', async () => (await kept()).length === 0);
    await isServed();
    expect((await signIn()).name).toMatch(/^login/);
    await until('it is noted as gone', async () => (await rounds('gone_since IS NOT NULL')).length === 1);
    expect([await sessions(true), await sessions(false)]).toEqual([1, 0]);
    await scene.sql(`UPDATE recheck_rounds SET gone_since = gone_since - interval '11 minutes' WHERE directory = $1`, [
      id(),
    ]);
    await until('its sessions have ended', async () => (await sessions(true)) === 0 && (await sessions(false)) === 1);

    await scene.apply(theBinding());
    await scene.untilReason('LdapBinding', 'shop', 'people');
    await isServed();
    expect(await subjectOfAda()).toBe(subject);
  });
});

describe('a policy that cannot be read', () => {
  const names = (cn: string) =>
    scene.patch('LdapBinding', 'shop', 'people', {
      spec: { accountStatus: { defaultPolicy: `cn=${cn},ou=policies,${seedSuffix}` } },
    });
  const degraded = () => scene.condition('LdapBinding', 'shop', 'people', 'Degraded');

  it('is told in a condition beside Ready, until its name is right', async () => {
    await names('nowhere');
    const told = await until('it is told', async () => {
      const found = await degraded();
      return found?.reason === 'PolicyNotReadable' && found;
    });
    expect(told).toMatchObject({
      status: 'True',
      message: expect.stringMatching(/^spec\.accountStatus\.defaultPolicy: /),
    });
    await until('it is Ready', async () => (await scene.condition('LdapBinding', 'shop', 'people'))?.status === 'True');
    await names('default');
    await until('the condition is gone', async () => (await degraded())?.reason !== 'PolicyNotReadable');
    await scene.patch('LdapBinding', 'shop', 'people', { spec: { accountStatus: null } });
    await scene.untilReason('LdapBinding', 'shop', 'people');
  });
});

describe('one of two servers', () => {
  it('that is stopped is told in a condition, and the other one is the active', async () => {
    await using other = await startSlapd({ authority: slapd.authority });
    await other.stop();
    await scene.patch('LdapBinding', 'shop', 'people', {
      spec: { servers: [{ url: other.url }, { url: slapd.url }] },
    });
    const degraded = await until('it is told', async () => {
      const found = await scene.condition('LdapBinding', 'shop', 'people', 'Degraded');
      return found?.reason === 'ServerUnreachable' && found;
    });
    expect(degraded).toMatchObject({ status: 'True', message: expect.stringContaining(other.url) });
    // Whoever looked at one of them first may say so before the other one has answered.
    await expect
      .poll(async () => (await people())?.status)
      .toMatchObject({
        activeServer: slapd.url,
        servers: [
          { url: other.url, state: 'Down' },
          { url: slapd.url, state: 'Up' },
        ],
      });
    await until('it is Ready', async () => (await scene.condition('LdapBinding', 'shop', 'people'))?.status === 'True');
  });
});
