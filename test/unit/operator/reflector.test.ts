import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../operator/src/runtime/kubernetes-client.ts';
import type { Timers } from '../../../operator/src/runtime/queue.ts';
import type { KubernetesObject, Reflector } from '../../../operator/src/runtime/reflected.ts';
import {
  createReflector,
  type ReflectorProblem,
  type ReflectorTimes,
} from '../../../operator/src/runtime/reflector.ts';
import { HandClock } from './hand-clock.ts';
import { aMoment, type Call, json, type ScriptedApi, startScriptedApi, status } from './scripted-api.ts';
import { ScriptedCollection } from './scripted-collection.ts';

const path = '/apis/auth.nauthera.io/v1alpha1/clients';
/** Everything a hundred times faster, except what a test is about. */
const quick: ReflectorTimes = { relist: 600_000, silence: 60_000, gap: 10, longestDelay: 60, disbelief: 300_000 };

let api: ScriptedApi;
let collection: ScriptedCollection;
let reflectors: Reflector[] = [];
beforeEach(async () => {
  collection = new ScriptedCollection();
  api = await startScriptedApi(collection.handle);
});
afterEach(async () => {
  await Promise.all(reflectors.map((reflector) => reflector.stop()));
  reflectors = [];
  await api.close();
});

interface Given {
  readonly times?: Partial<ReflectorTimes>;
  readonly timers?: Timers;
  readonly metadataOnly?: boolean;
  readonly query?: Record<string, string>;
  readonly largestPage?: number;
  readonly onUpsert?: (object: KubernetesObject) => void;
}

function reflecting({ times, timers, metadataOnly, query, largestPage, onUpsert }: Given = {}) {
  const told: string[] = [];
  const problems: ReflectorProblem[] = [];
  const reflector = createReflector({
    api: createApi(api.connection, { longestLine: 4096 }),
    path,
    handler: {
      onUpsert(object) {
        told.push(`${object.metadata.name} ${object.metadata.uid}`);
        onUpsert?.(object);
      },
      onGone: (known) => told.push(`-${known.name} ${known.uid}`),
    },
    onProblem: (problem) => problems.push(problem),
    times: { ...quick, ...times },
    random: () => 0.5,
    ...(timers === undefined ? {} : { timers }),
    ...(metadataOnly === undefined ? {} : { metadataOnly }),
    ...(query === undefined ? {} : { query }),
    ...(largestPage === undefined ? {} : { largestPage }),
  });
  reflectors.push(reflector);
  const reasons = () => problems.map(({ during, reason }) => `${during} ${reason}`);
  return { reflector, told, problems, reasons };
}

const names = (reflector: Reflector) => [...reflector.entries()].map(({ name }) => name).sort();
const truth = () => [...collection.objects.values()].map(({ metadata }) => metadata.name).sort();
/** Cache = server. */
const converges = async (reflector: Reflector) => {
  await expect
    .poll(() => [...reflector.entries()].map(({ uid, resourceVersion }) => `${uid} ${resourceVersion}`).sort())
    .toEqual(
      [...collection.objects.values()].map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).sort(),
    );
};
/** RST on every connection. */
const reset = () => {
  for (const socket of api.sockets) socket.resetAndDestroy();
};
/** The watch hears of nothing until the answer is called. */
const deafen = (): (() => void) => {
  const held = [...collection.watchers];
  collection.watchers.clear();
  return () => {
    for (const watcher of held) collection.watchers.add(watcher);
  };
};
const watched = () => expect.poll(() => collection.watchers.size).toBe(1);

