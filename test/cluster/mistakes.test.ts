/** The commonest mistakes of people who write resources: what `kubectl` tells whoever made them, word by word. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAuthority } from '../support/certificates.ts';
import { Scene } from '../support/cluster-scene.ts';
import { askForToken } from '../support/cluster-tokens.ts';
import { type AnyObject, startCluster, type TestCluster } from '../support/kube-cluster.ts';
import { steadyTable, untilGolden } from '../support/kubectl-table.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/product.ts';
import type { Replica } from '../support/replica.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';

let cluster: TestCluster;
let postgres: TestPostgres;
let slapd: Slapd;
let scene: Scene;
let operator: OperatorProcess;
let replica: Replica;

const policy = {
  name: 'few-grants',
  namespaces: { from: 'Same' },
  grantTypes: ['client_credentials', 'authorization_code'],
  redirectHosts: ['*.example.org'],
  maxLifetimes: { accessToken: '10m' },
};

beforeAll(async () => {
  [cluster, postgres, slapd] = await Promise.all([startCluster(), startPostgres('newest'), startSlapd()]);
  scene = await Scene.make({ cluster, postgres });
  const { auth, shop } = scene.namespaces;
  await scene.apply(scene.aServer({ clientPolicies: [policy] }));
  const closed = scene.aServer({
    allowedClients: { namespaces: { from: 'Same' } },
    issuer: 'http://127.0.0.1:10',
    database: { secretRef: { name: 'to-come' } },
  });
  await scene.apply({ ...closed, metadata: { name: 'closed', namespace: auth } });
  await secret('pg-superuser', { username: 'postgres', password: 'x' }, auth);
  await secret('reader', { password: slapd.bindPassword }, shop);
  await secret('wrong-reader', { password: 'wrong' }, shop);
  for (const [name, pem] of [
    ['directory-ca', slapd.caPem],
    ['another-ca', (await makeAuthority('Another CA')).pem],
  ] as const)
    await scene.apply({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: shop },
      data: { 'ca.crt': pem },
    });
  await scene.apply(scene.aScope());
  await scene.apply(scene.aClient());
  operator = await scene.operator();
  replica = await scene.replica();
  await scene.untilReason('Client', 'shop', 'batch');
});
afterAll(async () => {
  await replica?.kill();
  await operator?.stop();
  await Promise.all([cluster?.stop(), postgres?.stop(), slapd?.close()]);
});

async function secret(name: string, stringData: AnyObject, namespace = scene.namespaces.shop): Promise<void> {
  await scene.apply({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, stringData });
}

/** A Client as somebody would write it, in the shop. */
function client(name: string, spec: AnyObject): AnyObject {
  return { ...scene.aClient(name), spec };
}

const apply = (object: AnyObject) => cluster.kubectl(['apply', '-f', '-'], { stdin: JSON.stringify(object) });

/** What the words in braces stand for here. */
const filled = (text: string) =>
  text.replaceAll(/\{(auth|shop|port|bindDn|baseDn)\}/g, (_, name: string) => {
    if (name === 'auth' || name === 'shop') return scene.namespaces[name];
    return String({ port: slapd.port, bindDn: slapd.bindDn, baseDn: slapd.baseDn }[name]);
  });

const machine = { grantTypes: ['client_credentials'], scopes: [] };
const web = 'https://app.example.com/cb';

/** Id, the spec, the field, the message. */
const refused: readonly (readonly [string, AnyObject, string, string])[] = [
  [
    'M01: plain http',
    { redirectUris: ['http://app.example.com/cb'] },
    'spec.redirectUris[0]',
    'use https; http only for 127.0.0.1, [::1] and localhost; a public client may use a private scheme with a dot, such as com.example.app:/callback',
  ],
  ...['https://app.example.com/*', `${web}#done`, 'https://me@app.example.com/cb', 'https://app.example.com/../cb'].map(
    (uri) =>
      [
        `M02: ${uri}`,
        { redirectUris: [web, uri] },
        'spec.redirectUris[1]',
        'must be one exact URI without wildcard (*), fragment (#), user info (@), dot segments or spaces: list every URI that the app uses',
      ] as const,
  ),
  [
    'M03: a redirecting grant without a URI',
    { grantTypes: ['authorization_code'] },
    'spec.redirectUris',
    'authorization_code, implicit and hybrid send the user back to the app: add at least one redirect URI',
  ],
  [
    'M04: a public client with client_credentials',
    { ...machine, authentication: { method: 'none' } },
    'spec.grantTypes',
    'a public client cannot prove who it is: for client_credentials use client_secret_basic, private_key_jwt or kubernetes_service_account',
  ],
  [
    'M04: a public client without PKCE',
    { redirectUris: [web], authentication: { method: 'none' }, pkce: 'Optional' },
    'spec.pkce',
    'public clients must use PKCE: leave pkce out or set Required',
  ],
  [
    'M05: refresh_token alone',
    { grantTypes: ['refresh_token'] },
    'spec.grantTypes',
    'refresh_token needs authorization_code or urn:ietf:params:oauth:grant-type:device_code beside it: no other grant yields a refresh token',
  ],
];

