/**
 * A tenant that may do anything in its own namespace, on a real API server with real RBAC: it gains nothing elsewhere, the
 * operator reads nothing there on its word, and its neighbours notice nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderWholeChart } from '../support/chart.ts';
import { filterAudit } from '../support/kube-audit.ts';
import { type AnyObject, objectsOf } from '../support/kube-cluster.ts';
import { until } from '../support/product.ts';
import { attacks, hostileDatabaseUrls } from './tenants-attacks.ts';
import { decoys } from './tenants-references.ts';
import { home, ours, pathOf, TenantsWorld } from './tenants-world.ts';

const mergePatch = 'application/merge-patch+json';

let world: TenantsWorld;
beforeAll(async () => {
  world = await TenantsWorld.start();
  await world.begin();
  // Everything of the others has come to rest: a write from now on is one too many.
  await world.untilReason('AuthorizationServer', home, 'main', 'Ready', 'True');
  await world.untilReason('Scope', 'bank', 'read', 'Ready', 'True');
  for (const name of ['ledger', 'portal']) await world.untilReason('Client', 'bank', name, 'Ready', 'True');
  await world.untilReason('AuthorizationServer', 'bank', 'vault', 'DatabaseReady', 'True');
  await world.untilReason('AuthorizationServer', 'mallory', 'own', 'DatabaseReady', 'True');
});
afterAll(() => world?.stop());

/** Reads of what nobody in that namespace asked for. */
async function foreignReads(): Promise<readonly string[]> {
  const events = await world.cluster.auditEvents();
  return filterAudit(events, {
    user: world.operatorUser,
    resource: ['secrets', 'configmaps'],
    name: [decoys.secret, decoys.configMap],
  })
    .filter(({ namespace }) => namespace !== 'mallory')
    .map(({ verb, resource, namespace, name, uri }) => `${verb} ${resource} ${namespace}/${name} ${uri}`);
}

/** What the others have, as the API server and the registry know it. */
async function others(): Promise<unknown> {
  return {
    resources: await world.othersResources(),
    secrets: await world.othersSecrets(),
    rows: await world.rows({ not: 'mallory' }),
  };
}

/** The same, once nothing of it has moved for a while. */
async function othersAtRest(): Promise<unknown> {
  let found = await others();
  let since = performance.now();
  await until('what the others have is at rest', async () => {
    await sleep(500);
    const now = await others();
    if (!isDeepStrictEqual(now, found)) since = performance.now();
    found = now;
    return performance.now() - since > 3_000;
  });
  return found;
}

const attack = (kind: string, name: string, spec: AnyObject, metadata: AnyObject = {}) =>
  world.tries('POST', pathOf(kind, 'mallory'), { apiVersion: ours, kind, metadata: { ...metadata, name }, spec });

const untilCondition = (kind: string, name: string, type: string, reason: string) =>
  world.untilReason(kind, 'mallory', name, type, reason);

