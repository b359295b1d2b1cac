/** The parts of the Kubernetes source that decide without asking anybody. */
import { describe, expect, it } from 'vitest';
import { Ghosts } from '../../../operator/src/sources/kubernetes-ghosts.ts';
import { PassingObjects, WholeObjects } from '../../../operator/src/sources/kubernetes-kept.ts';
import {
  applied,
  ghost,
  isNewer,
  observe,
  originOf,
  type ResourceObject,
  slim,
  tellsOfOthers,
} from '../../../operator/src/sources/kubernetes-objects.ts';
import { OwnerIndex } from '../../../operator/src/sources/kubernetes-owners.ts';
import { ownerOf, readSecret } from '../../../operator/src/sources/kubernetes-secret.ts';
import { WritesUnderWay } from '../../../operator/src/sources/writes-under-way.ts';

type Metadata = ResourceObject['metadata'] & { readonly managedFields?: unknown };

const object = (metadata: Partial<Metadata> = {}, more: Partial<ResourceObject> = {}): ResourceObject => ({
  apiVersion: 'auth.nauthera.io/v1alpha1',
  kind: 'Client',
  metadata: {
    namespace: 'shop',
    name: 'web',
    uid: 'u1',
    resourceVersion: '100',
    generation: 3,
    creationTimestamp: '2030-01-31T12:00:00Z',
    ...metadata,
  },
  spec: { redirectUris: ['https://shop.example.com/callback'] },
  ...more,
});
const version = (resourceVersion: string, uid = 'u1') => object({ resourceVersion, uid });
const versionsOf = (objects: readonly ResourceObject[]) => objects.map(({ metadata }) => metadata.resourceVersion);

describe('an object as controllers see it', () => {
  it('has defaults, the status of the API server, and knows whether it is held', () => {
    const seen = observe('Client', object({ finalizers: ['auth.nauthera.io/registration'] }));
    expect(seen).toMatchObject({ generation: 3, specGeneration: 3, refused: undefined, deleting: false });
    expect(seen.spec?.grantTypes).toEqual(['authorization_code']);
    expect(originOf({ ...seen })).toEqual({ held: true, resourceVersion: '100', exact: true });
    expect(originOf(observe('Client', object()))?.held).toBe(false);
    expect(observe('Client', object({ deletionTimestamp: '2030-02-01T00:00:00Z' }))).toMatchObject({
      deleting: true,
      deletingSince: '2030-02-01T00:00:00Z',
    });
  });

  it.each([
    [
      'a rule',
      { redirectUris: ['https://*.example.com/'] },
      /^spec\.redirectUris\[0\]: "https:\/\/\*\.example\.com\/": must be/,
    ],
    ['several', { redirectUris: [1, 2] }, /\(and 1 more\)$/],
    ['no spec', 'text', /^spec: /],
  ])('that breaks %s has no content, and says why in a line', (_, spec, message) => {
    const status = { observedGeneration: 2, conditions: [], clientId: 'shop.web' };
    const seen = observe('Client', object({}, { spec, status }));
    expect(seen).toMatchObject({ spec: undefined, specGeneration: 0, generation: 3, status });
    expect(seen.refused).toMatch(message);
    expect(seen.refused).not.toContain('\n');
  });

  it('F43: that a newer version knows more of is what this one knows of it', () => {
    const known = { observedGeneration: 2, conditions: [], clientId: 'shop.web', lastHandled: { rotateSecret: 'one' } };
    const status = { ...known, newer: { counts: [1] } };
    const refreshToken = { idle: '24h', newer: 'x' };
    const seen = observe(
      'Client',
      object({}, { spec: { ...(object().spec as object), refreshToken, newer: [] }, status }),
    );
    expect(seen).toMatchObject({ refused: undefined, specGeneration: 3, spec: { refreshToken: { idle: '24h' } } });
    const { unknownFields, ...rest } = seen;
    expect(JSON.stringify(rest)).not.toContain('newer');
    expect(unknownFields).toEqual(['spec.newer', 'spec.refreshToken.newer']);
    expect(seen.status).toEqual(known);
  });

  it('that is a ghost keeps its uid and what its status said', () => {
    const known = { namespace: 'shop', name: 'web', uid: 'u1', resourceVersion: '100' };
    const last = object({}, { status: { observedGeneration: 2, conditions: [], authorizationServer: 'auth/default' } });
    expect(ghost('Client', known, last, '2030-02-01T00:00:00Z')).toMatchObject({
      uid: 'u1',
      deleting: true,
      deletingSince: '2030-02-01T00:00:00Z',
      spec: undefined,
      status: { authorizationServer: 'auth/default' },
    });
    expect(ghost('Client', known, undefined, '2030-02-01T00:00:00Z').status.observedGeneration).toBe(-1);
  });

  it('loses what nobody reads', () => {
    const more = {
      managedFields: [1],
      labels: { team: 'shop' },
      annotations: { 'example.com/note': 'x'.repeat(200_000) },
    };
    expect(slim(object(more))).toEqual(object());
  });

  it('keeps of its annotations what asks for something, and no more than that can take', () => {
    const asking = { 'auth.nauthera.io/rotate-secret': 'now' };
    expect(slim(object({ annotations: asking })).metadata.annotations).toEqual(asking);
    const many = Object.fromEntries(
      Array.from({ length: 1000 }, (_, at) => [`auth.nauthera.io/n${at}`, 'x'.repeat(2000)] as const),
    );
    expect(JSON.stringify(slim(object({ annotations: many }))).length).toBeLessThan(40_000);
  });

  it('is sent with its uid, so that nothing is created', () => {
    const resource = observe('Client', object());
    expect(applied(resource, { finalizers: ['f'] })).toEqual({
      apiVersion: 'auth.nauthera.io/v1alpha1',
      kind: 'Client',
      metadata: { namespace: 'shop', name: 'web', uid: 'u1', finalizers: ['f'] },
    });
    expect(applied(resource, { status: { a: 1 }, resourceVersion: '7' })).toMatchObject({
      metadata: { uid: 'u1', resourceVersion: '7' },
      status: { a: 1 },
    });
  });

  it.each([
    ['9', '10', false],
    ['10', '9', true],
    ['10', '10', false],
    ['9007199254740993', '9007199254740992', true],
  ])('version %s against %s: newer is %s', (one, other, newer) => {
    expect(isNewer(version(one), version(other))).toBe(newer);
    expect(isNewer(version(one, 'u2'), version(other))).toBe(false);
  });

  it.each([
    ['a spec', { generation: 4 }, true],
    ['a label', { labels: { a: 'b' } }, true],
    ['an annotation', { annotations: { a: 'b' } }, true],
    ['its deletion', { deletionTimestamp: '2030-02-01T00:00:00Z' }, true],
    ['our finalizer', { finalizers: ['auth.nauthera.io/registration'], resourceVersion: '101' }, false],
  ])('an answer that shows %s', (_, metadata, tells) => {
    expect(tellsOfOthers(observe('Client', object()), object(metadata))).toBe(tells);
  });
});