describe('what kubectl apply refuses', () => {
  it.each(refused)('%s', async (_, spec, field, message) => {
    const { code, stderr } = await apply(client('refused', spec));
    expect(code).toBe(1);
    const line = stderr.split('\n').find((one) => one.includes(message)) ?? stderr;
    expect(line).toMatch(/^(The Client "refused" is invalid: |\* )/);
    expect(line.replace(/^.*?(?=spec\.)/, '').startsWith(`${field}: Invalid value: `)).toBe(true);
    expect(line.endsWith(`: ${message}`)).toBe(true);
    expect(stderr.split('\n').filter((one) => one.includes('Invalid value'))).toHaveLength(1);
  });

  it('M06: a changed client id', async () => {
    const named = (clientId: string) => client('named', { ...machine, clientId });
    expect((await apply(named(`${scene.namespaces.shop}.one`))).code).toBe(0);
    const { code, stderr } = await apply(named(`${scene.namespaces.shop}.two`));
    expect(code).toBe(1);
    expect(stderr).toContain('spec.clientId: Invalid value: ');
    expect(stderr).toContain(
      ': clientId cannot change, tokens and consents hang on it: create a second Client with the new id, move the app, then delete this one',
    );
  });

  it('M07: a field that there is not', async () => {
    const { code, stderr } = await apply(client('typo', { redirectUrls: [web] }));
    expect(code).toBe(1);
    expect(stderr).toContain('unknown field "spec.redirectUrls"');
  });
});

interface Told {
  readonly object: () => AnyObject;
  readonly type: string;
  readonly status?: string;
  readonly reason: string;
  readonly message: string;
}

const inAuth = (name: string, spec: AnyObject): AnyObject => ({
  ...client(name, spec),
  metadata: { name, namespace: scene.namespaces.auth },
});
const binding = (name: string, spec: AnyObject): AnyObject =>
  scene.aBinding(name, {
    servers: [{ url: slapd.url }],
    tls: { caBundleRef: { name: 'directory-ca' } },
    bind: { dn: slapd.bindDn, passwordSecretRef: { name: 'reader' } },
    userSearch: { base: `ou=people,${slapd.baseDn}` },
    ...spec,
  });
const main = () => ({ name: 'main', namespace: scene.namespaces.auth });
const shopClient = (name: string, spec: AnyObject) => () =>
  client(name, { ...machine, authorizationServerRef: main(), ...spec });

