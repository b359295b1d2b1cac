/** The commonest mistakes of people who write resources: whoever looks is told exactly this. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Browser } from '../support/browser.ts';
import { aClientFile, aScopeFile, aServerFile, Product } from '../support/product.ts';

const client = (name: string, spec: string, namespace = 'shop') =>
  `apiVersion: auth.nauthera.io/v1alpha1\nkind: Client\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec:\n  grantTypes: [client_credentials]\n${spec}`;

let product: Product;
beforeAll(async () => {
  product = await Product.make();
  await product.write(
    'server.yaml',
    aServerFile(`  clientPolicies:
    - name: machines-only
      namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: batch}}}
      grantTypes: [client_credentials]
      maxLifetimes: {accessToken: 10m}
`).replace(
      'allowedClients: {namespaces: {from: All}}',
      'allowedClients: {namespaces: {from: Selector, selector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [outside]}]}}}',
    ),
  );
  await product.write('shop/scope.yaml', aScopeFile());
  await product.write('shop/client.yaml', aClientFile());
  await product.start();
  await product.untilReason('Client', 'shop', 'batch', 'Ready');
});
afterAll(() => product?.end());

/** Id, what was written, where, condition, reason, message. */
const mistakes: readonly (readonly [string, string, string, string, string, string, string])[] = [
  [
    'M08: a namespace that is not invited',
    'outside',
    'web',
    '',
    'Accepted',
    'NotAllowedByServer',
    'AuthorizationServer auth/main takes no Clients from namespace outside. Its owner can add it in spec.allowedClients.namespaces (now: Selector)',
  ],
  [
    'M09: a grant type beyond policy',
    'batch',
    'web',
    '  redirectUris: ["https://app.example.com/cb"]\n',
    'Accepted',
    'PolicyViolation',
    'spec.grantTypes: "authorization_code" is refused by policy "machines-only" of auth/main, which allows client_credentials. Change it or ask the owner of that server',
  ],
  [
    'M09: a lifetime beyond policy',
    'batch',
    'long',
    '  accessToken: {lifetime: 30m}\n',
    'Accepted',
    'PolicyViolation',
    'spec.accessToken.lifetime: "30m" is refused by policy "machines-only" of auth/main, which allows at most 10m. Change it or ask the owner of that server',
  ],
  [
    'M10: a misspelt scope',
    'shop',
    'typo',
    '  scopes: ["shop:raed"]\n',
    'ResolvedRefs',
    'ScopeNotFound',
    'spec.scopes: no Scope "shop:raed" on auth/main. Did you mean "shop:read"? Waiting for it',
  ],
  [
    'M11: a scope that is not opened to it',
    'batch',
    'closed',
    '  scopes: ["shop:read"]\n',
    'ResolvedRefs',
    'ScopeNotAllowed',
    'spec.scopes: Scope "shop:read" is not open to namespace batch. Its owner can add it in spec.allowedClients.namespaces',
  ],
  [
    'M12: a server that is not there',
    'shop',
    'lost',
    '  authorizationServerRef: {name: mian, namespace: auth}\n',
    'ResolvedRefs',
    'ServerNotFound',
    'no AuthorizationServer auth/mian. Check spec.authorizationServerRef',
  ],
];

describe('what is told', () => {
  it.each(mistakes)('%s', async (title, namespace, name, spec, type, reason, message) => {
    const file = client(name, spec, namespace);
    const text = title.includes('a grant type') ? file.replace('[client_credentials]', '[authorization_code]') : file;
    await product.write(`${namespace}/${name}.yaml`, text);
    const found = await product.untilReason('Client', namespace, name, reason, type);
    expect([found.status, found.message]).toEqual(['False', message]);
    // The same words on the terminal, behind the resource.
    await expect.poll(() => product.tables.at(-1)).toContain(`Client ${namespace}/${name}: ${message}`);
  });

  it('M13: a client id that is taken: by whom is said inside the namespace alone', async () => {
    await product.write('shop/twin.yaml', client('twin', '  clientId: shop.batch\n'));
    const found = await product.untilReason('Client', 'shop', 'twin', 'Conflict', 'Accepted');
    expect(found.message).toBe(
      'client id "shop.batch" belongs to an older Client in this namespace: batch. Choose another spec.clientId',
    );
  });

  it('M16: a Secret that exists already', async () => {
    await product.write(
      'shop/there.yaml',
      `apiVersion: v1\nkind: Secret\nmetadata: {name: there, namespace: shop}\nstringData: {a: b}\n`,
    );
    await product.write('shop/late.yaml', client('late', '  secret: {name: there}\n'));
    const found = await product.untilReason('Client', 'shop', 'late', 'SecretNotOwned', 'ResolvedRefs');
    expect(found.message).toBe(
      'Secret "there" exists and was not made for this Client. Choose another spec.secret.name, or use it unchanged with spec.secret.adopt',
    );
  });

  it('M20: an application that sends another redirect URI', async () => {
    await product.write(
      'shop/web.yaml',
      client('web', '  redirectUris: ["https://app.example.com/cb"]\n').replace(
        '[client_credentials]',
        '[authorization_code]',
      ),
    );
    await product.untilReason('Client', 'shop', 'web', 'Ready');
    const browser = new Browser({ issuer: product.url, servers: [product.url] });
    const query = new URLSearchParams({
      client_id: 'shop.web',
      redirect_uri: 'https://app.example.com/cb/',
      response_type: 'code',
    });
    const page = await browser.get(`/authorize?${query.toString()}`);
    expect([page.name, page.status]).toEqual(['error:invalid_request', 400]);
    expect(page.html).toContain(
      'redirect_uri is not registered for this client. Compare it, character by character, with spec.redirectUris of the Client.',
    );
    const [, reference] = /Reference: <code>([0-9a-f]{32})/.exec(page.html) ?? [];
    expect(reference).toBe(page.headers.get('x-request-id'));
    expect(page.html).not.toContain('app.example.com/cb/');
    expect(product.log.join('')).toContain(reference);
  });

  it('M12: no server at all', async () => {
    await product.remove('server.yaml');
    await product.untilReason('Client', 'shop', 'batch', 'ServerNotFound', 'ResolvedRefs');
    await product.write('shop/orphan.yaml', client('orphan', ''));
    await expect
      .poll(async () => (await product.condition('Client', 'shop', 'orphan', 'ResolvedRefs'))?.message)
      .toBe('no default AuthorizationServer here: set spec.authorizationServerRef');
  });
});
