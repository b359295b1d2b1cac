import { describe, expect, it, vi } from 'vitest';
import type { Kind } from '../../../crds/src/index.ts';
import { Orphans } from '../../../operator/src/controllers/orphans.ts';
import type { ResourceSource } from '../../../operator/src/sources/source.ts';
import type { RegistrationKind, Registry, StoredRegistration } from '../../../server/src/registry/index.ts';
import { aStored, observed } from './resources.ts';

const minutes = 60_000;

function aWorld(
  rows: StoredRegistration[],
  uids: Partial<Record<Kind, string[]>>,
  known = ['shop'],
  clock: 'given' | 'own' = 'given',
) {
  let now = 0;
  const deleted: string[] = [];
  const registry = {
    async *scanOwners() {
      yield* rows.filter(({ kind, owner }) => !deleted.includes(`${kind} ${owner.uid}`));
    },
    get: (kind: RegistrationKind, id: string) =>
      Promise.resolve(rows.find((row) => row.kind === kind && row.id === id) ?? null),
    delete: (kind: RegistrationKind, uid: string) => {
      deleted.push(`${kind} ${uid}`);
      return Promise.resolve(null);
    },
  } as unknown as Registry;
  const source = {
    name: 'test',
    knows: (namespace: string) => known.includes(namespace),
    keys: (kind: Kind) =>
      Promise.resolve((uids[kind] ?? []).map((uid) => ({ kind, namespace: 'shop', name: uid, uid }))),
  } as unknown as ResourceSource;
  const errors: unknown[] = [];
  const own = clock === 'own' ? {} : { now: () => now };
  const orphans = new Orphans({ registry, source, onError: (error) => errors.push(error), ...own });
  return {
    orphans,
    deleted,
    errors,
    uids,
    source,
    at: async (minute: number) => {
      now = minute * minutes;
      await orphans.sweep();
      return [...deleted];
    },
  };
}

const row = (uid: string, more: Partial<StoredRegistration> = {}) =>
  aStored(`id-${uid}`, { uid, namespace: 'shop', name: uid }, more);

describe('rows without a resource', () => {
  it('are retired after ten minutes, those with one never', async () => {
    const { at } = aWorld([row('alive'), row('gone')], { Client: ['alive'] });
    expect(await at(0)).toEqual([]);
    expect(await at(9.99)).toEqual([]);
    expect(await at(10)).toEqual(['client gone']);
  });

  it.each([365, -365])('stay where the clock of the machine jumps by %s days', async (days) => {
    const { orphans, deleted } = aWorld([row('gone')], {}, undefined, 'own');
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      await orphans.sweep();
      vi.setSystemTime(Date.now() + days * 86_400_000);
      await orphans.sweep();
      expect(deleted).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('of a namespace that cannot be looked at, or is no longer, stay (A77)', async () => {
    const known = ['auth'];
    const { at } = aWorld([row('gone')], { Client: [] }, known);
    await at(0);
    expect(await at(60)).toEqual([]);
    known.push('shop');
    expect(await at(61)).toEqual([]);
    expect(await at(71)).toEqual(['client gone']);
  });

  it.each([
    ['goes at once where its server invites that namespace no more', 'Same', true, ['client shut']],
    ['stays where its server invites that namespace', 'All', true, []],
    ['stays where that namespace is one of those that nobody is to look at', 'Same', false, []],
  ])('one of a namespace that shut the operator out %s', async (_, from, isShut, expected) => {
    const self = aStored('self', { namespace: 'auth', name: 'main', uid: 'uid-main' }, { kind: 'server' });
    const { at, source } = aWorld(
      [self, row('shut'), row('told', { withdrawn: true })],
      { AuthorizationServer: ['uid-main'] },
      ['auth'],
    );
    const server = observed(
      'AuthorizationServer',
      'main',
      { allowedClients: { namespaces: { from } } },
      { namespace: 'auth' },
    );
    Object.assign(source, {
      isShut: (kind: Kind, namespace: string) => isShut && kind === 'Client' && namespace === 'shop',
      get: (_kind: Kind, namespace: string, name: string) =>
        Promise.resolve(namespace === 'auth' && name === 'main' ? server : undefined),
      namespaceLabels: () => Promise.resolve({}),
    });
    expect(await at(0)).toEqual(expected);
    expect(await at(60)).toEqual(expected);
  });

  it('whose resource comes back in between begin anew', async () => {
    const { at, uids } = aWorld([row('a')], {});
    await at(0);
    uids.Client = ['a'];
    await at(5);
    uids.Client = [];
    expect(await at(11)).toEqual([]);
    expect(await at(21)).toEqual(['client a']);
  });

  it('that are held back go once somebody says so, and only this once', async () => {
    const many = Array.from({ length: 100 }, (_, index) => row(`r${index}`));
    const held = aWorld(many, { Client: many.slice(20).map(({ owner }) => owner.uid) });
    held.orphans.confirm();
    await held.at(0);
    // Said before anything was held back it was a yes to nothing.
    expect(await held.at(10)).toEqual([]);
    held.orphans.confirm();
    expect(new Set(await held.at(10)).size).toBe(20);
    expect(held.orphans.held).toBe(0);
    held.uids.Client = many.slice(60).map(({ owner }) => owner.uid);
    await held.at(20);
    expect(new Set(await held.at(31)).size).toBe(20);
    expect(held.orphans.held).toBe(40);
  });

  it('are held back when they are more than ten and more than 5 %: a list that was read wrong empties nothing', async () => {
    const many = Array.from({ length: 100 }, (_, index) => row(`r${index}`));
    const held = aWorld(many, { Client: many.slice(11).map(({ owner }) => owner.uid) });
    await held.at(0);
    expect(await held.at(10)).toEqual([]);
    expect(held.orphans.held).toBe(11);
    const few = aWorld(many, { Client: many.slice(10).map(({ owner }) => owner.uid) });
    await few.at(0);
    expect(await few.at(10)).toHaveLength(10);
    const large = Array.from({ length: 1000 }, (_, index) => row(`r${index}`));
    const share = aWorld(large, { Client: large.slice(50).map(({ owner }) => owner.uid) });
    await share.at(0);
    expect(await share.at(10)).toHaveLength(50);
  });

  it('that carry the uid of a resource of another kind go at once', async () => {
    const { at } = aWorld([row('c', { kind: 'scope' }), row('c')], { Client: ['c'] });
    expect(await at(0)).toEqual(['scope c']);
  });

  it('that appear by hand are looked at when they appear', async () => {
    const { orphans, deleted } = aWorld([row('c', { kind: 'scope' }), row('x')], { Client: ['c'] });
    orphans.look({ kind: 'scope', id: 'id-c' });
    orphans.look({ kind: 'client', id: 'id-x' });
    orphans.look({ kind: 'client', id: 'absent' });
    await expect.poll(() => deleted).not.toEqual([]);
    await orphans.stop();
    expect(deleted).toEqual(['scope c']);
  });
});