const told: readonly (readonly [string, Told])[] = [
  [
    'M08: a namespace that is not invited',
    {
      object: () =>
        client('stranger', {
          ...machine,
          authorizationServerRef: { name: 'closed', namespace: scene.namespaces.auth },
        }),
      type: 'Accepted',
      reason: 'NotAllowedByServer',
      message:
        'AuthorizationServer {auth}/closed takes no Clients from namespace {shop}. Its owner can add it in spec.allowedClients.namespaces (now: Same)',
    },
  ],
  [
    'M09: a grant type beyond policy',
    {
      object: () =>
        inAuth('grants', {
          authorizationServerRef: { name: 'main' },
          grantTypes: ['authorization_code', 'refresh_token'],
          redirectUris: ['https://app.example.org/cb'],
        }),
      type: 'Accepted',
      reason: 'PolicyViolation',
      message:
        'spec.grantTypes: "refresh_token" is refused by policy "few-grants" of {auth}/main, which allows client_credentials, authorization_code. Change it or ask the owner of that server',
    },
  ],
  [
    'M09: a host beyond policy',
    {
      object: () => inAuth('host', { authorizationServerRef: { name: 'main' }, redirectUris: [web] }),
      type: 'Accepted',
      reason: 'PolicyViolation',
      message:
        'spec.redirectUris[0]: "app.example.com" is refused by policy "few-grants" of {auth}/main, which allows *.example.org. Change it or ask the owner of that server',
    },
  ],
  [
    'M09: a lifetime beyond policy',
    {
      object: () =>
        inAuth('long', {
          ...machine,
          authorizationServerRef: { name: 'main' },
          accessToken: { lifetime: '30m' },
        }),
      type: 'Accepted',
      reason: 'PolicyViolation',
      message:
        'spec.accessToken.lifetime: "30m" is refused by policy "few-grants" of {auth}/main, which allows at most 10m. Change it or ask the owner of that server',
    },
  ],
  [
    'M10: a misspelt scope',
    {
      object: () => shopClient('misspelt', { scopes: [`${scene.namespaces.shop}:raed`] })(),
      type: 'ResolvedRefs',
      reason: 'ScopeNotFound',
      message: 'spec.scopes: no Scope "{shop}:raed" on {auth}/main. Did you mean "{shop}:read"? Waiting for it',
    },
  ],
  [
    'M11: a scope that is not opened to it',
    {
      object: () =>
        inAuth('closed', { ...machine, authorizationServerRef: { name: 'main' }, scopes: [scene.scope('read')] }),
      type: 'ResolvedRefs',
      reason: 'ScopeNotAllowed',
      message:
        'spec.scopes: Scope "{shop}:read" is not open to namespace {auth}. Its owner can add it in spec.allowedClients.namespaces',
    },
  ],
  [
    'M12: a server that is not there',
    {
      object: shopClient('lost', { authorizationServerRef: { name: 'mian' } }),
      type: 'ResolvedRefs',
      reason: 'ServerNotFound',
      message: 'no AuthorizationServer {shop}/mian. Check spec.authorizationServerRef',
    },
  ],
  [
    'M12: no server named, and no default',
    {
      object: () => client('nowhere', machine),
      type: 'ResolvedRefs',
      reason: 'ServerNotFound',
      message: 'no default AuthorizationServer here: set spec.authorizationServerRef',
    },
  ],
  [
    'M13: a client id that is taken',
    {
      object: () => shopClient('twin', { clientId: `${scene.namespaces.shop}.batch` })(),
      type: 'Accepted',
      reason: 'Conflict',
      message:
        'client id "{shop}.batch" belongs to an older Client in this namespace: batch. Choose another spec.clientId',
    },
  ],
  [
    'M14: a Secret that is not there yet',
    {
      object: shopClient('early', { secret: { adopt: 'later' } }),
      type: 'ResolvedRefs',
      reason: 'SecretNotFound',
      message:
        'Secret "later" named in spec.secret.adopt does not exist in namespace {shop}. Waiting; nothing is generated in its place',
    },
  ],
  [
    'M15: a short secret',
    {
      object: shopClient('short', { secret: { adopt: 'too-short' } }),
      type: 'ResolvedRefs',
      reason: 'SecretInvalid',
      message:
        'Secret "too-short", key "client-secret": has 12 characters, 32 are needed. Write a new one, for example with: openssl rand -hex 32',
    },
  ],
  [
    'M15: a trailing newline',
    {
      object: shopClient('newline', { secret: { adopt: 'with-newline' } }),
      type: 'ResolvedRefs',
      reason: 'SecretInvalid',
      message:
        'Secret "with-newline", key "client-secret": ends in a newline. Write a new one, for example with: openssl rand -hex 32',
    },
  ],
  [
    'M16: a Secret that exists already',
    {
      object: shopClient('taken', { secret: { name: 'there' } }),
      type: 'ResolvedRefs',
      reason: 'SecretNotOwned',
      message:
        'Secret "there" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt',
    },
  ],
  [
    "M17: the directory's CA is missing",
    {
      object: () => binding('no-ca', { tls: { caBundleRef: { name: 'another-ca' } } }),
      type: 'TLSReady',
      reason: 'CertificateUntrusted',
      message:
        'localhost:{port}: its certificate, issued by "Test CA", is not trusted. Add that CA to the bundle named in spec.tls.caBundleRef',
    },
  ],
  [
    'M18: a wrong bind password',
    {
      object: () =>
        binding('wrong-password', { bind: { dn: slapd.bindDn, passwordSecretRef: { name: 'wrong-reader' } } }),
      type: 'BindSucceeded',
      reason: 'BindRejected',
      message:
        'localhost:{port} refused the service account "{bindDn}" (invalid credentials). Check spec.bind.dn and Secret "wrong-reader"',
    },
  ],
  [
    'M18: a search base that is not there',
    {
      object: () => binding('wrong-base', { userSearch: { base: 'ou=people,dc=elsewhere' } }),
      type: 'SearchBaseFound',
      reason: 'SearchBaseNotFound',
      message: 'search base "ou=people,dc=elsewhere" does not exist on localhost. It offers: {baseDn}',
    },
  ],
  [
    'M19: a wrong database Secret',
    {
      object: () => ({
        ...scene.aServer({ database: { secretRef: { name: 'pg-superuser' } }, issuer: 'http://127.0.0.1:11' }),
        metadata: { name: 'wrong-secret', namespace: scene.namespaces.auth },
      }),
      type: 'DatabaseReady',
      reason: 'SecretKeyNotFound',
      message:
        'Secret "pg-superuser" has no key "uri" (keys: password, username). Point spec.database.secretRef at the Secret your database operator wrote, e.g. <cluster>-app',
    },
  ],
];

