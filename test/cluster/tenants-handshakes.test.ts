/**
 * Who may attach to a server, and what it is granted there, by the labels of real namespaces: given, taken away and given
 * to others while everything runs.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AnyObject } from '../support/kube-cluster.ts';
import { until } from '../support/product.ts';
import { home, pathOf, TenantsWorld } from './tenants-world.ts';

const invites = (matchLabels: Readonly<Record<string, string>>) => ({
  namespaces: { from: 'Selector', selector: { matchLabels } },
});
const machine = { grantTypes: ['client_credentials'] };
const directory = {
  vendor: 'OpenLDAP',
  servers: [{ url: 'ldaps://127.0.0.1:9' }],
  bind: { dn: 'cn=reader,dc=example', passwordSecretRef: { name: 'reader' } },
  userSearch: { base: 'dc=example' },
};

let world: TenantsWorld;
/** A namespace without labels, new for each test. */
let team: string;

beforeAll(async () => {
  world = await TenantsWorld.start();
  await world.begin(async () => {
    await world.putSecret(home, 'database', { uri: world.databaseUrl });
    await world.put('AuthorizationServer', home, 'main', {
      metadata: { annotations: { 'auth.nauthera.io/is-default': 'true' } },
      spec: {
        issuer: 'https://id.example',
        database: { secretRef: { name: 'database' } },
        allowedClients: invites({ clients: 'yes' }),
        allowedScopes: invites({ scopes: 'yes' }),
        allowedLdapBindings: invites({ directories: 'yes' }),
        clientPolicies: [
          {
            name: 'gold',
            namespaces: invites({ tier: 'gold' }).namespaces,
            redirectHosts: ['*.gold.example'],
            clientIds: ['gold-*'],
          },
          { name: 'others', namespaces: { from: 'All' }, grantTypes: ['client_credentials'] },
        ],
      },
    });
  });
});
afterAll(() => world?.stop());
beforeEach(async () => {
  team = await world.cluster.namespace('team');
});

const label = (labels: Readonly<Record<string, string | null>>) =>
  world.cluster.call('PATCH', `/api/v1/namespaces/${team}`, {
    body: { metadata: { labels } },
    contentType: 'application/merge-patch+json',
  });
const put = (kind: string, name: string, spec: AnyObject) => world.put(kind, team, name, { spec });
const becomes = (kind: string, name: string, type: string, reason: string) =>
  world.untilReason(kind, team, name, type, reason);
const ids = async () =>
  (await world.rows({ of: team })).filter(({ withdrawn }) => withdrawn !== true).map(({ id }) => id);

describe('handshakes by the labels of a namespace', () => {
  it('Clients: not invited, invited, no longer invited', async () => {
    await put('Client', 'batch', machine);
    const refused = await becomes('Client', 'batch', 'Accepted', 'NotAllowedByServer');
    expect(refused.message).toBe(
      `AuthorizationServer ${home}/main takes no Clients from namespace ${team}. Its owner can add it in spec.allowedClients.namespaces (now: Selector)`,
    );
    expect(await ids()).toEqual([]);
    await label({ clients: 'yes' });
    await becomes('Client', 'batch', 'Ready', 'True');
    expect(await token('batch')).toBe(200);
    await label({ clients: null });
    await becomes('Client', 'batch', 'Accepted', 'NotAllowedByServer');
    await until('the token endpoint refuses it', async () => (await token('batch')) === 401);
    await label({ clients: 'yes' });
    await becomes('Client', 'batch', 'Ready', 'True');
    expect(await token('batch')).toBe(200);
  });

  it('a label with another value, or of another kind, invites nobody', async () => {
    await label({ clients: 'no', scopes: 'yes' });
    await put('Client', 'batch', machine);
    await becomes('Client', 'batch', 'Accepted', 'NotAllowedByServer');
  });

  it('Scopes: what hangs on them follows', async () => {
    await label({ clients: 'yes' });
    await put('Scope', 'read', { displayName: 'Read', name: `${team}:read` });
    await put('Client', 'batch', { ...machine, scopes: [`${team}:read`] });
    await becomes('Scope', 'read', 'Accepted', 'NotAllowedByServer');
    await becomes('Client', 'batch', 'ResolvedRefs', 'ScopeNotFound');
    await label({ scopes: 'yes' });
    await becomes('Scope', 'read', 'Ready', 'True');
    await becomes('Client', 'batch', 'Ready', 'True');
    expect(await token('batch', `${team}:read`)).toBe(200);
    await label({ scopes: null });
    await becomes('Scope', 'read', 'Accepted', 'NotAllowedByServer');
    await until('the scope is inert', async () => (await token('batch', `${team}:read`)) === 400);
    expect(await token('batch')).toBe(200);
  });

  it('LdapBindings: one that is not invited is not registered', async () => {
    await world.putSecret(team, 'reader', { password: 'whatever' });
    await put('LdapBinding', 'people', directory);
    await becomes('LdapBinding', 'people', 'Accepted', 'NotAllowedByServer');
    expect(await ids()).toEqual([]);
    await label({ directories: 'yes' });
    await becomes('LdapBinding', 'people', 'Accepted', 'True');
    await until('it is registered', async () => (await ids()).length === 1);
    await label({ directories: null });
    await becomes('LdapBinding', 'people', 'Accepted', 'NotAllowedByServer');
    await until('it is withdrawn', async () => (await ids()).length === 0);
  });

  it('from: Same and from: All, changed while Clients are there', async () => {
    await put('Client', 'batch', machine);
    await becomes('Client', 'batch', 'Accepted', 'NotAllowedByServer');
    const allow = (allowedClients: AnyObject) =>
      world.cluster.call('PATCH', `/apis/auth.nauthera.io/v1alpha1/namespaces/${home}/authorizationservers/main`, {
        body: { spec: { allowedClients } },
        contentType: 'application/merge-patch+json',
      });
    await allow({ namespaces: { from: 'All', selector: null } });
    await becomes('Client', 'batch', 'Ready', 'True');
    await allow({ namespaces: { from: 'Same' } });
    const refused = await becomes('Client', 'batch', 'Accepted', 'NotAllowedByServer');
    expect(refused.message).toContain('(now: Same)');
    await allow(invites({ clients: 'yes' }));
    await until('the message follows', async () =>
      (await world.condition('Client', team, 'batch', 'Accepted'))?.message.includes('(now: Selector)'),
    );
  });
});