describe('real rights', () => {
  it('mallory may do anything at home, and nothing elsewhere', async () => {
    expect((await world.tries('GET', pathOf('Secret', 'mallory'))).status).toBe(200);
    for (const path of [
      pathOf('Secret', 'bank'),
      pathOf('Secret', 'bank', decoys.secret),
      pathOf('Client', 'bank', 'ledger'),
      pathOf('AuthorizationServer', home, 'main'),
      '/api/v1/namespaces/bank',
    ])
      expect((await world.tries('GET', path)).status, path).toBe(403);
    expect((await world.tries('POST', pathOf('Client', 'bank'), { metadata: { name: 'x' }, spec: {} })).status).toBe(
      403,
    );
  });

  it('a right to everything of the core group includes the labels of its namespace, but for its name', async () => {
    const labels = { team: 'bank', 'kubernetes.io/metadata.name': 'bank' };
    const label = (wanted: Readonly<Record<string, string | null>>) =>
      world.tries('PATCH', '/api/v1/namespaces/mallory', { metadata: { labels: wanted } }, mergePatch);
    // What is written for owners: select by name where a team has more than the usual roles.
    expect((await label({ team: 'bank' })).body.metadata.labels).toMatchObject({ team: 'bank' });
    await label(labels);
    const found = await world.cluster.call('GET', '/api/v1/namespaces/mallory');
    expect(found.metadata.labels['kubernetes.io/metadata.name']).toBe('mallory');
    await label({ team: null });
  });

  it('A46 who has the usual role edit makes Clients and Scopes, and neither directories nor servers', async () => {
    const rendered = await renderWholeChart({ namespace: home, set: ['authorizationServer.create=false'] });
    const roles = objectsOf(rendered).filter(
      ({ kind, metadata }) => kind === 'ClusterRole' && /-(viewer|client-editor)$/.test(metadata.name),
    );
    for (const body of roles)
      await world.cluster.call('POST', '/apis/rbac.authorization.k8s.io/v1/clusterroles', { body });
    const token: Record<string, string> = {};
    for (const name of ['view', 'edit', 'admin']) {
      token[name] = await world.cluster.serviceAccountToken('mallory', name);
      const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name };
      const subjects = [{ kind: 'ServiceAccount', name, namespace: 'mallory' }];
      await world.put('RoleBinding', 'mallory', name, { roleRef, subjects });
    }
    const may = async (
      role: string,
      verb: string,
      resource: string,
      subresource = '',
      group = 'auth.nauthera.io',
    ): Promise<boolean> => {
      const body = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { group, namespace: 'mallory', verb, resource, subresource } },
      };
      const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
      return (await world.cluster.call('POST', path, { body, token: token[role] ?? '' })).status.allowed as boolean;
    };
    // The controller manager gathers the rules.
    await until('edit has what changes', () => may('edit', 'create', 'clients'));
    await until('edit has what reads', () => may('edit', 'list', 'clients'));
    await until('view has them', () => may('view', 'list', 'clients'));
    const answers: Record<string, boolean> = {};
    for (const resource of ['clients', 'scopes', 'ldapbindings', 'authorizationservers']) {
      for (const role of ['view', 'edit']) answers[`${role}s read ${resource}`] = await may(role, 'get', resource);
      for (const role of ['view', 'edit']) answers[`${role}s create ${resource}`] = await may(role, 'create', resource);
      answers[`edits write status of ${resource}`] = await may('edit', 'patch', resource, 'status');
    }
    // Handshakes and policies go by these labels.
    for (const role of ['edit', 'admin'])
      answers[`${role}s label the namespace`] = await may(role, 'patch', 'namespaces', '', '');
    const granted = Object.keys(answers).filter((one) => answers[one] === true);
    expect(granted.toSorted()).toEqual(
      [
        ...['clients', 'scopes', 'ldapbindings', 'authorizationservers'].flatMap((one) => [
          `edits read ${one}`,
          `views read ${one}`,
        ]),
        'edits create clients',
        'edits create scopes',
      ].toSorted(),
    );
  });
});

describe('I9 A71 A72 F39 resources that reach for what is not theirs', () => {
  let before: unknown;
  beforeAll(async () => {
    before = await othersAtRest();
  });

  it.each(attacks.map((one, at) => ({ ...one, at })))('$kind: $title', async ({ at, kind, spec, answer }) => {
    const { status, body } = await attack(kind, `try-${at}`, spec);
    if ('refused' in answer) {
      expect([400, 422], body.message).toContain(status);
      expect(body.message).toMatch(answer.refused);
      return;
    }
    expect(status, body.message).toBe(201);
    const condition = await untilCondition(kind, `try-${at}`, answer.condition, answer.reason);
    expect(condition.status).not.toBe('True');
    expect(condition.message).toMatch(answer.says);
    expect((await world.condition(kind, 'mallory', `try-${at}`, 'Ready'))?.status).not.toBe('True');
  });

  it('nothing of another namespace was read for it', async () => {
    expect(await foreignReads()).toEqual([]);
  });

  it('nobody else noticed, and none of it is registered', async () => {
    expect(await others()).toEqual(before);
    const registered = (await world.rows({ of: 'mallory' })).filter(({ withdrawn }) => withdrawn !== true);
    // A Client that lists a scope which is not open to it is served without that scope.
    const partly = attacks.findIndex(({ title }) => title === 'a scope that is not opened to it');
    expect(registered.map(({ id }) => id)).toEqual([`mallory.try-${partly}`]);
    expect(JSON.stringify(registered)).not.toContain('bank:read');
  });
});

