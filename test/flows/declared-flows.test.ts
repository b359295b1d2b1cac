/** Flows as their owners declare them: a folder of YAML files, and what the server then says, serves and refuses. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { png } from '../support/png.ts';
import { aServerFile, Product, until } from '../support/product.ts';

const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';
const policy = (grantTypes: string, responseTypes: string) =>
  `  clientPolicies: [{name: flows, namespaces: {from: All}, grantTypes: ${grantTypes}, responseTypes: ${responseTypes}}]\n`;
const everyFlow = policy(
  `[authorization_code, implicit, refresh_token, client_credentials, "${deviceCodeGrant}"]`,
  '[code, id_token, code id_token]',
);

const aClient = (name: string, spec: string) => `apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: ${name}, namespace: shop}
spec:
${spec}`;
const wall = aClient(
  'wall',
  `  authentication: {method: none}
  grantTypes: [implicit]
  responseTypes: [id_token]
  redirectUris: ["http://127.0.0.1:9500/callback"]
`,
);
const television = aClient('television', `  authentication: {method: none}\n  grantTypes: ["${deviceCodeGrant}"]\n`);
const aLogo = (picture: Buffer) =>
  `apiVersion: v1
kind: ConfigMap
metadata: {name: logo, namespace: auth}
binaryData: {logo.png: ${picture.toString('base64')}}
`;

describe('flows that are off until a policy says so', () => {
  let product: Product;
  beforeAll(async () => {
    product = await Product.make();
    await product.write('server.yaml', aServerFile());
    await product.start();
    await product.untilReason('AuthorizationServer', 'auth', 'main', 'Ready');
  });
  afterAll(() => product.end());
  beforeEach(async () => {
    await product.write('server.yaml', aServerFile());
  });

  const discovery = async () =>
    (await (await fetch(`${product.url}/.well-known/openid-configuration`)).json()) as Record<string, unknown>;
  const askDevice = async () => {
    const answer = await fetch(`${product.url}/device_authorization`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'shop.television', scope: 'openid' }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  /** Where an authorization request of the wall display ends: at its own error, or at a page of ours. */
  const askWall = async () => {
    const query = new URLSearchParams({
      client_id: 'shop.wall',
      redirect_uri: 'http://127.0.0.1:9500/callback',
      response_type: 'id_token',
      scope: 'openid',
      nonce: 'n',
      state: 's',
    });
    const answer = await fetch(`${product.url}/authorize?${query.toString()}`, { redirect: 'manual' });
    return { status: answer.status, location: answer.headers.get('location') ?? '' };
  };
  const metadataIs = (responseTypes: readonly string[]) =>
    until('the metadata says so', async () => {
      const { response_types_supported: found } = await discovery();
      return JSON.stringify(found) === JSON.stringify(responseTypes);
    });

  it('M09: refused and unknown without it, served once it allows them, refused again when it goes', async () => {
    await product.write('shop/wall.yaml', wall);
    await product.write('shop/television.yaml', television);
    for (const name of ['wall', 'television']) {
      const { message } = await product.untilReason('Client', 'shop', name, 'PolicyViolation');
      expect(message).toMatch(
        /^spec\.grantTypes: "(implicit|urn:ietf:params:oauth:grant-type:device_code)" is refused by policy "built-in" of auth\/main, which allows authorization_code, refresh_token, client_credentials\. /,
      );
    }
    await metadataIs(['code']);
    expect(await discovery()).not.toHaveProperty('device_authorization_endpoint');
    expect((await askDevice()).body).toMatchObject({ error: 'invalid_client' });
    // Nobody is sent anywhere: the server does not know it.
    expect((await askWall()).status).toBe(400);

    await product.write('server.yaml', aServerFile(`${everyFlow}  lifetimes: {deviceCode: 5m}\n`));
    for (const name of ['wall', 'television']) await product.untilReason('Client', 'shop', name, 'Ready');
    await metadataIs(['code', 'id_token', 'code id_token']);
    const metadata = await discovery();
    expect(metadata).toMatchObject({
      grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials', deviceCodeGrant],
    });
    expect(await askDevice()).toMatchObject({ status: 200, body: { expires_in: 300, interval: 5 } });
    const asked = await askWall();
    expect(asked.location).not.toContain('error=');
    expect(asked.status).toBeLessThan(400);

    // What stands in the Secret of an application and in the status of the server is where the server answers.
    const secret = await product.secret('shop', 'television-oauth2');
    expect(secret).toMatchObject({
      'authorization-uri': metadata['authorization_endpoint'],
      'token-uri': metadata['token_endpoint'],
      'user-info-uri': metadata['userinfo_endpoint'],
      'jwk-set-uri': metadata['jwks_uri'],
      'end-session-uri': metadata['end_session_endpoint'],
      'device-authorization-uri': metadata['device_authorization_endpoint'],
      'introspection-uri': metadata['introspection_endpoint'],
      'revocation-uri': metadata['revocation_endpoint'],
    });
    expect((await product.resource('AuthorizationServer', 'auth', 'main'))?.status['endpoints']).toEqual({
      discovery: `${product.url}/.well-known/openid-configuration`,
      authorization: metadata['authorization_endpoint'],
      token: metadata['token_endpoint'],
      userinfo: metadata['userinfo_endpoint'],
      jwks: metadata['jwks_uri'],
      deviceAuthorization: metadata['device_authorization_endpoint'],
      introspection: metadata['introspection_endpoint'],
      revocation: metadata['revocation_endpoint'],
      endSession: metadata['end_session_endpoint'],
    });

    await product.write('server.yaml', aServerFile());
    for (const name of ['wall', 'television']) await product.untilReason('Client', 'shop', name, 'PolicyViolation');
    await until('the device is refused', async () => (await askDevice()).status === 401);
    await metadataIs(['code']);
  });

  it('a logo comes and goes with its ConfigMap, and colours that nobody can read are replaced: both are said while so', async () => {
    const picture = png(16, 16);
    const logoUrl = () => `${product.url}/logos/${createHash('sha256').update(picture).digest('hex')}`;
    const adjusted = () => product.condition('AuthorizationServer', 'auth', 'main', 'BrandingAdjusted');
    const branding = '  branding: {logo: {configMapRef: {name: logo}}, colors: {light: "#ffcc00"}}\n';
    await product.write('server.yaml', aServerFile(branding));
    const both = await product.untilReason('AuthorizationServer', 'auth', 'main', 'ContrastTooLow', 'BrandingAdjusted');
    expect(both.message).toContain('ConfigMap "logo" named in spec.branding.logo.configMapRef does not exist');
    await product.write('server.yaml', aServerFile(branding.replace('#ffcc00', '#0f4f80')));
    await product.untilReason('AuthorizationServer', 'auth', 'main', 'LogoNotFound', 'BrandingAdjusted');
    await product.untilReason('AuthorizationServer', 'auth', 'main', 'Ready');
    expect((await fetch(logoUrl())).status).toBe(404);

    await product.write('logo.yaml', aLogo(picture));
    await until('it is served', async () => (await fetch(logoUrl())).status === 200);
    await until('nothing is said', async () => (await adjusted()) === undefined);

    await product.write('logo.yaml', aLogo(png(513, 1)));
    await product.untilReason('AuthorizationServer', 'auth', 'main', 'LogoInvalid', 'BrandingAdjusted');
    await until('it is gone', async () => (await fetch(logoUrl())).status === 404);
  });
});