describe('keeping up', () => {
  it('lists in pages of the most recent state, then watches from there with bookmarks', async () => {
    for (let i = 0; i < 241; i += 1) collection.put(`c${i}`, `ns${i % 7}`);
    const { reflector, told } = reflecting({ query: { labelSelector: 'x=y' } });
    expect(reflector.sinceLastSync()).toBeUndefined();
    await reflector.start();
    expect(told).toHaveLength(241);
    expect(collection.lists.map(({ query }) => query)).toEqual([
      { limit: '100', labelSelector: 'x=y' },
      { limit: '100', labelSelector: 'x=y', continue: '1:100' },
      { limit: '100', labelSelector: 'x=y', continue: '1:200' },
    ]);
    await watched();
    expect(collection.watches[0]?.query).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '360',
      resourceVersion: String(collection.version),
      labelSelector: 'x=y',
    });
    expect(reflector.get('ns3', 'c3')).toMatchObject({ namespace: 'ns3', name: 'c3', uid: 'uid-4' });
    expect(reflector.get('ns4', 'c3')).toBeUndefined();
    expect(reflector.sinceLastSync()).toBeLessThan(10_000);
  });

  it('tells of what is new, changed and gone, in order', async () => {
    collection.put('a');
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    collection.put('b');
    collection.put('a');
    collection.delete('b');
    await expect.poll(() => told).toEqual(['a uid-1', 'b uid-2', 'a uid-1', '-b uid-2']);
    await converges(reflector);
  });

  it('asks for metadata only, where that is all', async () => {
    collection.put('a');
    const { reflector } = reflecting({ metadataOnly: true });
    await reflector.start();
    await watched();
    expect(collection.lists[0]?.headers.accept).toBe(
      'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    );
    expect(collection.watches[0]?.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  });

  it('a bookmark moves where the next watch begins, and is a sign of life', async () => {
    const { reflector } = reflecting();
    await reflector.start();
    await watched();
    collection.send({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '555' } } });
    collection.endWatches();
    await expect.poll(() => collection.watches.at(-1)?.query['resourceVersion']).toBe('555');
    expect(collection.lists).toHaveLength(1);
  });

  it('F38: the same name with another uid is gone first', async () => {
    collection.put('a');
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    collection.objects.delete('a/a');
    collection.put('a');
    await expect.poll(() => told).toEqual(['a uid-1', '-a uid-1', 'a uid-2']);
  });

  it('synced is the first complete list: a failing second page is not', async () => {
    for (let i = 0; i < 600; i += 1) collection.put(`c${i}`);
    let broken = true;
    collection.onList = ({ query, response }) => {
      if (query['continue'] === undefined || !broken) return false;
      status(response, 500, 'InternalError');
      return true;
    };
    const { reflector, problems } = reflecting();
    let synced = false;
    const start = reflector.start().then(() => {
      synced = true;
    });
    await expect.poll(() => problems.length).toBeGreaterThan(2);
    expect(synced).toBe(false);
    broken = false;
    await start;
    expect(names(reflector)).toEqual(truth());
  });

  it('large objects of one namespace make pages shorter, and keep nobody from the end of the list', async () => {
    const large = { data: 'x'.repeat(5_000) };
    for (let i = 0; i < 600; i += 1) collection.put(`c${i}`, 'others');
    for (let i = 0; i < 30; i += 1) collection.put(`large-${i}`, 'attacker', large);
    // By itself more than a page may be.
    collection.put('largest', 'attacker', { data: 'x'.repeat(300_000) });
    for (let i = 600; i < 1200; i += 1) collection.put(`c${i}`, 'others');
    const { reflector, told, reasons } = reflecting({ largestPage: 120_000 });
    await reflector.start();
    expect(reasons()).toEqual([]);
    expect(names(reflector)).toEqual(truth());
    expect(told).toHaveLength(1231);
    const limits = collection.lists.map(({ query }) => Number(query['limit']));
    expect(Math.min(...limits)).toBe(1);
    // Those of others come in long pages again.
    expect(limits.at(-1)).toBeGreaterThan(50);
    expect(limits.length).toBeLessThan(60);
  });

  it('stopped before it is synced, start ends too', async () => {
    collection.onList = () => true;
    const { reflector } = reflecting();
    const start = reflector.start();
    await expect.poll(() => collection.lists.length).toBe(1);
    await reflector.stop();
    await start;
    await expect.poll(() => api.sockets.size).toBe(0);
  });
});

