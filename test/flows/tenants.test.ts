/**
 * A team that may write any resource in its own namespace, and means harm: everything gets a condition or a line that says
 * why, nothing of it is served, nothing outside its namespace is read or written, and its neighbours notice nothing.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { aClientFile, aScopeFile, Product, until } from '../support/product.ts';

const file = (kind: string, name: string, spec: string, metadata = '') =>
  `apiVersion: auth.nauthera.io/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: mallory${metadata}}\nspec:\n${spec
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')}\n`;
const machine = 'grantTypes: [client_credentials]';
const web = 'redirectUris: ["https://mallory.example/cb"]';
const bind = (ref = '{name: reader}') => `bind: {dn: "cn=x", passwordSecretRef: ${ref}}`;
const directory = (port: number, more = '') =>
  `vendor: OpenLDAP\nservers: [{url: "ldaps://127.0.0.1:${port}"}]\n${bind()}\nuserSearch: {base: "dc=x"}${more}`;
const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** Title, kind, spec, condition, reason, and a piece of its message. */
type Refused = readonly [string, string, string, string, string, RegExp];
const refused: readonly Refused[] = [
  [
    'a client id of a neighbour',
    'Client',
    `${machine}\nclientId: shop.batch`,
    'Accepted',
    'PolicyViolation',
    /shop\.batch/,
  ],
  [
    'a client id that a neighbour has not taken yet',
    'Client',
    `${machine}\nclientId: shop.next`,
    'Accepted',
    'PolicyViolation',
    /shop\.next/,
  ],
  ['a client id of nobody', 'Client', `${machine}\nclientId: admin`, 'Accepted', 'PolicyViolation', /admin/],
  ['a client id like a subject', 'Client', `${machine}\nclientId: u_abc`, 'Accepted', 'InvalidSpec', /u_/],
  [
    'the audience of a neighbour',
    'Client',
    `${machine}\naccessToken: {audiences: [shop.batch]}`,
    'Accepted',
    'PolicyViolation',
    /audiences/,
  ],
  [
    'the audience of an API',
    'Client',
    `${machine}\naccessToken: {audiences: ["https://bank.example"]}`,
    'Accepted',
    'PolicyViolation',
    /audiences/,
  ],
  [
    'consent that nobody gives',
    'Client',
    `${web}\nconsent: {mode: Implicit}`,
    'Accepted',
    'PolicyViolation',
    /Implicit/,
  ],
  ['a token for a day', 'Client', `${machine}\naccessToken: {lifetime: 24h}`, 'Accepted', 'InvalidSpec', /lifetime/],
  ['a script as redirect URI', 'Client', 'redirectUris: ["javascript:alert(1)"]', 'Accepted', 'InvalidSpec', /https/],
  ['data as redirect URI', 'Client', 'redirectUris: ["data:text/html,x"]', 'Accepted', 'InvalidSpec', /https/],
  [
    'a wildcard as redirect URI',
    'Client',
    'redirectUris: ["https://*.example.com/cb"]',
    'Accepted',
    'InvalidSpec',
    /exact/,
  ],
  ['a pattern field', 'Client', `${web}\nredirectUriPattern: ".*"`, 'Accepted', 'InvalidSpec', /unknown field/],
  [
    'a path as name of its Secret',
    'Client',
    `${machine}\nsecret: {name: "../shop/batch-oauth2"}`,
    'Accepted',
    'InvalidSpec',
    /secret\.name/,
  ],
  [
    'an encoded path',
    'Client',
    `${machine}\nsecret: {name: "%2e%2e%2fshop"}`,
    'Accepted',
    'InvalidSpec',
    /secret\.name/,
  ],
  ['an empty name', 'Client', `${machine}\nsecret: {name: ""}`, 'Accepted', 'InvalidSpec', /secret\.name/],
  ['a slash', 'Client', `${machine}\nsecret: {name: "shop/batch-oauth2"}`, 'Accepted', 'InvalidSpec', /secret\.name/],
  [
    'a Secret in another namespace',
    'Client',
    `${machine}\nsecret: {namespace: shop, name: batch-oauth2}`,
    'Accepted',
    'InvalidSpec',
    /unknown field/,
  ],
  [
    'a key that leaves the mount',
    'Client',
    `${machine}\nsecret: {keys: {client-secret: "../x"}}`,
    'Accepted',
    'InvalidSpec',
    /secret\.keys/,
  ],
  [
    'a name that turns the reading direction',
    'Client',
    `${machine}\ndisplayName: "\\u202Etxet"`,
    'Accepted',
    'InvalidSpec',
    /displayName/,
  ],
  [
    'a name of 5,000 characters',
    'Client',
    `${machine}\ndisplayName: ${'x'.repeat(5000)}`,
    'Accepted',
    'InvalidSpec',
    /displayName/,
  ],
  [
    '33 redirect URIs',
    'Client',
    `redirectUris: [${Array.from({ length: 33 }, (_, at) => `"https://a.example/${at}"`).join(', ')}]`,
    'Accepted',
    'InvalidSpec',
    /redirectUris/,
  ],
  ['depth', 'Client', `${machine}\nscopes: ${deep(500)}`, 'Accepted', 'InvalidSpec', /scopes/],
  [
    'a scope name of a neighbour',
    'Scope',
    'name: "shop:write"\ndisplayName: x',
    'Accepted',
    'PolicyViolation',
    /shop:write/,
  ],
  ['a scope name of nobody', 'Scope', 'name: admin\ndisplayName: x', 'Accepted', 'PolicyViolation', /admin/],
  ['a built-in scope', 'Scope', 'name: openid\ndisplayName: x', 'Accepted', 'InvalidSpec', /built in/],
  [
    'a scope with the audience of a neighbour',
    'Scope',
    'name: "mallory:x"\ndisplayName: x\naudiences: [shop.batch]',
    'Accepted',
    'PolicyViolation',
    /audiences/,
  ],
  [
    'a scope that maps a protocol claim',
    'Scope',
    'name: "mallory:x"\ndisplayName: x\nclaims: [sub]',
    'Accepted',
    'InvalidSpec',
    /sub/,
  ],
  [
    'a password of another namespace',
    'LdapBinding',
    directory(1).replace(bind(), bind('{name: reader, namespace: auth}')),
    'Accepted',
    'InvalidSpec',
    /unknown field/,
  ],
  [
    'a certificate authority by path',
    'LdapBinding',
    directory(1, '\ntls: {caBundleRef: {name: "../../etc/ssl"}}'),
    'Accepted',
    'InvalidSpec',
    /caBundleRef/,
  ],
  [
    'a file as certificate authority',
    'LdapBinding',
    directory(1, '\ntls: {caFile: /etc/passwd}'),
    'Accepted',
    'InvalidSpec',
    /unknown field/,
  ],
  ['LDAP without TLS', 'LdapBinding', directory(1).replace('ldaps://', 'ldap://'), 'Accepted', 'InvalidSpec', /ldaps/],
  [
    'a value inside a substring',
    'LdapBinding',
    directory(1).replace('base: "dc=x"', 'base: "dc=x", filter: "(uid=*{}*)"'),
    'Accepted',
    'InvalidSpec',
    /filter/,
  ],
];