describe('objects that are kept', () => {
  it.each([
    ['all', () => new WholeObjects()],
    ['some', () => new PassingObjects(100_000)],
  ])('%s: newer ones take the place of older ones; an older one makes both doubtful', (_, make) => {
    const kept = make();
    kept.put('a', version('5'));
    kept.put('a', version('6'));
    expect(kept.get('a')?.metadata.resourceVersion).toBe('6');
    kept.put('a', version('6'));
    kept.put('a', version('5'));
    expect(kept.get('a')).toBeUndefined();
    kept.put('a', version('6'));
    kept.put('a', version('5', 'u2'));
    expect(kept.get('a')?.metadata.uid).toBe('u2');
  });

  it('are handed out once, and the oldest give way', () => {
    const size = JSON.stringify(version('1')).length;
    const kept = new PassingObjects(size * 3);
    for (const id of ['a', 'b', 'c', 'd']) kept.put(id, version('1'));
    expect(kept.bytes).toBe(size * 3);
    expect(kept.get('a')).toBeUndefined();
    expect(kept.get('b')).toBeDefined();
    expect(kept.get('b')).toBeUndefined();
    kept.delete('c');
    expect(kept.get('d')).toBeDefined();
    expect(kept.bytes).toBe(0);
    kept.put('huge', object({ annotations: { big: 'x'.repeat(size * 3) } }));
    expect([kept.get('huge'), kept.bytes]).toEqual([undefined, 0]);
  });
});