describe('never dead, whatever a watch does', () => {
  const faults: [string, string, () => void][] = [
    ['F29: is cut', 'watch unavailable', () => reset()],
    ['F31: tells of 410', 'watch expired', () => collection.send(errorEvent(410, 'Expired'))],
    ['F31: tells of 500', 'watch refused', () => collection.send(errorEvent(500, 'InternalError'))],
    ['sends half a line', 'watch unreadable', () => collection.send('{"type":"ADDED","object":{"meta')],
    ['sends an endless line', 'watch unreadable', () => collection.send('x'.repeat(6000))],
    ['sends no event', 'watch unreadable', () => collection.send({ hello: 'world' })],
    [
      'sends an object without a name',
      'watch unreadable',
      () => collection.send({ type: 'ADDED', object: { metadata: {} } }),
    ],
  ];
  it.each(faults)('a watch that %s', async (_what, reason, fault) => {
    collection.put('a');
    collection.put('b');
    const { reflector, reasons } = reflecting();
    await reflector.start();
    await watched();
    fault();
    await expect.poll(reasons).toContain(reason);
    collection.delete('a');
    collection.put('c');
    await converges(reflector);
    expect(names(reflector)).toEqual(['b', 'c']);
  });

  it('F30: a silent watch is given up, and what happened meanwhile is seen', async () => {
    const { reflector, reasons } = reflecting({ times: { silence: 300 } });
    await reflector.start();
    await watched();
    const [silent] = collection.watchers;
    if (silent !== undefined) collection.watchers.delete(silent);
    collection.put('a');
    await converges(reflector);
    expect(reasons()[0]).toBe('watch unavailable');
    expect(collection.lists).toHaveLength(1);
  });

  it('F31: compaction: 410 at reconnect leads to a list, which notices deletions', async () => {
    collection.put('a');
    collection.put('b');
    const { reflector, told, reasons } = reflecting();
    await reflector.start();
    await watched();
    collection.onWatch = ({ response }) => {
      status(response, 503, 'ServiceUnavailable');
      return true;
    };
    reset();
    await expect.poll(() => collection.watchers.size).toBe(0);
    collection.delete('a');
    collection.tick();
    collection.compacted = collection.version;
    collection.onWatch = () => false;
    await expect.poll(() => told.at(-1)).toBe('-a uid-1');
    expect(reasons()).toContain('watch expired');
    await converges(reflector);
  });

  it.each([
    [403, 'Forbidden'],
    [401, 'Unauthorized'],
    [429, 'TooManyRequests'],
    [504, 'Timeout'],
  ])('a watch refused by %i is asked for again, and after three refusals the list too', async (code, reason) => {
    const { reflector, reasons } = reflecting();
    let refused = 0;
    collection.onWatch = ({ response }) => {
      if ((refused += 1) > 4) return false;
      status(response, code, reason);
      return true;
    };
    await reflector.start();
    await watched();
    expect(reasons()).toEqual(Array.from({ length: 4 }, () => 'watch refused'));
    expect(collection.lists).toHaveLength(2);
    collection.put('a');
    await converges(reflector);
  });

  it('a handler that throws is told of, and costs nothing else', async () => {
    const { reflector, told, reasons } = reflecting({
      onUpsert: (object) => {
        if (object.metadata.name === 'bad') throw new Error('no');
      },
    });
    await reflector.start();
    await watched();
    collection.put('bad');
    collection.put('good');
    await expect.poll(() => told).toEqual(['bad uid-1', 'good uid-2']);
    expect(reasons()).toEqual(['handler handler']);
  });
});