describe('A76 A78 a database of its own choice', () => {
  it.each(Object.entries(hostileDatabaseUrls))('%s: refused, and nothing of the file is told', async (title, uri) => {
    const name = `db-${title.replaceAll(/[^a-z]+/g, '-')}`.slice(0, 40).replace(/-$/, '');
    await world.putSecret('mallory', name, { uri });
    const issuer = `https://${name}.mallory.example`;
    const made = await attack('AuthorizationServer', name, { issuer, database: { secretRef: { name } } });
    expect(made.status, made.body.message).toBe(201);
    const found = await world.untilReason('AuthorizationServer', 'mallory', name, 'DatabaseReady', 'False');
    // Not tried and failed: not taken.
    expect(found.message).toMatch(/is not taken|is no Postgres URL|must name user/);
    expect(JSON.stringify(await world.get('AuthorizationServer', 'mallory', name))).not.toMatch(/root:|BEGIN|eyJ|:p@/);
  });
});

describe('forged words', () => {
  let before: unknown;
  beforeAll(async () => {
    before = await othersAtRest();
  });

  const forge = async (status: AnyObject) => {
    const path = `${pathOf('Client', 'mallory', 'liar')}/status`;
    const answer = await world.tries('PATCH', path, { status }, mergePatch);
    expect(answer.status, answer.body.message).toBe(200);
  };
  const statusOfLiar = async () => (await world.get('Client', 'mallory', 'liar'))?.status;

  it('a status that it writes itself gives it nothing, and is corrected', async () => {
    expect((await attack('Client', 'liar', { grantTypes: ['client_credentials'] })).status).toBe(201);
    await untilCondition('Client', 'liar', 'Ready', 'Ready');
    const honest = await statusOfLiar();
    await forge({
      clientId: 'bank.ledger',
      issuer: 'https://vault.bank.example',
      binding: { name: decoys.secret },
      conditions: [],
    });
    let seen: AnyObject | undefined;
    const corrected = await until(
      () => `the status is the operator’s again; it is ${JSON.stringify(seen)}`,
      async () => {
        seen = await statusOfLiar();
        return seen?.clientId === 'mallory.liar' && seen.conditions.length > 0 && seen;
      },
    );
    expect({ ...corrected, conditions: [] }).toEqual({ ...honest, conditions: [] });
    expect((await world.rows({ of: 'mallory' })).map(({ id }) => id)).not.toContain('bank.ledger');
  });

  it('a server that it writes into its status invites it no more than before', async () => {
    await forge({ authorizationServer: 'bank/vault' });
    const refused = await untilCondition('Client', 'liar', 'Accepted', 'NotAllowedByServer');
    expect(refused.message).toContain('bank/vault takes no Clients from namespace mallory');
    const row = (await world.rows({ of: 'mallory' })).find(({ id }) => id === 'mallory.liar');
    expect(row?.withdrawn ?? true).toBe(true);
  });

  it('A80 a Secret that claims to belong to a neighbour’s Client is not theirs', async () => {
    const ledger = await world.get('Client', 'bank', 'ledger');
    const owner = { apiVersion: ours, kind: 'Client', name: 'ledger', uid: ledger?.metadata.uid, controller: true };
    const labels = {
      'auth.nauthera.io/client': 'ledger',
      'auth.nauthera.io/watch': 'true',
      'app.kubernetes.io/managed-by': 'nauthera-operator',
    };
    await world.tries('POST', pathOf('Secret', 'mallory'), {
      metadata: { name: 'ledger-oauth2', labels, ownerReferences: [owner] },
      stringData: { 'client-secret': 'a-secret-that-mallory-would-like-to-be-the-ledgers' },
    });
    const digest = (await world.get('Secret', 'bank', 'ledger-oauth2'))?.data['client-secret'];
    const look = { metadata: { annotations: { 'auth.nauthera.io/reconcile': 'mallory-1' } } };
    await world.cluster.call('PATCH', pathOf('Client', 'bank', 'ledger'), {
      body: look,
      contentType: mergePatch,
    });
    await until(
      'it was looked at again',
      async () =>
        (await world.get('Client', 'bank', 'ledger'))?.status.lastHandled?.['auth.nauthera.io/reconcile'] ===
        'mallory-1',
    );
    expect((await world.get('Secret', 'bank', 'ledger-oauth2'))?.data['client-secret']).toBe(digest);
    before = await othersAtRest();
  });

  it('A80 the Secret of a Client is not taken over, whatever it says of itself', async () => {
    const labels = { 'auth.nauthera.io/client': 'taker', 'app.kubernetes.io/managed-by': 'nauthera-operator' };
    const annotations = { 'auth.nauthera.io/owner': 'taker', 'auth.nauthera.io/adopt': 'true' };
    await world.putSecret('mallory', 'precious', { value: 'keep me' }, { labels, annotations });
    const spec = { grantTypes: ['client_credentials'], secret: { name: 'precious' } };
    expect((await attack('Client', 'taker', spec)).status).toBe(201);
    await untilCondition('Client', 'taker', 'ResolvedRefs', 'SecretNotOwned');
    expect(Object.keys((await world.get('Secret', 'mallory', 'precious'))?.data ?? {})).toEqual(['value']);
  });

  it('its own server is nobody’s default', async () => {
    const annotate = { metadata: { annotations: { 'auth.nauthera.io/is-default': 'true' } } };
    const path = pathOf('AuthorizationServer', 'mallory', 'own');
    expect((await world.tries('PATCH', path, annotate, mergePatch)).status).toBe(200);
    const spec = { grantTypes: ['client_credentials'] };
    expect((await attack('Client', 'after-default', spec)).status).toBe(201);
    await untilCondition('Client', 'after-default', 'Accepted', 'Accepted');
    expect((await world.get('Client', 'mallory', 'after-default'))?.status.authorizationServer).toBe(`${home}/main`);
  });

  it('the issuer of the server of everybody stays its own', async () => {
    const main = await world.get('AuthorizationServer', home, 'main');
    await world.putSecret('mallory', 'twin-database', { uri: await world.postgres.createDatabase() });
    const spec = { issuer: main?.spec.issuer, database: { secretRef: { name: 'twin-database' } } };
    expect((await attack('AuthorizationServer', 'twin', spec)).status).toBe(201);
    await untilCondition('AuthorizationServer', 'twin', 'Deployed', 'Conflict');
  });

  it('the database of the server of everybody serves no second one', async () => {
    await world.putSecret('mallory', 'stolen-database', { uri: world.databaseUrl });
    const spec = { issuer: 'https://stolen.mallory.example', database: { secretRef: { name: 'stolen-database' } } };
    expect((await attack('AuthorizationServer', 'stolen', spec)).status).toBe(201);
    await untilCondition('AuthorizationServer', 'stolen', 'DatabaseReady', 'DatabaseInUse');
  });

  it('rows of others are not its to take over, nor is their database', async () => {
    const here = (await world.cluster.call('GET', '/api/v1/namespaces/kube-system')).metadata.uid as string;
    for (const source of [here, 'another-cluster']) {
      const annotate = { metadata: { annotations: { 'auth.nauthera.io/adopt-from': source } } };
      for (const name of ['own', 'stolen'])
        expect(
          (await world.tries('PATCH', pathOf('AuthorizationServer', 'mallory', name), annotate, mergePatch)).status,
        ).toBe(200);
      await until(
        'it was looked at',
        async () =>
          (await world.get('AuthorizationServer', 'mallory', 'own'))?.status.lastHandled?.[
            'auth.nauthera.io/adopt-from'
          ] === source,
      );
      await untilCondition('AuthorizationServer', 'stolen', 'DatabaseReady', 'DatabaseInUse');
    }
    expect(await world.rows({ not: 'mallory' })).toEqual((before as { rows: unknown }).rows);
  });

  it('finalizers of its own keep an object, and nothing that was registered', async () => {
    const path = pathOf('Client', 'mallory', 'kept');
    const finalizers = ['mallory.example/forever', 'auth.nauthera.io/server'];
    expect((await attack('Client', 'kept', { grantTypes: ['client_credentials'] }, { finalizers })).status).toBe(201);
    await untilCondition('Client', 'kept', 'Ready', 'Ready');
    await world.tries('DELETE', path);
    const ids = async () => (await world.rows({ of: 'mallory' })).map(({ id }) => id);
    await until('it is registered no more', async () => !(await ids()).includes('mallory.kept'));
    await until(
      'it is released as far as it is ours',
      async () => (await world.get('Client', 'mallory', 'kept'))?.metadata.finalizers?.length === 2,
    );
    expect((await world.tries('PATCH', path, { metadata: { finalizers: null } }, mergePatch)).status).toBe(200);
  });

  it('whoever takes our finalizer away is unregistered all the same', async () => {
    const path = pathOf('Client', 'mallory', 'torn');
    expect((await attack('Client', 'torn', { grantTypes: ['client_credentials'] })).status).toBe(201);
    await untilCondition('Client', 'torn', 'Ready', 'Ready');
    await world.tries('PATCH', path, { metadata: { finalizers: null } }, mergePatch);
    await world.tries('DELETE', path);
    const ids = async () => (await world.rows({ of: 'mallory' })).map(({ id }) => id);
    await until('it is registered no more', async () => !(await ids()).includes('mallory.torn'));
    await world.tries('PATCH', path, { metadata: { finalizers: null } }, mergePatch);
  });

  it('owner references to what others have move nothing of theirs', async () => {
    const main = await world.get('AuthorizationServer', home, 'main');
    const ledger = await world.get('Client', 'bank', 'ledger');
    const ownerReferences = [
      { apiVersion: ours, kind: 'AuthorizationServer', name: 'main', uid: main?.metadata.uid, controller: true },
      { apiVersion: ours, kind: 'Client', name: 'ledger', uid: ledger?.metadata.uid },
    ];
    const made = await attack('Client', 'child', { grantTypes: ['client_credentials'] }, { ownerReferences });
    expect(made.status, made.body.message).toBe(201);
    // The garbage collector takes it: an owner of another namespace is none.
    await until('it is gone', async () => (await world.get('Client', 'mallory', 'child')) === undefined);
  });

  it('nobody else noticed any of it', async () => {
    expect(await others()).toEqual(before);
    expect(await foreignReads()).toEqual([]);
  });
});

