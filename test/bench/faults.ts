/** The harm that is done to the operator, by its id, and what is promised; who judges is `operator-faults.ts`. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiCall, type ApiProxy, goneEvent, on, type Rule } from '../support/api-proxy.ts';
import type { OperatorProcess } from '../support/operator-process.ts';
import { until } from '../support/product.ts';
import type { FaultProxy } from '../support/proxy.ts';
import type { Team } from './operator-story.ts';
import type { RecordedApi } from './recorded.ts';

export interface Scene {
  /** The API server, and what stands before it, and before the database. */
  readonly api: RecordedApi;
  readonly proxy: ApiProxy;
  readonly database: FaultProxy;
  readonly operator: OperatorProcess;
  readonly team: Team;
  readonly random: () => number;
  /** Another operator, which waits for the lead. */
  second(): Promise<OperatorProcess>;
  /** What the killed one held is free at once. */
  freeLease(): Promise<void>;
  /** All that the team changed has arrived. */
  arrived(): Promise<void>;
}

/** Ends the harm; how often it was done. */
type End = () => Promise<number>;

export interface Fault {
  readonly id: string;
  readonly what: string;
  /** Seconds after its end within which everything must be as it should. */
  readonly within: number;
  /** Seconds from the first change of the story to the end of the harm. */
  readonly lasts: number;
  /** Others are not kept waiting: a change of another team is Ready within so many seconds, while it lasts. */
  readonly others?: number;
  /** It ends only when all has arrived: {@link Fault.within} counts from its begin. */
  readonly fromBegin?: true;
  /** Each restart looks again at what it finds: how often is not promised. */
  readonly restarts?: true;
  /** Why it takes minutes: left out of the short form. */
  readonly slow?: string;
  readonly begin: (scene: Scene) => Promise<End>;
}

/** Ends when it was done at least once: how much happens in some seconds is the machine's affair. */
const fired =
  (...rules: readonly Rule[]): End =>
  async () => {
    const count = () => rules.reduce((sum, rule) => sum + rule.fired, 0);
    await until('the harm was done', async () => count() > 0, 120_000);
    for (const rule of rules) rule.disarm();
    return count();
  };
const all = on({});
const notLease = ({ resource }: ApiCall): boolean => resource !== 'leases';
/** Half of all calls, watches and lists too. */
const half =
  (status: number, headers: Readonly<Record<string, string>> = {}): Fault['begin'] =>
  async ({ proxy, random }) =>
    fired(proxy.answer((call) => notLease(call) && random() < 0.5, { status, headers }));
const writesOf =
  ({ team }: Scene) =>
  (call: ApiCall): boolean =>
    on({ mutating: true, namespace: team.namespace })(call) && call.resource !== 'events';

/** Again and again, until the harm is over; how often. */
function repeated(act: () => Promise<boolean>): End {
  let [running, count] = [true, 0];
  const loop = (async () => {
    while (running) if (await act()) count += 1;
  })();
  return async () => {
    running = false;
    await loop;
    return count;
  };
}

async function killed(scene: Scene): Promise<void> {
  const { operator } = scene;
  const { ends } = operator;
  operator.crash();
  await until('the operator is gone', async () => operator.ends > ends);
  await scene.freeLease();
}