describe('never dead, whatever a list does', () => {
  it.each<[string, string, (call: Call) => void]>([
    ['F31: 500', 'list refused', ({ response }) => status(response, 500, 'InternalError')],
    ['403', 'list refused', ({ response }) => status(response, 403, 'Forbidden')],
    ['F31: 429', 'list refused', ({ response }) => status(response, 429, 'TooManyRequests')],
    ['no JSON', 'list unreadable', ({ response }) => void response.end('<html>')],
    ['another thing', 'list unreadable', ({ response }) => json(response, { kind: 'Pod' })],
    [
      'an item without a uid',
      'list unreadable',
      ({ response }) => json(response, { metadata: { resourceVersion: '1' }, items: [{}] }),
    ],
    ['a cut connection', 'list unavailable', ({ response }) => void response.destroy()],
  ])('%s, then again until it is there', async (_what, reason, fail) => {
    collection.put('a');
    let failures = 0;
    collection.onList = (call) => {
      if ((failures += 1) > 3) return false;
      fail(call);
      return true;
    };
    const { reflector, reasons } = reflecting();
    await reflector.start();
    expect(reasons()).toEqual([reason, reason, reason]);
    expect(names(reflector)).toEqual(['a']);
  });

  it('F31: a list that expires on its way begins anew, without the inconsistent rest that is offered', async () => {
    for (let i = 0; i < 220; i += 1) collection.put(`c${i}`);
    let expired = false;
    collection.onList = ({ query, response }) => {
      if (query['continue'] !== '1:100' || expired) return false;
      expired = true;
      const metadata = { continue: 'inconsistent' };
      json(response, { kind: 'Status', metadata, status: 'Failure', reason: 'Expired', code: 410 }, 410);
      return true;
    };
    const { reflector, told, reasons } = reflecting();
    await reflector.start();
    expect(reasons()).toEqual(['list expired']);
    expect(collection.lists.map(({ query }) => query['continue'])).toEqual([
      undefined,
      '1:100',
      undefined,
      '2:100',
      '2:200',
    ]);
    expect(names(reflector)).toEqual(truth());
    expect(told).toHaveLength(220);
  });

  it('F31: while failing, lists are at least a second apart, up to thirty', async () => {
    const clock = new HandClock();
    collection.onList = ({ response }) => {
      status(response, 500, 'InternalError');
      return true;
    };
    const { reflector, problems } = reflecting({ timers: clock, times: { gap: 1000, longestDelay: 30_000 } });
    void reflector.start();
    const waits: number[] = [];
    for (let lists = 1; lists <= 9; lists += 1) {
      await expect.poll(() => problems.length).toBe(lists);
      await expect.poll(() => clock.next).toBeDefined();
      waits.push(clock.next ?? 0);
      clock.advance(clock.next ?? 0);
    }
    expect(waits).toEqual([1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500, 22_500, 22_500]);
  });

  it('F31: lists that succeed before watches that expire at once are paced too', async () => {
    const clock = new HandClock();
    collection.onWatch = ({ response }) => {
      status(response, 410, 'Expired');
      return true;
    };
    const { reflector } = reflecting({ timers: clock, times: { gap: 1000, longestDelay: 30_000 } });
    await reflector.start();
    for (let second = 0; second < 20; second += 1) {
      // No list is under way that a watch has not followed.
      await expect.poll(() => collection.watches.length).toBe(collection.lists.length);
      await aMoment();
      clock.advance(1000);
    }
    expect(collection.lists.length).toBeGreaterThan(2);
    expect(collection.lists.length).toBeLessThan(8);
  });

  it('waits as long as the API server asks', async () => {
    const clock = new HandClock();
    collection.onList = ({ response }) => {
      status(response, 429, 'TooManyRequests', '', { 'retry-after': '40' });
      return true;
    };
    const { reflector, problems } = reflecting({ timers: clock, times: { gap: 1000, longestDelay: 30_000 } });
    void reflector.start();
    await expect.poll(() => problems.length).toBe(1);
    await expect.poll(() => clock.next).toBe(40_000);
  });
});

