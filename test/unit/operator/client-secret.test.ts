import { describe, expect, it } from 'vitest';
import {
  digestOf,
  idOfDigest,
  overlap,
  planSecret,
  type SecretInputs,
} from '../../../operator/src/controllers/client/secret.ts';
import type { Secret } from '../../../operator/src/sources/source.ts';
import { observed } from './resources.ts';

const t0 = Date.parse('2026-06-01T00:00:00Z');
const client = (spec: Record<string, unknown> = {}) => observed('Client', 'web', spec);

function plan(more: Partial<SecretInputs> = {}) {
  return planSecret({
    client: client(),
    issuer: 'https://id.example.com',
    target: undefined,
    others: [],
    storedDigests: [],
    known: [],
    fresh: 'fresh-secret',
    now: t0,
    ...more,
  });
}

/** The Secret as the plan wrote it. */
function written(more: Partial<SecretInputs> = {}): Secret {
  const [write] = plan(more).writes;
  if (write === undefined || write.write === 'delete') throw new Error('nothing was written');
  return { ...write.next, version: 'v1' };
}

describe('a Client’s Secret', () => {
  it('holds the keys that Service Binding and Spring read', () => {
    const secret = written({
      client: client({
        grantTypes: ['authorization_code', 'refresh_token'],
        redirectUris: ['https://shop.example.com/cb'],
        displayName: 'Web Shop',
        scopes: ['openid', 'email'],
      }),
    });
    expect(secret).toMatchObject({
      namespace: 'shop',
      name: 'web-oauth2',
      type: 'servicebinding.io/oauth2',
      labels: {
        'auth.nauthera.io/client': 'web',
        'auth.nauthera.io/watch': 'true',
        'app.kubernetes.io/managed-by': 'nauthera-operator',
      },
      owner: { kind: 'Client', name: 'web', uid: 'uid-Client-shop-web' },
    });
    expect(secret.data).toEqual({
      type: 'oauth2',
      provider: 'nauthera',
      'client-id': 'shop.web',
      'client-name': 'Web Shop',
      'user-name-attribute': 'sub',
      'client-secret': 'fresh-secret',
      'client-authentication-method': 'client_secret_basic',
      'authorization-grant-type': 'authorization_code',
      'authorization-grant-types': 'authorization_code,refresh_token',
      'redirect-uri': 'https://shop.example.com/cb',
      'redirect-uris': 'https://shop.example.com/cb',
      scope: 'openid,email',
      'issuer-uri': 'https://id.example.com',
      'authorization-uri': 'https://id.example.com/authorize',
      'token-uri': 'https://id.example.com/token',
      'user-info-uri': 'https://id.example.com/userinfo',
      'jwk-set-uri': 'https://id.example.com/jwks',
    });
  });

  it('names one redirect URI only when there is exactly one', () => {
    const two = {
      grantTypes: ['authorization_code'],
      redirectUris: ['https://a.example.com/cb', 'https://b.example.com/cb'],
    };
    const { data } = written({ client: client(two) });
    expect(data['redirect-uri']).toBeUndefined();
    expect(data['redirect-uris']).toBe('https://a.example.com/cb,https://b.example.com/cb');
  });

  it('of a public client has everything but a secret', () => {
    const publicClient = client({
      grantTypes: ['authorization_code'],
      redirectUris: ['https://a.example.com/cb'],
      authentication: { method: 'none' },
    });
    const result = plan({ client: publicClient });
    expect(result).toMatchObject({ digests: [], accepted: [] });
    expect(Object.keys(written({ client: publicClient }).data)).not.toContain('client-secret');
    expect(Object.keys(written({ client: publicClient }).data)).not.toContain('client-authentication-method');
  });

  it('is renamed key by key, and read under its new key', () => {
    const renamed = client({
      secret: { name: 'login', keys: { 'client-id': 'CLIENT_ID', 'client-secret': 'CLIENT_SECRET' } },
    });
    const target = written({ client: renamed });
    expect(target).toMatchObject({ name: 'login', data: { CLIENT_ID: 'shop.web', CLIENT_SECRET: 'fresh-secret' } });
    expect(target.data['client-secret']).toBeUndefined();
    expect(plan({ client: renamed, target, fresh: 'other' })).toMatchObject({
      writes: [],
      digests: [digestOf('fresh-secret')],
    });
    const back = plan({ target, client: client({ secret: { name: 'login' } }), fresh: 'other' });
    expect(back.writes[0]).toMatchObject({ write: 'update', next: { data: { 'client-secret': 'fresh-secret' } } });
  });

  it('that is as it should be is not written', () => {
    expect(plan({ target: written(), fresh: 'other', now: t0 + 1000 })).toMatchObject({
      writes: [],
      digests: [digestOf('fresh-secret')],
    });
  });

  it('keeps what others put on it', () => {
    const target = {
      ...written(),
      labels: { ...written().labels, team: 'red' },
      annotations: { ...written().annotations, note: 'x' },
    };
    expect(plan({ target }).writes).toEqual([]);
    const changed = plan({ target: { ...target, data: { ...target.data, scope: 'edited' } } });
    expect(changed.writes[0]).toMatchObject({
      write: 'update',
      next: { labels: { team: 'red' }, annotations: { note: 'x' } },
    });
  });

  it('edited anywhere but in the secret keeps the secret', () => {
    const target = { ...written(), data: { ...written().data, 'token-uri': 'https://evil.example.com', extra: 'x' } };
    const result = plan({ target, fresh: 'other' });
    expect(result.writes).toMatchObject([{ write: 'update', before: target }]);
    const [write] = result.writes;
    expect(write?.write === 'update' && write.next.data).toEqual(written().data);
    expect(result.digests).toEqual([digestOf('fresh-secret')]);
  });

  it.each([
    [
      'edited',
      (secret: Secret): Secret => ({ ...secret, data: { ...secret.data, 'client-secret': 'chosen-by-hand' } }),
    ],
    ['deleted', () => undefined],
  ])('whose secret was %s gets a new one, and the old one is accepted for 24 h', (_, harm) => {
    const old = digestOf('fresh-secret');
    const known = [{ id: idOfDigest(old), createdAt: '2026-05-01T00:00:00Z', state: 'Current' as const }];
    const result = plan({
      target: harm(written()),
      storedDigests: ['injected'.padEnd(43, 'x'), old],
      known,
      fresh: 'second',
      now: t0,
    });
    expect(result.digests).toEqual([digestOf('second'), old]);
    expect(result.accepted).toEqual([
      { id: idOfDigest(digestOf('second')), createdAt: '2026-06-01T00:00:00Z', state: 'Current' },
      { id: idOfDigest(old), createdAt: '2026-05-01T00:00:00Z', state: 'Retiring' },
    ]);
    expect(result.wakeIn).toBe(overlap);
    const [write] = result.writes;
    if (write === undefined || write.write === 'delete') throw new Error('nothing was written');
    const target = { ...write.next, version: 'v2' };
    // The Secret itself remembers: neither the registry nor the status is asked again.
    const inBetween = plan({ target, fresh: 'third', now: t0 + overlap - 1 });
    expect(inBetween).toMatchObject({ writes: [], digests: [digestOf('second'), old], wakeIn: 1 });
    const afterwards = plan({ target, fresh: 'third', now: t0 + overlap });
    expect(afterwards).toMatchObject({ digests: [digestOf('second')], wakeIn: undefined });
    expect(afterwards.writes).toHaveLength(1);
  });

  it('a digest that only the database knows is not accepted for a Client whose secret is known', () => {
    const known = [{ id: idOfDigest(digestOf('real')), createdAt: '2026-05-01T00:00:00Z', state: 'Current' as const }];
    expect(plan({ storedDigests: ['injected'.padEnd(43, 'x')], known }).digests).toEqual([digestOf('fresh-secret')]);
  });

  it('never has more than two accepted: a second loss drops the older', () => {
    const first = written();
    const [lost] = plan({
      target: { ...first, data: {} },
      storedDigests: [digestOf('fresh-secret')],
      fresh: 'second',
    }).writes;
    if (lost === undefined || lost.write === 'delete') throw new Error('nothing was written');
    const again = plan({
      target: { ...lost.next, version: 'v2', data: {} },
      storedDigests: [digestOf('second'), digestOf('fresh-secret')],
      fresh: 'third',
    });
    expect(again.digests).toEqual([digestOf('third'), digestOf('second')]);
  });

  it('under a new name keeps its secret; the old name goes after 24 h', () => {
    const renamed = client({ secret: { name: 'login' } });
    const others = [written()];
    const result = plan({ client: renamed, others, fresh: 'other' });
    expect(result.digests).toEqual([digestOf('fresh-secret')]);
    expect(result.writes).toMatchObject([
      { write: 'create', next: { name: 'login', data: { 'client-secret': 'fresh-secret' } } },
      {
        write: 'update',
        next: { name: 'web-oauth2', annotations: { 'auth.nauthera.io/remove-after': '2026-06-02T00:00:00Z' } },
      },
    ]);
    expect(result.wakeIn).toBe(overlap);
    const [create, update] = result.writes;
    if (create?.write !== 'create' || update?.write !== 'update') throw new Error('not both');
    const later = {
      client: renamed,
      target: { ...create.next, version: 'v' },
      others: [{ ...update.next, version: 'v' }],
    };
    expect(plan({ ...later, now: t0 + overlap - 1 }).writes).toEqual([]);
    expect(plan({ ...later, now: t0 + overlap }).writes).toMatchObject([
      { write: 'delete', before: { name: 'web-oauth2' } },
    ]);
  });

  it('A78: ids and annotations tell nothing of the secret', () => {
    const { data, ...rest } = written();
    expect(JSON.stringify(rest)).not.toContain(data['client-secret']);
    expect(JSON.stringify(rest)).not.toContain(digestOf(data['client-secret'] ?? ''));
  });
});