let product: Product;
/** Whoever connects here asks a directory that nobody let in. */
let sink: Server;
let touched = 0;
let sinkPort = 0;
beforeAll(async () => {
  sinkPort = await freePort();
  sink = createServer((socket) => {
    touched += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => sink.listen(sinkPort, '127.0.0.1', resolve));
  product = await Product.make();
  await product.write(
    'server.yaml',
    `apiVersion: auth.nauthera.io/v1alpha1
kind: AuthorizationServer
metadata: {name: main, namespace: auth, annotations: {auth.nauthera.io/is-default: "true"}}
spec:
  allowedClients: &teams
    namespaces: {from: Selector, selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop, mallory]}]}}
  allowedScopes: *teams
`,
  );
  await product.write('shop/scope.yaml', aScopeFile());
  await product.write('shop/client.yaml', aClientFile());
  await product.start();
  await product.untilReason('Client', 'shop', 'batch', 'Ready');
});
afterAll(async () => {
  await product?.end();
  sink?.close();
});

const registered = () =>
  product.sql<{ id: string; namespace: string }>(
    `SELECT kind || '/' || id AS id, namespace FROM registry WHERE NOT withdrawn ORDER BY 1`,
  );
const ours = ['client/shop.batch', 'scope/shop:read', 'server/self'];
const neighbour = async () =>
  (await product.clientCredentials(await product.secret('shop', 'batch-oauth2'), 'shop:read')).status;

describe('F39, A71, A72, A79, I9: hostile resources of one namespace', () => {
  const secretBefore = () => readFile(product.secretFile('shop', 'batch-oauth2'), 'utf8');
  let kept = '';
  beforeAll(async () => {
    kept = await secretBefore();
    for (const [at, [, kind, spec]] of refused.entries()) {
      await product.write(`mallory/${at}.yaml`, file(kind, `bad-${at}`, spec));
    }
    await product.write('mallory/good.yaml', file('Client', 'good', machine));
    await product.untilReason('Client', 'mallory', 'good', 'Ready');
  });

  it.each(refused.map((one, at) => [one[0], at] as const))(
    '%s: a condition, and nothing served',
    async (_title, at) => {
      const [, kind, , type, reason, words] = refused[at] ?? refused[0] ?? [];
      const found = await product.untilReason(kind ?? '', 'mallory', `bad-${at}`, reason ?? '', type);
      expect(found.status).toBe('False');
      expect(found.message).toMatch(words ?? /./);
      expect(found.message.length).toBeLessThanOrEqual(250);
      expect(await product.condition(kind ?? '', 'mallory', `bad-${at}`, 'Stalled')).toMatchObject({ status: 'True' });
    },
  );

  it('of all of them one is served, the good one; neighbours are served as before', async () => {
    expect((await registered()).map(({ id }) => id)).toEqual(['client/mallory.good', ...ours].toSorted());
    expect(await neighbour()).toBe(200);
    expect(await secretBefore()).toBe(kept);
  });

  it('no id is claimed by what was refused: its rightful owner gets it', async () => {
    await product.write('shop/next.yaml', aClientFile('', 'next'));
    await product.untilReason('Client', 'shop', 'next', 'Ready');
    await product.remove('shop/next.yaml');
    await until('it is gone', async () => (await product.resource('Client', 'shop', 'next')) === undefined);
    await expect.poll(async () => (await registered()).map(({ id }) => id)).not.toContain('client/shop.next');
  });

  it('no file was written outside of its own folder of Secrets', async () => {
    const all = async () => (await readdir(join(product.resources, '.secrets'), { recursive: true })).toSorted();
    await expect
      .poll(all)
      .toEqual(
        ['key-encryption-key', 'mallory', 'mallory/good-oauth2.yaml', 'shop', 'shop/batch-oauth2.yaml'].toSorted(),
      );
    expect(await readdir(product.base)).toEqual(expect.not.arrayContaining(['shop', 'x']));
  });

  it.each([
    ['namespace', '"../shop"', 'x'],
    ['namespace', '""', 'x'],
    ['namespace', '"shop/../auth"', 'x'],
    ['name', 'mallory', '"../x"'],
    ['name', 'mallory', '"%2e%2e"'],
    ['name', 'mallory', '""'],
  ])('A72: a %s that is no name is a line and no resource: %s/%s', async (what, namespace, name) => {
    const text = file('Client', name, machine).replace('namespace: mallory', `namespace: ${namespace}`);
    await product.write('mallory/odd.yaml', text);
    await until('a line', async () =>
      (await product.status()).problems.some(
        (one) => one.includes(`mallory/odd.yaml`) && one.includes(`metadata.${what}`),
      ),
    );
    await product.remove('mallory/odd.yaml');
    await until('no line', async () => !(await product.status()).problems.some((one) => one.includes('odd.yaml')));
    expect((await registered()).map(({ id }) => id)).toEqual(['client/mallory.good', ...ours].toSorted());
  });
});

describe('what a namespace is not invited to', () => {
  it('A46: a directory of its own is never asked about anybody', async () => {
    await product.write('mallory/people.yaml', file('LdapBinding', 'people', directory(sinkPort)));
    await product.write(
      'mallory/reader.yaml',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: reader, namespace: mallory}\nstringData: {password: x}\n',
    );
    const found = await product.untilReason('LdapBinding', 'mallory', 'people', 'NotAllowedByServer', 'Accepted');
    expect(found.message).toBe(
      'AuthorizationServer auth/main takes no LdapBindings from namespace mallory. Its owner can add it in spec.allowedLdapBindings.namespaces (now: Same)',
    );
    expect(await product.sql(`SELECT id FROM registry WHERE kind = 'directory'`)).toEqual([]);
    expect(touched).toBe(0);
  });

  it('a Client of a namespace outside the selector is not served', async () => {
    const text = file('Client', 'web', machine).replace('namespace: mallory', 'namespace: stranger');
    await product.write('stranger/web.yaml', text);
    await product.untilReason('Client', 'stranger', 'web', 'NotAllowedByServer', 'Accepted');
    expect(await product.sql(`SELECT id FROM registry WHERE namespace = 'stranger'`)).toEqual([]);
    expect(await readdir(join(product.resources, '.secrets'))).not.toContain('stranger');
  });

  it('a scope that is not opened to it is inert, and one that it may not know is not suggested', async () => {
    await product.write('mallory/reads.yaml', file('Client', 'reads', `${machine}\nscopes: ["shop:read"]`));
    const closed = await product.untilReason('Client', 'mallory', 'reads', 'ScopeNotAllowed', 'ResolvedRefs');
    expect(closed.message).toContain('Scope "shop:read" is not open to namespace mallory');
    await until('served without it', () => product.secret('mallory', 'reads-oauth2').catch(() => undefined));
    const secret = await product.secret('mallory', 'reads-oauth2');
    await until('a token', async () => (await product.clientCredentials(secret)).status === 200);
    expect((await product.clientCredentials(secret, 'shop:read')).body.error).toBe('invalid_scope');
    await product.write('mallory/guess.yaml', file('Client', 'guess', `${machine}\nscopes: ["shop:reed"]`));
    const unknown = await product.untilReason('Client', 'mallory', 'guess', 'ScopeNotFound', 'ResolvedRefs');
    expect(unknown.message).not.toContain('shop:read');
  });
});