describe('lists from time to time', () => {
  it('F33: repair what a watch did not say, beside the watch, every ten minutes at most', async () => {
    const clock = new HandClock();
    collection.put('a');
    collection.put('b');
    const { reflector, told } = reflecting({ timers: clock, times: { gap: 1000, relist: 600_000 } });
    await reflector.start();
    await watched();
    const deaf = [...collection.watchers];
    collection.watchers.clear();
    collection.delete('a');
    collection.put('c');
    clock.advance(480_000);
    expect(collection.lists).toHaveLength(1);
    clock.advance(120_000);
    await expect.poll(() => told).toEqual(['a uid-1', 'b uid-2', 'c uid-3', '-a uid-1']);
    expect(collection.watches).toHaveLength(1);
    for (const call of deaf) collection.watchers.add(call);
    collection.put('d');
    await converges(reflector);
  });

  it('tell of nothing when nothing moved', async () => {
    collection.put('a');
    const { reflector, told } = reflecting({ times: { relist: 60 } });
    await reflector.start();
    await expect.poll(() => collection.lists.length).toBeGreaterThan(3);
    expect(told).toEqual(['a uid-1']);
    expect(reflector.get('a', 'a')).toBeDefined();
  });

  it('what happens while the pages arrive is neither forgotten nor undone', async () => {
    for (let i = 0; i < 120; i += 1) collection.put(`c${i}`);
    const clock = new HandClock();
    const { reflector, told } = reflecting({ timers: clock, times: { gap: 1000 } });
    await reflector.start();
    await watched();
    const held: Call[] = [];
    collection.onList = (call) => {
      if (call.query['continue'] === undefined) return false;
      held.push(call);
      return true;
    };
    clock.advance(600_000);
    await expect.poll(() => held.length).toBe(1);
    collection.delete('c119');
    collection.put('c118');
    collection.put('new');
    await expect.poll(() => told.at(-1)).toBe('new uid-121');
    const [second] = held;
    if (second !== undefined) collection.list(second);
    await expect.poll(() => clock.next).toBeGreaterThan(400_000);
    await converges(reflector);
    expect(told.slice(120)).toEqual(['-c119 uid-120', 'c118 uid-119', 'new uid-121']);
  });
});

describe('F34: an older state', () => {
  const replayed = (lists: number) => {
    let stale = 0;
    const version = collection.version;
    const items = [...collection.objects.values()];
    collection.onList = ({ response }) => {
      if ((stale += 1) > lists) return false;
      json(response, { metadata: { resourceVersion: String(version) }, items });
      return true;
    };
  };

  it('replayed makes nothing look gone or changed; the true list comes after it', async () => {
    collection.put('a');
    const { reflector, told, reasons } = reflecting();
    await reflector.start();
    await watched();
    replayed(1);
    collection.put('b');
    collection.put('a');
    await expect.poll(() => told.length).toBe(3);
    collection.send(errorEvent(410, 'Expired'));
    await expect.poll(() => collection.lists.length).toBe(3);
    await watched();
    expect(reasons()).toEqual(['watch expired', 'list stale']);
    expect(told).toHaveLength(3);
    await converges(reflector);
  });

  it('is believed in the end: etcd was restored, and everything is new or gone', async () => {
    const backup = [collection.put('a')];
    const { reflector, told } = reflecting({ times: { disbelief: 150 } });
    await reflector.start();
    await watched();
    collection.put('b');
    await expect.poll(() => told.length).toBe(2);
    collection.restore(101, backup);
    collection.send(errorEvent(410, 'Expired'));
    await expect.poll(() => told).toEqual(['a uid-1', 'b uid-2', 'a uid-1', '-b uid-2']);
    await expect.poll(() => collection.watches.at(-1)?.query['resourceVersion']).toBe('101');
  });
});