describe('policies by the labels of a namespace', () => {
  const web = { redirectUris: ['https://shop.gold.example/cb'] };

  it('a grant, a host and a client id are granted with the label, and go with it', async () => {
    await label({ clients: 'yes' });
    const clientId = `gold-${team}`;
    await put('Client', 'web', { ...web, clientId });
    const refused = await becomes('Client', 'web', 'Accepted', 'PolicyViolation');
    expect(refused.message).toContain('policy "others"');
    await label({ tier: 'gold' });
    await becomes('Client', 'web', 'Ready', 'True');
    expect(await ids()).toEqual([clientId]);
    await label({ tier: 'silver' });
    await becomes('Client', 'web', 'Accepted', 'PolicyViolation');
    await until('it is withdrawn', async () => (await ids()).length === 0);
  });

  it('a host beyond the policy of the label stays refused', async () => {
    await label({ clients: 'yes', tier: 'gold' });
    await put('Client', 'web', { redirectUris: ['https://shop.example/cb'] });
    const refused = await becomes('Client', 'web', 'Accepted', 'PolicyViolation');
    expect(refused.message).toMatch(/spec\.redirectUris\[0\]: "shop\.example" .*policy "gold"/);
  });
});

describe('the default server', () => {
  it('of two that are marked, the one that stays takes in whoever could not choose, once the other is gone', async () => {
    const other = `other-${team}`;
    await world.putSecret(home, other, { uri: await world.postgres.createDatabase() });
    await world.put('AuthorizationServer', home, other, {
      metadata: { annotations: { 'auth.nauthera.io/is-default': 'true' } },
      spec: { issuer: `https://${other}.example`, database: { secretRef: { name: other } } },
    });
    await world.untilReason('AuthorizationServer', home, other, 'DatabaseReady', 'True');
    await label({ clients: 'yes' });
    await put('Client', 'batch', machine);
    await becomes('Client', 'batch', 'ResolvedRefs', 'DefaultServerAmbiguous');
    await put('Client', 'named', { ...machine, authorizationServerRef: { name: other, namespace: home } });
    await becomes('Client', 'named', 'Accepted', 'NotAllowedByServer');
    await world.cluster.call('DELETE', pathOf('AuthorizationServer', home, other));
    await becomes('Client', 'batch', 'Ready', 'True');
    const named = await becomes('Client', 'named', 'ResolvedRefs', 'ServerNotFound');
    expect(named.message).toContain(`no AuthorizationServer ${home}/${other}. Check spec.authorizationServerRef`);
  });
});

/** What the token endpoint answers the Client of the team. */
async function token(client: string, scope?: string): Promise<number> {
  const { data } = (await world.get('Secret', team, `${client}-oauth2`)) ?? {};
  const text = (key: string) => Buffer.from(String(data?.[key]), 'base64').toString();
  const response = await fetch(`${world.url}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${text('client-id')}:${text('client-secret')}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
  });
  await response.arrayBuffer();
  return response.status;
}