describe('events of an object that is being written', () => {
  const writes = () => {
    const delivered: ResourceObject[] = [];
    return { delivered, under: new WritesUnderWay<ResourceObject>((one) => delivered.push(one)) };
  };

  it('wait for the answer; the one that tells of our own write is none', async () => {
    const { delivered, under } = writes();
    const answer = Promise.withResolvers<ResourceObject>();
    expect(under.defer('shop/web', version('9'))).toBe(false);
    const written = under.run('shop/web', () => answer.promise);
    for (const one of ['10', '11', '12']) expect(under.defer('shop/web', version(one))).toBe(true);
    expect(under.defer('shop/other', version('11'))).toBe(false);
    expect(delivered).toEqual([]);
    answer.resolve(version('11'));
    await written;
    expect(versionsOf(delivered)).toEqual(['10', '12']);
    expect(under.defer('shop/web', version('13'))).toBe(false);
  });

  it('are delivered when the write failed, or wrote nothing', async () => {
    const { delivered, under } = writes();
    const failing = under.run('shop/web', async () => {
      under.defer('shop/web', version('11'));
      throw new Error('lost');
    });
    await expect(failing).rejects.toThrow('lost');
    await under.run('shop/web', async () => {
      under.defer('shop/web', version('12'));
      return undefined;
    });
    expect(versionsOf(delivered)).toEqual(['11', '12']);
  });

  it('wait for all writes of that object, and are forgotten with it', async () => {
    const { delivered, under } = writes();
    const [first, second] = [Promise.withResolvers<ResourceObject>(), Promise.withResolvers<ResourceObject>()];
    const both = [under.run('shop/web', () => first.promise), under.run('shop/web', () => second.promise)];
    under.defer('shop/web', version('11'));
    first.resolve(version('10'));
    await both[0];
    expect(delivered).toEqual([]);
    under.forget('shop/web');
    under.defer('shop/web', version('20', 'u2'));
    second.resolve(version('11'));
    await both[1];
    expect(versionsOf(delivered)).toEqual(['20']);
  });
});

describe('ghosts', () => {
  const gone = (uid: string) =>
    ghost('Client', { namespace: 'shop', name: 'web', uid, resourceVersion: '1' }, undefined, '2030-01-31T12:00:00Z');

  it('stand one after the other until each is released', () => {
    const ghosts = new Ghosts<'Client'>();
    expect([ghosts.add(gone('u1')), ghosts.add(gone('u2'))]).toEqual([true, true]);
    expect(ghosts.first('shop/web')?.uid).toBe('u1');
    expect([...ghosts.all()]).toHaveLength(2);
    expect(ghosts.release(gone('u3'))).toBe(false);
    expect(ghosts.release(gone('u1'))).toBe(true);
    expect(ghosts.first('shop/web')?.uid).toBe('u2');
    expect(ghosts.release(gone('u2'))).toBe(true);
    expect(ghosts.first('shop/web')).toBeUndefined();
  });

  it('are none of what was released before it went, unless that failed', () => {
    const ghosts = new Ghosts<'Client'>();
    ghosts.expect('u1');
    ghosts.expect('u2');
    ghosts.unexpect('u2');
    expect([ghosts.add(gone('u1')), ghosts.add(gone('u2'))]).toEqual([false, true]);
  });
});

describe('Secrets', () => {
  const reference = {
    apiVersion: 'auth.nauthera.io/v1alpha1',
    kind: 'Client',
    name: 'web',
    uid: 'u9',
    controller: true,
  };
  const { metadata } = object();

  it.each([
    ['the controller', [reference], 'u9'],
    ['nobody', undefined, undefined],
    ['no controller (A80)', [{ ...reference, controller: false }], undefined],
    ['of another group (A80)', [{ ...reference, apiVersion: 'v1' }], undefined],
    [
      'behind another controller (A80)',
      [
        { ...reference, apiVersion: 'apps/v1', uid: 'u8' },
        { ...reference, controller: false },
      ],
      undefined,
    ],
  ])('owner: %s', (_, ownerReferences, uid) => {
    expect(ownerOf({ ...metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) })?.uid).toBe(uid);
  });

  it('hold texts; bytes that are none stand out', () => {
    const data = { text: 'cMOkc3M=', bytes: '//4A', empty: '' };
    expect(readSecret({ metadata, data }).data).toEqual({ text: 'päss', bytes: '\uFFFD\uFFFD\0', empty: '' });
    expect(readSecret({ metadata })).toMatchObject({ type: 'Opaque', data: {}, version: 'u1/100' });
  });

  it('are found by owner, through every change of it', () => {
    const index = new OwnerIndex();
    index.set('shop/a', 'u1');
    index.set('shop/b', 'u1');
    index.set('shop/a', 'u1');
    expect(index.owned('u1')).toEqual(['shop/a', 'shop/b']);
    index.set('shop/a', 'u2');
    index.set('shop/b', undefined);
    expect([index.owned('u1'), index.owned('u2')]).toEqual([[], ['shop/a']]);
  });
});