describe('F33: events doubled or late', () => {
  const event = (type: string, object: KubernetesObject) => ({ type, object });
  const settled = async (told: string[]) => {
    collection.put('last');
    await expect.poll(() => told.at(-1)).toContain('last');
  };

  it('are no news', async () => {
    const first = collection.put('a');
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    const second = collection.put('a');
    collection.send(event('MODIFIED', second));
    collection.send(event('MODIFIED', first));
    collection.send(event('DELETED', first));
    await settled(told);
    expect(told.slice(0, -1)).toEqual(['a uid-1', 'a uid-1']);
    await converges(reflector);
  });

  it('raise nobody from the dead', async () => {
    const first = collection.put('a');
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    collection.delete('a');
    collection.send(event('MODIFIED', first));
    collection.send(event('ADDED', first));
    await settled(told);
    expect(told.slice(0, -1)).toEqual(['a uid-1', '-a uid-1']);
    expect(reflector.get('a', 'a')).toBeUndefined();
  });

  it('of another object count all the same', async () => {
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    const hear = deafen();
    const early = collection.put('early');
    const late = collection.put('late');
    hear();
    collection.send(event('ADDED', late));
    collection.send(event('ADDED', early));
    await expect.poll(() => told).toEqual(['late uid-2', 'early uid-1']);
  });
});

describe('own writes', () => {
  it('wake nobody, whichever comes first, the answer or the event', async () => {
    collection.put('a');
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    const hear = deafen();
    const mine = collection.put('a');
    const other = collection.put('b');
    reflector.noteWritten(mine);
    hear();
    collection.send({ type: 'MODIFIED', object: mine });
    collection.send({ type: 'ADDED', object: other });
    await expect.poll(() => told).toEqual(['a uid-1', 'b uid-2']);
    await converges(reflector);
    reflector.noteWritten(mine);
    collection.put('a');
    await expect.poll(() => told).toEqual(['a uid-1', 'b uid-2', 'a uid-1']);
  });

  it('hide nothing that somebody else wrote just before', async () => {
    collection.put('a');
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    const hear = deafen();
    const theirs = collection.put('a');
    const mine = collection.put('a');
    reflector.noteWritten(mine);
    hear();
    collection.send({ type: 'MODIFIED', object: theirs });
    collection.send({ type: 'MODIFIED', object: mine });
    await converges(reflector);
    expect(told).toEqual(['a uid-1', 'a uid-1']);
  });

  it('of something new are known by their event, and gone when they are gone', async () => {
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    const hear = deafen();
    const mine = collection.put('a');
    reflector.noteWritten(mine);
    hear();
    collection.send({ type: 'ADDED', object: mine });
    await converges(reflector);
    collection.delete('a');
    await expect.poll(() => told).toEqual(['-a uid-1']);
    reflector.noteWritten(mine);
    expect(names(reflector)).toEqual([]);
  });

  it('that made something are known at once: a list tells of its end, though no event told of either', async () => {
    const { reflector, told } = reflecting({ times: { relist: 60 } });
    await reflector.start();
    await watched();
    const hear = deafen();
    reflector.noteCreated(collection.put('a'));
    expect(names(reflector)).toEqual(['a']);
    collection.delete('a');
    hear();
    await expect.poll(() => told).toEqual(['-a uid-1']);
  });

  it('that made something are no news by their event, and none at all once that has ended', async () => {
    const { reflector, told } = reflecting();
    await reflector.start();
    await watched();
    const hear = deafen();
    const mine = collection.put('a');
    reflector.noteCreated(mine);
    hear();
    collection.send({ type: 'ADDED', object: mine });
    collection.delete('a');
    await expect.poll(() => told).toEqual(['-a uid-1']);
    reflector.noteCreated(mine);
    expect(names(reflector)).toEqual([]);
  });
});

function errorEvent(code: number, reason: string): object {
  return { type: 'ERROR', object: { kind: 'Status', status: 'Failure', code, reason } };
}
