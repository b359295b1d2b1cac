/**
 * Planted secrets, searched for wherever somebody may look: every table of the database as text, log, metrics, status page,
 * printed table, and the text of every statement. Each secret is searched for as it is, and as hex, base64 and base64url.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, Runner, Statement } from '../../server/src/store/database.ts';
import { Browser } from '../support/browser.ts';
import { makeAuthority } from '../support/certificates.ts';
import { ownClaims, signed, signingKey } from '../support/client-keys.ts';
import { aClientFile, aServerFile, Product, until } from '../support/product.ts';
import { type Slapd, startSlapd } from '../support/slapd.ts';
import { seedDn } from '../support/slapd-seed.ts';
import { secretsIn } from '../support/spellings.ts';
import { openTlsSink, type TlsSink } from '../support/tls-sink.ts';
import { authorizePath, challenge, codeFields, refreshFields, verifier } from '../support/world.ts';

const password = 'canary-password-of-ada';
const callback = 'https://shop.example.com/cb';
/** What a person or a client sends once, and what must then stand nowhere. */
const typed = {
  password,
  'a wrong password': 'canary-wrong-password',
  'a password in the name field': 'canary-in-the-name-field',
  'a wrong client secret': 'canary-wrong-client-secret',
  'credentials that are none': 'canary-garbage-credentials',
  state: 'canary-state-4711',
  nonce: 'canary-nonce-4711',
  'a code that is none': 'canary-code-4711',
  'a refresh token that is none': 'canary-refresh-4711',
  'an access token that is none': 'canary-bearer-4711',
  'a redirect URI that is not registered': 'canary-redirect-4711',
  'a login_hint': 'canary-login-hint-4711',
  'a parameter that nobody knows': 'canary-unknown-4711',
  'a code verifier': verifier,
  'a user code that is none': 'BCDF-CNRZ',
  'a device code that is none': 'canary-device-code-4711',
  'a token that nobody gave, for introspection': 'canary-introspected-4711',
  'a token that nobody gave, for revocation': 'canary-revoked-4711',
  'an assertion that is none': 'canary.assertion.4711',
  'a hint that is none': 'canary.hint.4711',
  'a state of a sign-out': 'canary-logout-state-4711',
} as const;

let slapd: Slapd;
let product: Product;
let sink: TlsSink;
const logoutTokens: string[] = [];
/** Name → plain value of what was handed out or stands in files. */
const secrets = new Map<string, string>();
const statements = new Map<string, Set<string>>();

beforeAll(async () => {
  slapd = await startSlapd();
  const reset = `replace: userPassword\nuserPassword: ${password}\n-\nreplace: pwdReset\n`;
  await slapd.modify(`dn: ${seedDn('ada')}\nchangetype: modify\n${reset}`);
  product = await Product.make();
  const authority = await makeAuthority();
  setDefaultCACertificates([...getCACertificates('default'), authority.pem]);
  sink = await openTlsSink(await authority.issue());
  sink.answer = (request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      logoutTokens.push(new URLSearchParams(text).get('logout_token') ?? '');
      response.end();
    });
  };
  await product.write('server.yaml', aServerFile(policy));
  await product.write('shop/opaque.yaml', opaqueFiles());
  await product.write('people.yaml', peopleFile());
  await product.write('shop/batch.yaml', aClientFile().replace('  scopes: ["shop:read"]\n', ''));
  await product.write('shop/web.yaml', webFile);
  await product.start({ database: listening });
  await product.untilReason('Client', 'shop', 'web', 'Ready');
  await product.untilReason('Client', 'shop', 'batch', 'Ready');
  await product.untilReason('LdapBinding', 'auth', 'people', 'Ready');
  for (const name of ['opaque', 'television', 'keyed']) await product.untilReason('Client', 'shop', name, 'Ready');
});
afterAll(async () => {
  await product?.end();
  await sink?.close();
  await slapd?.close();
});

const webFile = `apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: web, namespace: shop}
spec:
  grantTypes: [authorization_code, refresh_token]
  redirectUris: ["${callback}"]
  scopes: [openid, profile, email, offline_access]
`;

