import { describe, expect, it } from 'vitest';
import { judgeRetirement, rotationTimes } from '../../../operator/src/controllers/client/rotation.ts';
import { digestOf, idOfDigest, planSecret } from '../../../operator/src/controllers/client/secret.ts';
import type { SecretInputs } from '../../../operator/src/controllers/client/secret-terms.ts';
import { releasedSecret } from '../../../operator/src/controllers/client/secret-values.ts';
import type { Secret } from '../../../operator/src/sources/source.ts';
import { observed } from './resources.ts';

const t0 = Date.parse('2026-06-01T00:00:00Z');
const overlap = 86_400_000;
const client = (spec: Record<string, unknown> = {}) => observed('Client', 'web', spec);

function plan(more: Partial<SecretInputs> = {}) {
  return planSecret({
    client: client(),
    issuer: 'https://id.example.com',
    target: undefined,
    others: [],
    storedDigests: [],
    known: [],
    storedServed: true,
    requests: {},
    times: rotationTimes(client().spec),
    judge: judgeRetirement,
    use: undefined,
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
      'end-session-uri': 'https://id.example.com/logout',
      'introspection-uri': 'https://id.example.com/introspect',
      'revocation-uri': 'https://id.example.com/revoke',
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
  ])(
    'whose secret was %s gets a new one once every replica accepts it, and the old one is accepted beside it',
    (_, harm) => {
      const old = digestOf('fresh-secret');
      const known = [{ id: idOfDigest(old), createdAt: '2026-05-01T00:00:00Z', state: 'Current' as const }];
      const target = harm(written());
      const first = plan({ target, storedDigests: ['injected'.padEnd(43, 'x'), old], known, fresh: 'second' });
      expect(first).toMatchObject({ writes: [], digests: [digestOf('second'), old], keepsFresh: true, waits: true });
      expect(first.accepted).toEqual(known);
      const registered = { target, storedDigests: first.digests, storedNotes: first.notes, known, fresh: 'second' };
      expect(plan({ ...registered, storedServed: false })).toMatchObject({ writes: [], keepsFresh: true, waits: true });
      const result = plan({ ...registered, now: t0 + 1_000 });
      expect(result).toMatchObject({ digests: [digestOf('second'), old], keepsFresh: false, waits: false });
      expect(result.accepted).toEqual([
        { id: idOfDigest(digestOf('second')), createdAt: '2026-06-01T00:00:01Z', state: 'Current' },
        { id: idOfDigest(old), createdAt: '2026-05-01T00:00:00Z', state: 'Retiring' },
      ]);
      expect(result.wakeIn).toBe(overlap - 1_000);
      const [write] = result.writes;
      if (write === undefined || write.write === 'delete') throw new Error('nothing was written');
      expect(write.next.data['client-secret']).toBe('second');
    },
  );

  it('a digest that only the database knows is not accepted for a Client whose secret is known', () => {
    const known = [{ id: idOfDigest(digestOf('real')), createdAt: '2026-05-01T00:00:00Z', state: 'Current' as const }];
    expect(plan({ storedDigests: ['injected'.padEnd(43, 'x')], known }).digests).toEqual([digestOf('fresh-secret')]);
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

describe('what a Client asks for on its Secret', () => {
  const labelled = client({ secret: { labels: { team: 'red' }, annotations: { 'a.b/c': 'x' } } });

  it('stands there, and goes when it is no longer asked for; what others put there stays', () => {
    const secret = written({ client: labelled });
    expect(secret).toMatchObject({
      labels: { team: 'red', 'auth.nauthera.io/client': 'web', 'auth.nauthera.io/watch': 'true' },
      annotations: { 'a.b/c': 'x' },
    });
    const target = { ...secret, labels: { ...secret.labels, theirs: 'y' } };
    expect(plan({ client: labelled, target }).writes).toEqual([]);
    const after = written({ target });
    expect(after.labels).toEqual({ ...written().labels, theirs: 'y' });
    expect(after.annotations).toEqual(written().annotations);
  });

  it('A80: a list that somebody edited takes nothing of the operator’s away', () => {
    const secret = written();
    const target = {
      ...secret,
      annotations: {
        ...secret.annotations,
        'auth.nauthera.io/added-labels': 'auth.nauthera.io/client,auth.nauthera.io/watch',
        'auth.nauthera.io/added-annotations': 'auth.nauthera.io/secret-id',
      },
    };
    const after = written({ target, fresh: 'other' });
    expect(after.labels).toEqual(secret.labels);
    expect(after.annotations).toEqual(secret.annotations);
  });

  it('to stay when it goes stands on the Secret too, and leaves it to nobody', () => {
    const secret = written({ client: client({ deletionPolicy: 'Retain' }) });
    expect(secret.annotations['auth.nauthera.io/deletion-policy']).toBe('Retain');
    const left = releasedSecret({ ...secret, annotations: { ...secret.annotations, note: 'x' } });
    expect(left).toMatchObject({ owner: undefined, data: secret.data, annotations: { note: 'x' } });
    expect(left.labels).toEqual({ 'auth.nauthera.io/watch': 'true' });
    expect(written().annotations['auth.nauthera.io/deletion-policy']).toBeUndefined();
  });
});

describe('an immutable Secret that lost what ties its value to a digest', () => {
  it('goes on being accepted as it was', () => {
    const { annotations: _annotations, ...bare } = written();
    const target = { ...bare, annotations: {}, immutable: true };
    const known = [
      { id: idOfDigest(digestOf('fresh-secret')), createdAt: '2026-05-01T00:00:00Z', state: 'Current' as const },
    ];
    const result = plan({ target, known, storedDigests: [digestOf('fresh-secret')], fresh: 'other' });
    expect(result).toMatchObject({ writes: [], digests: [digestOf('fresh-secret')], accepted: known });
    expect(result.blocked?.reason).toBe('SecretImmutable');
  });
});