export const faults: readonly Fault[] = [
  {
    id: 'F29',
    what: 'the API server is gone, and has then forgotten what was',
    within: 90,
    restarts: true,
    lasts: 20,
    begin: async ({ proxy, api }) => {
      proxy.refuse();
      const count = proxy.reset();
      return async () => {
        await api.ask({ order: 'forget' });
        proxy.accept();
        return count;
      };
    },
  },
  {
    id: 'F30',
    what: 'watches say nothing any more',
    within: 90,
    lasts: 1,
    slow: 'a watch may be quiet for 75 seconds',
    begin: async ({ proxy }) => {
      const count = proxy.silence(all);
      return async () => count;
    },
  },
  {
    id: 'F31',
    what: '410 in every watch, and the next watch is refused so too',
    within: 90,
    lasts: 4,
    begin: async ({ proxy }) => {
      const rule = proxy.answer(on({ verb: 'watch' }), { status: 410 }, 5);
      proxy.inject(all, goneEvent);
      return fired(rule);
    },
  },
  {
    id: 'F31',
    what: '410 in every watch, then lists fail: 410 between two pages, 500, 429',
    within: 90,
    lasts: 4,
    begin: async ({ proxy }) => {
      const list = on({ verb: 'list', resource: ['clients', 'secrets'] });
      const rules = [
        proxy.answer((call) => list(call) && call.query.has('continue'), { status: 410 }, 1),
        proxy.answer(list, { status: 500 }, 2),
        proxy.answer(list, { status: 429, headers: { 'retry-after': '1' } }, 2),
      ];
      proxy.inject(all, goneEvent);
      return async () => {
        await until('lists failed', async () => rules.slice(1).every((rule) => rule.fired === 2), 120_000);
        return fired(...rules)();
      };
    },
  },
  { id: 'F31', what: '429 for half of all calls', within: 90, lasts: 10, begin: half(429, { 'retry-after': '1' }) },
  { id: 'F31', what: '500 for half of all calls', within: 90, lasts: 10, begin: half(500) },
  {
    id: 'F32',
    what: 'the operator is killed every few seconds',
    within: 90,
    restarts: true,
    lasts: 12,
    begin: async (scene) =>
      repeated(async () => {
        await sleep(1000 + scene.random() * 4000);
        await killed(scene);
        return true;
      }),
  },
  {
    id: 'F32',
    what: 'the operator is killed before or after one of its writes',
    within: 90,
    restarts: true,
    lasts: 15,
    begin: async (scene) => {
      let count = 0;
      const next = () => {
        const when = count % 2 === 0 ? 'after' : 'before';
        return scene.proxy[when](writesOf(scene), 1 + (count % 3), () => killed(scene));
      };
      let rule = next();
      const end = repeated(async () => {
        await sleep(50);
        if (rule.fired === 0) return false;
        count += 1;
        rule = next();
        return true;
      });
      return async () => {
        await until('it was killed', async () => count > 0, 120_000);
        rule.disarm();
        return end();
      };
    },
  },
  {
    id: 'F33',
    what: 'events are dropped, doubled, reordered, until a watch is too old',
    within: 90,
    lasts: 8,
    begin: async ({ proxy, random }) => {
      const chance =
        (part: number) =>
        ({ type }: { readonly type: string }) =>
          type !== 'BOOKMARK' && type !== 'ERROR' && random() < part;
      const end = fired(
        proxy.doubleEvents(all, chance(0.3)),
        proxy.reorderEvents(all, chance(0.5)),
        proxy.dropEvents(all, chance(0.3)),
      );
      return async () => {
        const count = await end();
        proxy.inject(all, goneEvent);
        return count;
      };
    },
  },
  {
    id: 'F34',
    what: 'a list of the past is told once more',
    within: 90,
    lasts: 10,
    begin: async ({ proxy, api }) => {
      const kept = proxy.keepLists(on({ resource: ['clients', 'secrets'] }));
      await api.ask({ order: 'reset' });
      proxy.inject(all, goneEvent);
      const watched = async () => {
        const calls = await api.calls();
        return (calls['WATCH clients'] ?? 0) > 0 && (calls['WATCH secrets'] ?? 0) > 0;
      };
      await until('all of it was listed', watched);
      return async () => {
        kept.replay();
        proxy.inject(all, goneEvent);
        return fired(kept)();
      };
    },
  },
  {
    id: 'F35',
    what: '409 for the first write of each kind to each object',
    within: 10,
    lasts: 5,
    begin: async (scene) => {
      const seen = new Set<string>();
      const isFirst = (call: ApiCall) => {
        const what = `${call.method} ${call.path}`;
        if (!writesOf(scene)(call) || seen.has(what)) return false;
        seen.add(what);
        return true;
      };
      return fired(scene.proxy.answer(isFirst, { status: 409 }));
    },
  },
  {
    id: 'F36',
    what: 'the database is gone, while Clients are deleted too',
    within: 60,
    lasts: 10,
    begin: async ({ database }) => {
      database.refuse();
      const count = database.reset();
      return async () => {
        database.pass();
        return count;
      };
    },
  },
  {
    id: 'F41',
    what: 'a poisoned Client among all the good ones',
    within: 10,
    lasts: 5,
    others: 10,
    begin: async ({ team, api }) => {
      const redirectUris = Array.from({ length: 5000 }, (_, index) => `https://x.example/${index}`);
      await team.create('poison', { redirectUris });
      return async () => {
        const told = async () => JSON.stringify(await api.call('GET', team.clients('poison'))).includes('InvalidSpec');
        await until('it says what is wrong with it', told, 120_000);
        await team.delete('poison');
        return 1;
      };
    },
  },
  // The last: from then on there are two.
  {
    id: 'F37',
    what: 'the leader is frozen for longer than its Lease, and thaws when a second one leads',
    within: 90,
    fromBegin: true,
    restarts: true,
    lasts: 1,
    begin: async (scene) => {
      const second = await scene.second();
      await sleep(1000);
      scene.operator.pause();
      return async () => {
        await scene.arrived();
        const { ends } = scene.operator;
        scene.operator.resume();
        await until('the one that was frozen ends', async () => scene.operator.ends > ends, 120_000);
        return second.ends === 0 ? 1 : 0;
      };
    },
  },
];