const indented = (text: string) => text.trimEnd().replaceAll('\n', '\n    ');
const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';
const policy = `  clientPolicies:
    - name: flows
      namespaces: {from: All}
      grantTypes: [authorization_code, implicit, refresh_token, client_credentials, "${deviceCodeGrant}"]
      responseTypes: [code, code id_token token]
  outbound: {allowed: ["127.0.0.1/32"]}
`;
const key = signingKey('ES256');
/** Opaque tokens by every way, told of each sign-out; and a machine that signs for itself. */
const opaqueFiles = () => `apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: opaque, namespace: shop}
spec:
  grantTypes: [authorization_code, implicit, refresh_token]
  responseTypes: [code, code id_token token]
  redirectUris: ["${callback}"]
  scopes: [openid, profile, email, offline_access]
  accessToken: {format: opaque}
  logout: {backchannelUri: "https://127.0.0.1:${sink.port}/out"}
---
apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: television, namespace: shop}
spec:
  grantTypes: ["${deviceCodeGrant}", refresh_token]
  scopes: [openid, profile, email, offline_access]
  accessToken: {format: opaque}
---
apiVersion: auth.nauthera.io/v1alpha1
kind: Client
metadata: {name: keyed, namespace: shop}
spec:
  authentication: {method: private_key_jwt, jwks: {keys: [${JSON.stringify(key.jwk)}]}}
  grantTypes: [client_credentials]
`;

const peopleFile = () => `apiVersion: auth.nauthera.io/v1alpha1
kind: LdapBinding
metadata: {name: people, namespace: auth}
spec:
  vendor: OpenLDAP
  servers: [{url: "${slapd.url}"}]
  tls: {caBundleRef: {name: directory-ca}}
  bind: {dn: "${slapd.bindDn}", passwordSecretRef: {name: directory}}
  userSearch:
    base: "ou=people,${slapd.baseDn}"
    filter: "(&(objectClass=inetOrgPerson)(uid={}))"
    attributes: {username: uid, subject: entryUUID, displayName: displayName}
  claims: [{claim: name, attribute: displayName}, {claim: email, attribute: mail}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: directory-ca, namespace: auth}
data:
  ca.crt: |
    ${indented(slapd.caPem)}
---
apiVersion: v1
kind: Secret
metadata: {name: directory, namespace: auth}
stringData: {password: ${slapd.bindPassword}}
`;

