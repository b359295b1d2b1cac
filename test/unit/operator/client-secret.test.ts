import { describe, expect, it } from 'vitest';
import { planAdopted } from '../../../operator/src/controllers/client/adopted-secret.ts';
import {
  digestOf,
  idOfDigest,
  overlap,
  planSecret,
  type SecretInputs,
} from '../../../operator/src/controllers/client/secret.ts';
import { releasedSecret } from '../../../operator/src/controllers/client/secret-values.ts';
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

describe('an adopted Secret', () => {
  const [one, two, three] = ['1'.repeat(32), '2'.repeat(32), '3'.repeat(32)] as const;
  const adopt = (value: string, more: Partial<Parameters<typeof planAdopted>[0]> = {}) =>
    planAdopted(
      { others: [], storedDigests: [], known: [], now: t0, ...more },
      { outcome: 'usable', name: 'login', value },
    );
  /** The pass after `before`, with what that one left behind. */
  const after = (before: { digests: readonly string[]; accepted: SecretInputs['known'] }, now: number) => ({
    storedDigests: before.digests,
    known: before.accepted,
    now,
  });
  const hour = 3_600_000;

  it('is told of once, and nothing is written', () => {
    const first = adopt(one);
    expect(first).toMatchObject({ name: 'login', writes: [], digests: [digestOf(one)], wakeIn: undefined });
    expect(first.event).toEqual({ reason: 'SecretAdopted', note: 'Secret "login" is used as it is' });
    const second = adopt(one, after(first, t0 + hour));
    expect(second.accepted).toEqual(first.accepted);
    expect(second.event).toBeUndefined();
  });

  it('that its owner changed: the former secret is accepted for 24 h after the new one was seen', () => {
    const first = adopt(one);
    const changed = adopt(two, after(first, t0 + hour));
    expect(changed).toMatchObject({ digests: [digestOf(two), digestOf(one)], wakeIn: overlap });
    const later = adopt(two, after(changed, t0 + 2 * hour));
    expect(later).toMatchObject({ digests: [digestOf(two), digestOf(one)], wakeIn: overlap - hour });
    expect(later.accepted).toEqual(changed.accepted);
    expect(adopt(two, after(later, t0 + hour + overlap))).toMatchObject({
      digests: [digestOf(two)],
      wakeIn: undefined,
    });
    // Two at most.
    expect(adopt(three, after(changed, t0 + 2 * hour)).digests).toEqual([digestOf(three), digestOf(two)]);
  });

  it('from generated to adopted and back: nobody is cut off', () => {
    const generated = plan();
    const ours = written();
    const adopted = adopt(one, { ...after(generated, t0 + hour), others: [ours] });
    expect(adopted.digests).toEqual([digestOf(one), digestOf('fresh-secret')]);
    expect(adopted.writes).toMatchObject([{ write: 'update', before: { name: 'web-oauth2' } }]);
    const [write] = adopted.writes;
    if (write?.write !== 'update') throw new Error('it was not marked');
    const marked = { ...write.next, version: 'v2' };
    const back = plan({ ...after(adopted, t0 + 2 * hour), target: marked, fresh: 'other' });
    expect(back.digests).toEqual([digestOf('fresh-secret'), digestOf(one)]);
    const [unmark] = back.writes;
    if (unmark?.write !== 'update') throw new Error('it was not taken back');
    expect(unmark.next.annotations['auth.nauthera.io/remove-after']).toBeUndefined();
    // The Secret remembers from then on: a crash before the status was written repeats safely.
    const repeated = plan({
      ...after(adopted, t0 + 3 * hour),
      target: { ...unmark.next, version: 'v3' },
      fresh: 'other',
    });
    expect(repeated).toMatchObject({ writes: [], digests: [digestOf('fresh-secret'), digestOf(one)] });
    expect(
      plan({ ...after(back, t0 + 2 * hour + overlap), target: { ...unmark.next, version: 'v3' } }).digests,
    ).toEqual([digestOf('fresh-secret')]);
  });

  it('and back after ours is gone: a new one is generated, the adopted one is accepted meanwhile', () => {
    const adopted = adopt(one);
    expect(plan({ ...after(adopted, t0 + hour), fresh: 'new' }).digests).toEqual([digestOf('new'), digestOf(one)]);
  });

  it('a status that somebody wrote makes no digest accepted that the row does not hold', () => {
    const known = [
      { id: idOfDigest(digestOf('mine')), createdAt: '2030-01-01T00:00:00Z', state: 'Current' as const },
      { id: idOfDigest(digestOf(two)), createdAt: 'nonsense', state: 'Retiring' as const },
    ];
    expect(adopt(one, { known }).digests).toEqual([digestOf(one)]);
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
    expect(result.blocked).toBeDefined();
  });
});
