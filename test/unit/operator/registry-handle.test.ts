import { describe, expect, it, vi } from 'vitest';
import { RegistryHandle } from '../../../operator/src/controllers/registry-handle.ts';
import {
  DatabaseUnavailable,
  type PutResult,
  type Registration,
  type Registry,
  type StoredRegistration,
} from '../../../server/src/registry/index.ts';
import { aStored } from './resources.ts';

/** A registry that counts; what it answers is set by the case. */
function aRegistry() {
  const calls = { putMany: [] as number[], get: [] as string[] };
  let answer = (registrations: readonly Registration[]): Promise<readonly PutResult[]> =>
    Promise.resolve(registrations.map(({ id }) => ({ outcome: 'written', revision: { epoch: id, n: 1 } })));
  let stored: StoredRegistration | null = null;
  const registry = {
    putMany: (registrations: readonly Registration[]) => {
      calls.putMany.push(registrations.length);
      return answer(registrations);
    },
    get: (kind: string, id: string) => {
      calls.get.push(`${kind}/${id}`);
      return Promise.resolve(stored);
    },
  } as unknown as Registry;
  return {
    handle: new RegistryHandle(registry),
    calls,
    answerWith: (next: typeof answer) => {
      answer = next;
    },
    store: (next: StoredRegistration | null) => {
      stored = next;
    },
  };
}

const registration = (id: string) => ({ kind: 'client', id }) as unknown as Registration;

describe('registry handle', () => {
  it('writes of one moment are one statement, each with its own answer', async () => {
    const { handle, calls } = aRegistry();
    const results = await Promise.all(['a', 'b', 'c'].map((id) => handle.put(registration(id))));
    expect(calls.putMany).toEqual([3]);
    expect(results.map((result) => 'revision' in result && result.revision.epoch)).toEqual(['a', 'b', 'c']);
  });

  it('never more than 500 in one', async () => {
    const { handle, calls } = aRegistry();
    await Promise.all(Array.from({ length: 1201 }, (_, index) => handle.put(registration(String(index)))));
    expect(calls.putMany.every((size) => size <= 500)).toBe(true);
    expect(calls.putMany.reduce((sum, size) => sum + size, 0)).toBe(1201);
  });

  it('a failure reaches every writer, and the next write goes on', async () => {
    const { handle, answerWith } = aRegistry();
    answerWith(() => Promise.reject(new Error('away')));
    const results = await Promise.allSettled([handle.put(registration('a')), handle.put(registration('b'))]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    answerWith((all) => Promise.resolve(all.map(() => ({ outcome: 'unchanged', revision: { epoch: 'e', n: 1 } }))));
    expect(await handle.put(registration('a'))).toMatchObject({ outcome: 'unchanged' });
  });

  it('remembers the server and scopes until they move, asks for clients each time', async () => {
    const { handle, calls, store } = aRegistry();
    expect(await handle.get('scope', 'shop:read')).toBeNull();
    store(aStored('shop:read', {}, { kind: 'scope' }));
    expect(await handle.get('scope', 'shop:read')).toBeNull();
    handle.forget([{ kind: 'scope', id: 'other' }]);
    expect(await handle.get('scope', 'shop:read')).toBeNull();
    handle.forget([{ kind: 'scope', id: 'shop:read' }]);
    expect(await handle.get('scope', 'shop:read')).not.toBeNull();
    store(null);
    handle.forget('all');
    expect(await handle.get('scope', 'shop:read')).toBeNull();
    await handle.get('client', 'shop.web');
    await handle.get('client', 'shop.web');
    expect(calls.get).toEqual([
      'scope/shop:read',
      'scope/shop:read',
      'scope/shop:read',
      'client/shop.web',
      'client/shop.web',
    ]);
  });

  it('tells the time of the database, whatever our own clock says, and asks for it seldom', async () => {
    let asked = 0;
    const clock = () => Promise.resolve(1_000_000 * ++asked);
    const registry = { clock } as unknown as Registry;
    const handle = new RegistryHandle(registry);
    vi.useFakeTimers({ toFake: ['Date', 'performance'] });
    try {
      expect(handle.lastTold).toBeUndefined();
      expect(await handle.now()).toBe(1_000_000);
      vi.setSystemTime(Date.now() + 315_360_000_000);
      expect([await handle.now(), asked]).toEqual([1_000_000, 1]);
      vi.advanceTimersByTime(60_000);
      expect([await handle.now(), asked]).toEqual([1_060_000, 1]);
      vi.advanceTimersByTime(1);
      expect([await handle.now(), asked]).toEqual([2_000_000, 2]);
      handle.use(registry);
      expect([await handle.now(), asked]).toEqual([3_000_000, 3]);
      handle.use(undefined);
      await expect(handle.now()).rejects.toBeInstanceOf(DatabaseUnavailable);
      vi.advanceTimersByTime(500_000);
      expect(handle.lastTold).toBe(3_500_000);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that could not tell the time is asked again', async () => {
    const clock = vi.fn().mockRejectedValueOnce(new DatabaseUnavailable('away')).mockResolvedValue(5);
    const handle = new RegistryHandle({ clock } as unknown as Registry);
    await expect(handle.now()).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(await handle.now()).toBeGreaterThanOrEqual(5);
  });

  it('its own write is a move', async () => {
    const { handle, store } = aRegistry();
    await handle.get('scope', 'shop:read');
    store(aStored('shop:read', {}, { kind: 'scope' }));
    await handle.put({ kind: 'scope', id: 'shop:read' } as unknown as Registration);
    expect(await handle.get('scope', 'shop:read')).not.toBeNull();
  });
});