describe('F38 names that others had', () => {
  it('a freed client id stays reserved for its namespace', async () => {
    await world.cluster.call('DELETE', pathOf('Client', 'bank', 'portal'));
    await until('the portal is gone', async () => (await world.get('Client', 'bank', 'portal')) === undefined);
    const spec = { grantTypes: ['client_credentials'], clientId: 'shared-portal' };
    expect((await attack('Client', 'portal', spec)).status).toBe(201);
    const condition = await untilCondition('Client', 'portal', 'Accepted', 'Conflict');
    expect(condition.message).not.toContain('bank');
  });
});

describe('size', () => {
  it('rules cost no more than the API server lets them, however large an object is', async () => {
    const pad = (length: number, start = '') => start + 'a'.repeat(length - start.length);
    const many = (count: number, of: (at: number) => unknown) => Array.from({ length: count }, (_, at) => of(at));
    const tag = (at: number) => String(at).padStart(4, '0');
    const policies = many(32, (at) => ({
      name: `p${at}`,
      clientIds: many(64, (n) => `${pad(250)}${tag(n)}*`),
      audiences: many(64, (n) => `${pad(500)}${tag(n)}`),
      redirectHosts: many(64, (n) => `*.${pad(200)}${tag(n)}.example`),
    }));
    const key = (at: number) => ({ kid: `${tag(at)}${pad(200)}`, kty: 'RSA', n: pad(1366), e: 'AQAB' });
    const trustedClusters = many(8, (at) => ({
      name: `c${at}`,
      issuer: pad(512),
      jwks: { keys: many(10, (n) => key(at * 10 + n)) },
    }));
    const accounts = many(10, (at) => ({ name: `${pad(240)}${tag(at)}`, cluster: pad(63) }));
    const huge: readonly [string, AnyObject][] = [
      ['AuthorizationServer', { issuer: 'https://huge.mallory.example', clientPolicies: policies }],
      ['AuthorizationServer', { issuer: 'https://huge.mallory.example', trustedClusters }],
      [
        'Client',
        {
          grantTypes: ['client_credentials'],
          authentication: { method: 'kubernetes_service_account', serviceAccounts: accounts },
        },
      ],
    ];
    for (const [kind, spec] of huge) {
      const body = { apiVersion: ours, kind, metadata: { name: 'costly' }, spec };
      const { status, body: said } = await world.tries('POST', `${pathOf(kind, 'mallory')}?dryRun=All`, body);
      expect(status, said.message?.slice(0, 500)).toBe(201);
    }
  });

  it('resources at every limit work, or say why not, and others are not delayed', async () => {
    const padding = { 'mallory.example/padding': 'x'.repeat(250_000) };
    const uri = (at: number) => `https://m.apps.example/${String(at).padStart(4, '0')}/${'a'.repeat(1900)}`;
    const large = {
      redirectUris: Array.from({ length: 32 }, (_, at) => uri(at)),
      postLogoutRedirectUris: Array.from({ length: 32 }, (_, at) => uri(at)),
    };
    const scopes = Array.from({ length: 50 }, (_, at) => `mallory:${String(at).padStart(3, '0')}${'s'.repeat(200)}`);
    const made = await attack('Client', 'large', { ...large, scopes }, { annotations: padding });
    expect([201, 422], made.body.message).toContain(made.status);
    await world.putSecret('mallory', 'huge', { 'client-secret': 'h'.repeat(900_000) });
    await attack('Client', 'huge', { grantTypes: ['client_credentials'], secret: { adopt: 'huge' } });
    await world.put('Client', 'bank', 'beside', { spec: { grantTypes: ['client_credentials'] } });
    await until(
      'the neighbour is served',
      async () => (await world.condition('Client', 'bank', 'beside', 'Ready'))?.status === 'True',
    );
    const huge = await until('a verdict on the huge Secret', async () => {
      const found = await world.condition('Client', 'mallory', 'huge', 'ResolvedRefs');
      return found !== undefined && found.reason !== 'Pending' && found;
    });
    expect(huge.message.length).toBeLessThanOrEqual(250);
    if (made.status === 201)
      await until(
        'a verdict',
        // Each object has the condition from the start, until somebody looked at it.
        async () => ((await world.condition('Client', 'mallory', 'large', 'Ready'))?.reason ?? 'Pending') !== 'Pending',
      );
  });
});