/** Notes the text of every statement by its name. */
function listening(database: Database): Database {
  const note = ({ name, text }: Statement) => {
    const known = statements.get(name);
    if (known === undefined) statements.set(name, new Set([text]));
    else known.add(text);
  };
  const running =
    (runner: Runner): Runner['run'] =>
    (statement, values) => {
      note(statement);
      return runner.run(statement, values);
    };
  return new Proxy(database, {
    get(target, member) {
      if (member === 'run') return running(target);
      if (member === 'transaction') {
        return (work: Parameters<Database['transaction']>[0]) =>
          target.transaction((transaction) => work({ ...transaction, run: running(transaction) }));
      }
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const path = (change: Readonly<Record<string, string>> = {}) =>
  authorizePath({
    redirect_uri: callback,
    scope: 'openid profile email offline_access',
    state: typed.state,
    nonce: typed.nonce,
    unknown: typed['a parameter that nobody knows'],
    ...change,
  });
const browser = () => new Browser({ issuer: product.url, servers: [product.url] });
const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

async function post(fields: Readonly<Record<string, string>>, authorization: string, endpoint = 'token') {
  const response = await fetch(`${product.url}/${endpoint}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(authorization === '' ? {} : { authorization }),
    },
    body: new URLSearchParams(fields).toString(),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, string> };
}

/** Devices, opaque tokens, tokens through the browser, introspection, revocation, assertions and a sign-out. */
async function liveOtherFlows(): Promise<void> {
  const [opaque, television] = [
    await product.secret('shop', 'opaque-oauth2'),
    await product.secret('shop', 'television-oauth2'),
  ];
  secrets.set('client secret of opaque', opaque['client-secret'] ?? '');
  secrets.set('client secret of television', television['client-secret'] ?? '');
  const asOpaque = basic('shop.opaque', opaque['client-secret'] ?? '');
  const asTelevision = basic('shop.television', television['client-secret'] ?? '');
  const keepTokens = (turn: string, body: Readonly<Record<string, string>>) => {
    for (const kind of ['access_token', 'id_token', 'refresh_token', 'code']) {
      if (body[kind] !== undefined) secrets.set(`${turn} ${kind}`, body[kind]);
    }
  };

  const person = browser();
  const asked = { client_id: 'shop.opaque', response_type: 'code id_token token' };
  const login = await person.get(path(asked));
  const consent = await person.submit(login, { username: 'ada', password, 'sign-in': '1' });
  const { response } = await person.submit(consent, { decision: 'allow' });
  keepTokens('hybrid', response);
  const exchanged = await post(codeFields(response.code), asOpaque);
  expect(exchanged.status).toBe(200);
  keepTokens('opaque', exchanged.body);
  const refreshed = await post(refreshFields(exchanged.body.refresh_token), asOpaque);
  keepTokens('opaque, refreshed', refreshed.body);
  const posted = await person.get(path({ ...asked, response_mode: 'form_post', prompt: 'none' }));
  keepTokens('form_post', posted.response);

  const device = (await post({ scope: 'openid email' }, asTelevision, 'device_authorization')).body;
  const { device_code = '', user_code = '' } = device;
  secrets.set('device code', device_code);
  secrets.set('user code', user_code);
  secrets.set('user code without its hyphen', user_code.replace('-', ''));
  const guessed = await person.get('/device');
  await person.submit(guessed, { user_code: typed['a user code that is none'], continue: '1' });
  const confirm = await person.get(`/device?user_code=${user_code}`);
  expect((await person.submit(confirm, { decision: 'allow' })).name).toBe('device-done');
  const poll = (code: string) => post({ grant_type: deviceCodeGrant, device_code: code }, asTelevision);
  const watched = await poll(device_code);
  expect(watched.status).toBe(200);
  keepTokens('device', watched.body);
  expect((await poll(device_code)).body.error).toBe('invalid_grant');
  expect((await poll(typed['a device code that is none'])).body.error).toBe('invalid_grant');

  const asserted = await signed(key, ownClaims('shop.keyed', product.url));
  secrets.set('client assertion', asserted);
  const assert = (client_assertion: string) =>
    post(
      {
        grant_type: 'client_credentials',
        client_id: 'shop.keyed',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion,
      },
      '',
    );
  expect((await assert(asserted)).status).toBe(200);
  expect((await assert(asserted)).status).toBe(401);
  expect((await assert(typed['an assertion that is none'])).status).toBe(401);

  const introspected = await post({ token: exchanged.body.access_token ?? '' }, asOpaque, 'introspect');
  expect(introspected.body.active).toBe(true);
  await post({ token: typed['a token that nobody gave, for introspection'] }, asOpaque, 'introspect');
  await post({ token: typed['a token that nobody gave, for revocation'] }, asOpaque, 'revoke');
  expect((await post({ token: refreshed.body.refresh_token ?? '' }, asOpaque, 'revoke')).status).toBe(200);
  await person.get(`/logout?id_token_hint=${typed['a hint that is none']}`);
  const out = { id_token_hint: refreshed.body.id_token ?? '', state: typed['a state of a sign-out'] };
  expect((await person.get(`/logout?${new URLSearchParams(out).toString()}`)).name).toBe('signed-out');
  await until('the application was told', () => Promise.resolve(logoutTokens.length > 0));
  secrets.set('logout token', logoutTokens[0] ?? '');
}

/** Everything that may go right and wrong on the way of one person and one client. */
async function live(): Promise<void> {
  const web = await product.secret('shop', 'web-oauth2');
  const batch = await product.secret('shop', 'batch-oauth2');
  secrets.set('client secret of web', web['client-secret'] ?? '');
  secrets.set('client secret of batch', batch['client-secret'] ?? '');
  const asWeb = basic('shop.web', web['client-secret'] ?? '');

  const one = browser();
  const keep = (name: string) => {
    for (const [cookie, value] of one.cookies) secrets.set(`${name}: ${cookie}`, value);
  };
  const login = await one.get(path({ login_hint: typed['a login_hint'] }));
  keep('before');
  secrets.set('form token', login.form.fields.token ?? '');
  const enter = (username: string, word: string) => one.submit(login, { username, password: word, 'sign-in': '1' });
  expect((await enter('ada', typed['a wrong password'])).problem).toMatch(/not right/);
  expect((await enter(typed['a password in the name field'], 'x')).problem).toMatch(/not right/);
  const consent = await enter('ada', password);
  expect(consent.name).toBe('consent');
  keep('signed in');
  const done = await one.submit(consent, { decision: 'allow' });
  const code = done.response.code ?? '';
  expect(done.response.state).toBe(typed.state);
  secrets.set('code', code);
  const first = await post(codeFields(code), asWeb);
  expect(first.status).toBe(200);
  const second = await post(refreshFields(first.body.refresh_token), asWeb);
  expect(second.status).toBe(200);
  for (const [turn, { body }] of [
    ['first', first],
    ['second', second],
  ] as const) {
    for (const kind of ['access_token', 'id_token', 'refresh_token']) secrets.set(`${turn} ${kind}`, body[kind] ?? '');
  }
  const userinfo = (token: string, more = '') =>
    fetch(`${product.url}/userinfo${more}`, { headers: { authorization: `Bearer ${token}` } });
  expect((await userinfo(second.body.access_token ?? '')).status).toBe(200);
  const silent = await one.get(path({ prompt: 'none' }));
  secrets.set('code that nobody redeemed', silent.leftTo?.searchParams.get('code') ?? '');

  // What is refused is where logs become talkative.
  const refusals = [
    post({ grant_type: 'client_credentials' }, basic('shop.batch', typed['a wrong client secret'])),
    post({ grant_type: 'client_credentials' }, `Basic ${typed['credentials that are none']}`),
    post(codeFields(typed['a code that is none']), asWeb),
    post(refreshFields(typed['a refresh token that is none']), asWeb),
    post({ ...codeFields(code), code_verifier: 'x' }, asWeb),
  ];
  expect((await Promise.all(refusals)).every(({ status }) => status >= 400)).toBe(true);
  expect((await userinfo(typed['an access token that is none'])).status).toBe(401);
  expect((await userinfo('x', `?access_token=${second.body.access_token}`)).status).toBe(400);
  const wrongTurn = await one.get(
    path({ redirect_uri: `https://x/${typed['a redirect URI that is not registered']}` }),
  );
  expect(wrongTurn.name).toBe('error:invalid_request');
  expect((await fetch(`${product.url}/token?client_secret=${web['client-secret']}`, { method: 'POST' })).status).toBe(
    400,
  );
  // A replay, and a directory that does not answer.
  expect((await post(codeFields(code), asWeb)).body.error).toBe('invalid_grant');
  await slapd.stop();
  const away = await one.get(path({ prompt: 'none' }));
  expect(away.leftTo?.searchParams.get('error')).toBe('temporarily_unavailable');
  const page = await one.get(path({}));
  expect(page.name).toBe('error:temporarily_unavailable');
  // A83: nobody is told where it stands.
  expect(page.html + away.leftTo?.href).not.toMatch(new RegExp(`localhost|${slapd.port}|ldap`));
  await slapd.start();
  expect((await product.clientCredentials(batch)).status).toBe(200);
}

/** Every table, as text; binary columns as hex. */
async function dump(): Promise<string> {
  const tables = await product.sql<{ tablename: string }>(
    `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename`,
  );
  expect(tables.length).toBeGreaterThan(12);
  const rows = await Promise.all(
    tables.map(({ tablename }) =>
      product.sql<{ row: string }>(`SELECT '${tablename} ' || to_jsonb(t)::text AS row FROM ${tablename} t`),
    ),
  );
  return rows.flatMap((all) => all.map(({ row }) => row)).join('\n');
}

describe('F16, I4, A78: planted secrets', () => {
  const places = new Map<string, string>();
  beforeAll(async () => {
    await live();
    await liveOtherFlows();
    for (const [name, value] of Object.entries(typed)) secrets.set(name, value);
    secrets.set('bind password', slapd.bindPassword);
    secrets.set(
      'key-encryption key',
      (await readFile(join(product.resources, '.secrets/key-encryption-key'), 'utf8')).trim(),
    );
    await until('the printed table', () => Promise.resolve(product.tables.length > 0));
    const get = async (target: string) => (await fetch(product.managementUrl + target)).text();
    for (const [name, text] of [
      ['database', await dump()],
      ['log', product.log.join('')],
      ['metrics', await get('/metrics')],
      ['status', await get('/status')],
      ['readiness', await get('/readyz')],
      ['table', product.tables.join('\n')],
      ['statements', [...statements.values()].flatMap((texts) => [...texts]).join('\n')],
    ] as const) {
      places.set(name, text);
    }
  });

  it('were planted: none is empty, and each place was really read', () => {
    for (const [name, secret] of secrets) expect([name, secret.length >= 8]).toEqual([name, true]);
    expect(places.get('database')).toContain(seedDn('ada').slice(4, 7));
    expect(places.get('database')).toContain(Buffer.from(challenge).toString());
    expect(places.get('log')).toContain('"token.issued"');
    expect(places.get('log')).toContain('"replay.detected"');
    expect(places.get('metrics')).toContain('nauthera_token_requests_total');
    expect(places.get('status')).toContain('"shop.web"');
    expect(places.get('table')).toContain('web-oauth2');
    expect(places.get('statements')).toContain('UPDATE refresh_tokens');
    expect(places.get('database')).toContain('device_codes {');
    expect(places.get('database')).toContain('access_tokens {');
    for (const event of ['device.approved', 'token.revoked', 'session.ended']) {
      expect(places.get('log')).toContain(`"${event}"`);
    }
  });

  it('stand in none of them, in no spelling', () => {
    expect(secretsIn(places, secrets)).toEqual([]);
  });

  it('nor does any other token of ours: nothing that looks like one', () => {
    for (const [place, text] of places)
      expect([place, /eyJ[\w-]{10,}\.eyJ[\w-]{10,}/.exec(text)?.[0]]).toEqual([place, undefined]);
  });

  it('A68: a statement has one text, whatever was asked', () => {
    const several = [...statements].filter(([name, texts]) => texts.size > 1 && !name.startsWith('by_hand_'));
    expect(several.map(([name]) => name)).toEqual([]);
  });

  it('audit rows name who, which client and why, and no handle', async () => {
    const events = await product.sql<{ event: string }>('SELECT DISTINCT event FROM audit ORDER BY event');
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining([
        'consent.given',
        'login.failed',
        'login.succeeded',
        'replay.detected',
        'token.refreshed',
      ]),
    );
  });
});