describe('what kubectl get and describe tell', () => {
  beforeAll(async () => {
    await secret('too-short', { 'client-secret': 'x'.repeat(12) });
    await secret('with-newline', { 'client-secret': `${'x'.repeat(40)}\n` });
    await secret('there', { a: 'b' });
  });

  it.each(told)('%s', async (_, { object, type, reason, message }) => {
    const made = object();
    const { name, namespace } = made.metadata;
    expect((await apply(made)).stderr).toBe('');
    const kind = String(made.kind).toLowerCase();
    const of = (what: string, member: string) => `{.status.conditions[?(@.type=="${what}")].${member}}`;
    const members = ['status', 'reason', 'message'].map((member) => of(type, member)).join('|');
    const ready = ['status', 'reason', 'message'].map((member) => of('Ready', member)).join('|');
    const wanted = `False|${reason}|${filled(message)}`;
    let seen = '';
    await until(
      () => `${kind} ${name} tells ${reason}; it tells ${seen}`,
      async () => {
        const read = await cluster.kubectl(['get', kind, name, '-o', `jsonpath=${members}\n${ready}`], { namespace });
        seen = read.stdout;
        // Whoever looks at Ready alone reads the same.
        return seen === `${wanted}\n${wanted}`;
      },
    );
    expect(filled(message).length).toBeLessThanOrEqual(250);
    await until('describe tells the same, with an Event beneath', async () => {
      const { stdout } = await cluster.kubectl(['describe', kind, name], { namespace });
      const [status = '', events = ''] = stdout.split(/^Events:/m);
      return (
        status.includes(filled(message)) &&
        new RegExp(`(Normal|Warning) +${reason} .*`).exec(events) !== null &&
        events.includes(filled(message))
      );
    });
  });

  it('M14: once it is there, it is used as it is, and never written', async () => {
    const value = 'a-secret-of-forty-characters-and-no-less';
    await secret('later', { 'client-secret': value });
    await scene.untilReason('Client', 'shop', 'early');
    const got = await scene.get('Client', 'shop', 'early');
    expect(got?.status.binding).toEqual({ name: 'later' });
    const kept = await scene.get('secrets', 'shop', 'later');
    expect([kept?.metadata.ownerReferences, kept?.metadata.labels, Object.keys(kept?.data)]).toEqual([
      undefined,
      undefined,
      ['client-secret'],
    ]);
    expect(await scene.get('secrets', 'shop', 'early-oauth2')).toBeUndefined();
    const credentials = { 'client-id': `${scene.namespaces.shop}.early`, 'client-secret': value };
    expect(await askForToken(replica.url, credentials)).toBe('200');
    const described = async () =>
      (await cluster.kubectl(['describe', 'nclient', 'early'], { namespace: scene.namespaces.shop })).stdout;
    await expect.poll(described).toMatch(/Normal +SecretAdopted .*Secret "later" is used as it is/);
    expect(await described()).not.toContain(value);
  });

  it('M16: the Secret that was there is as it was', async () => {
    expect(await scene.secret('shop', 'there')).toEqual({ a: 'b' });
  });

  it('kubectl get -A -o wide tells all of them at once', async () => {
    const { auth, shop } = scene.namespaces;
    const masks = [
      [auth, 'auth'],
      [shop, 'shop'],
      [`localhost:${slapd.port}`, 'localhost:636'],
    ] as const;
    const look = async () => {
      const { stdout } = await cluster.kubectl(['get', 'nas,nclient,nscope,nldap', '-A', '-o', 'wide']);
      return steadyTable(stdout, { masks });
    };
    await untilGolden(join(import.meta.dirname, 'golden/mistakes.txt'), look, () => sleep(5_000));
  });
});
