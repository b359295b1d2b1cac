import { describe, expect, it } from 'vitest';
import { createClientKeys, type KeyLocation } from '../../../server/src/http/client-keys.ts';
import { holderOf, locationOfCluster } from '../../../server/src/http/cluster-keys.ts';
import type { KubernetesClusters, PublicJwk } from '../../../server/src/registry/registration.ts';
import { signingKey } from '../../support/client-keys.ts';

const key = (kid: string): PublicJwk => signingKey('ES256', { kid }).jwk;
const [here, east, west] = [key('here'), key('east'), key('west')];
const url = 'https://keys.west.example.com/jwks';
const clusters: KubernetesClusters = {
  jwks: { keys: [here] },
  clusters: [
    { name: 'east', issuer: 'https://kubernetes', jwks: { keys: [east] } },
    { name: 'west', issuer: 'https://kubernetes', jwks_uri: url, ca: 'pem' },
  ],
};
const found = (kid: string | undefined, fetched: readonly PublicJwk[] | null = [west]) =>
  holderOf(kid, { clusters, namespace: 'auth', clientKeys: { known: () => fetched } });

describe('which cluster a token is from', () => {
  it('the one that has its key', () => {
    expect(found('here')).toEqual({ keys: [here], cluster: {} });
    expect(found('east')).toMatchObject({ keys: [east], cluster: { name: 'east' } });
    expect(found('west')).toMatchObject({ keys: [west], cluster: { name: 'west' } });
    expect(found(undefined)).toEqual({ keys: [here], cluster: {} });
    expect(found('nobody')).toEqual({ keys: [], cluster: {} });
    expect(found('west', null)).toEqual({ keys: [], cluster: {} });
  });

  it('neither of two that are trusted: who publishes the key id of another is no way into it', () => {
    expect(found('east', [key('east')])).toBe('ambiguous');
    expect(found('east', [east])).toBe('ambiguous');
    expect(found('west', [west, key('here')])).toMatchObject({ cluster: { name: 'west' } });
  });

  it('this one, whoever else publishes its key or its key id: nobody out there can lock its ServiceAccounts out', () => {
    expect(found('here', [west, here])).toEqual({ keys: [here], cluster: {} });
    expect(found('here', [west, key('here')])).toEqual({ keys: [here], cluster: {} });
  });
});

describe('I11 keys of a cluster that are fetched', () => {
  it('follow a rotation, under the authority that was named and on the word of the server’s namespace', async () => {
    let now = 0;
    let published = [west];
    const calls: unknown[] = [];
    const clientKeys = createClientKeys({
      gate: {
        call: ({ url: called, namespace, ca }) => {
          calls.push([called, namespace, ca]);
          const body = Buffer.from(JSON.stringify({ keys: published }));
          return Promise.resolve({ status: 200, headers: {}, body });
        },
      },
      now: () => now,
      onProblem: () => undefined,
    });
    const [, cluster] = clusters.clusters ?? [];
    const location = cluster === undefined ? null : locationOfCluster(cluster, 'auth');
    if (location === null) throw new Error('no location');
    const refresh = (kid: string) => clientKeys.refresh(location, { kid, algorithm: 'ES256' });
    const holder = (kid: string) => holderOf(kid, { clusters, namespace: 'auth', clientKeys });
    await refresh('west');
    expect(holder('west')).toMatchObject({ cluster: { name: 'west' } });
    published = [west, key('next')];
    now += 30_000;
    await refresh('next');
    expect(holder('next')).toMatchObject({ cluster: { name: 'west' } });
    expect(holder('west')).toMatchObject({ cluster: { name: 'west' } });
    published = [key('next')];
    now += 600_000;
    await refresh('next');
    expect(holder('west')).toEqual({ keys: [], cluster: {} });
    expect(new Set(calls.map((one) => JSON.stringify(one)))).toEqual(new Set([JSON.stringify([url, 'auth', 'pem'])]));
    // The same place under another authority, or none, is another place.
    const elsewhere: KeyLocation = { url, namespace: 'auth', clientId: 'x' };
    expect(clientKeys.known(elsewhere)).toBeNull();
  });
});