describe('a server of its own', () => {
  const isDefault = ', annotations: {auth.nauthera.io/is-default: "true"}';
  it('takes neither the database nor the Clients of another, though it calls itself the default', async () => {
    const server = (spec: string) =>
      product.write(
        'mallory/server.yaml',
        file('AuthorizationServer', 'main', `allowedClients: {namespaces: {from: All}}${spec}`, isDefault),
      );
    await server('');
    await product.untilReason('AuthorizationServer', 'mallory', 'main', 'Conflict', 'Deployed');
    await server('\nissuer: https://mallory.example');
    await product.untilReason('AuthorizationServer', 'mallory', 'main', 'InvalidSpec');
    await product.remove('mallory/server.yaml');
    await product.write(
      'mallory/another.yaml',
      file('AuthorizationServer', 'another', 'issuer: https://mallory.example', isDefault),
    );
    const found = await product.untilReason(
      'AuthorizationServer',
      'mallory',
      'another',
      'DatabaseInUse',
      'DatabaseReady',
    );
    expect(found.status).toBe('False');
    expect(await neighbour()).toBe(200);
    expect(await product.condition('Client', 'shop', 'batch')).toMatchObject({ status: 'True' });
    expect((await product.resource('Client', 'shop', 'batch'))?.status.authorizationServer).toBe('auth/main');
    const [row] = await product.sql<{ namespace: string }>(`SELECT namespace FROM registry WHERE kind = 'server'`);
    expect(row?.namespace).toBe('auth');
  });
});
