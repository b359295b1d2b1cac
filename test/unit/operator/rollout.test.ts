/** What the cluster says about pods, in the words of a condition. */
import { describe, expect, it } from 'vitest';
import {
  MigrationSlots,
  slotPatience,
} from '../../../operator/src/controllers/authorization-server/deployment/migration-slots.ts';
import {
  isRolling,
  lastWords,
  rolloutOf,
} from '../../../operator/src/controllers/authorization-server/deployment/rollout.ts';
import { Turns, turnPatience } from '../../../operator/src/controllers/authorization-server/deployment/turns.ts';
import type { Child, JsonObject } from '../../../operator/src/sources/children.ts';

const progressing = (status: string, reason: string) => ({ type: 'Progressing', status, reason, message: reason });

function aDeployment(status: JsonObject, owner = 'uid-main'): Child {
  return {
    kind: 'Deployment',
    namespace: 'auth',
    name: 'main-server',
    uid: 'd',
    createdAt: '2026-01-01T00:00:00Z',
    deleting: false,
    generation: 4,
    labels: {},
    annotations: {},
    owner,
    object: { spec: { replicas: 2 }, status: { observedGeneration: 4, ...status } },
  };
}

const all = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
const half = { replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2 };
const on = { conditions: [progressing('True', 'ReplicaSetUpdated')] };

function aPod(
  name: string,
  state: JsonObject,
  more: { readonly hash?: string; readonly at?: string; readonly status?: JsonObject } = {},
): JsonObject {
  const { hash = 'new', at = '2026-01-01T00:00:10Z', status = {} } = more;
  return {
    metadata: { name, creationTimestamp: at, labels: { 'pod-template-hash': hash } },
    status: { containerStatuses: [{ name: 'server', ...state }], ...status },
  };
}
const waiting = (reason: string, message = '') => ({ state: { waiting: { reason, message } } });

describe('a rollout', () => {
  it.each<[string, JsonObject, readonly JsonObject[], ReturnType<typeof rolloutOf>]>([
    ['every pod is new and runs', all, [], { state: 'complete' }],
    [
      'a pod was lost afterwards',
      { ...all, availableReplicas: 1, conditions: [progressing('True', 'NewReplicaSetAvailable')] },
      [],
      { state: 'complete' },
    ],
    [
      'an older generation says nothing',
      { ...all, observedGeneration: 3 },
      [],
      { state: 'rolling', message: '2 of 2 pods are of the newest version, 2 are available. Waiting' },
    ],
    [
      'under way',
      { ...half, ...on },
      [],
      { state: 'rolling', message: '1 of 2 pods are of the newest version, 2 are available. Waiting' },
    ],
    [
      'pods that are being made wait for that',
      { ...half, ...on },
      [aPod('p', waiting('ContainerCreating'))],
      { state: 'rolling', message: '1 of 2 pods are of the newest version, 2 are available. Waiting' },
    ],
    [
      'an image that is not there',
      { ...half, ...on },
      [aPod('p', waiting('ImagePullBackOff', 'Back-off pulling image "x"'))],
      { state: 'stuck', message: 'pod p: ImagePullBackOff: Back-off pulling image "x"' },
    ],
    [
      'a process that ends: its last line',
      { ...half, ...on },
      [
        aPod('p', {
          ...waiting('CrashLoopBackOff', 'back-off 10s'),
          lastState: { terminated: { exitCode: 2, message: 'starting\n--listen is wrong\n' } },
        }),
      ],
      { state: 'stuck', message: 'pod p: CrashLoopBackOff: --listen is wrong' },
    ],
    [
      'what fails of the version before',
      { ...half, ...on },
      [aPod('old', waiting('ImagePullBackOff'), { hash: 'old', at: '2025-12-31T00:00:00Z' }), aPod('p', {})],
      { state: 'rolling', message: '1 of 2 pods are of the newest version, 2 are available. Waiting' },
    ],
    [
      'nothing moves',
      { ...half, conditions: [progressing('False', 'ProgressDeadlineExceeded')] },
      [],
      {
        state: 'stuck',
        message: '1 of 2 pods are of the newest version, 2 are available, and none has come for minutes',
      },
    ],
    [
      'no node takes it',
      { ...half, conditions: [progressing('False', 'ProgressDeadlineExceeded')] },
      [
        aPod(
          'p',
          {},
          {
            status: {
              conditions: [
                { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' },
              ],
            },
          },
        ),
      ],
      { state: 'stuck', message: 'pod p: Unschedulable: 0/3 nodes are available' },
    ],
    [
      'no pod may be made',
      {
        conditions: [
          { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota: small' },
        ],
      },
      [],
      { state: 'refused', message: 'no pod can be made: exceeded quota: small' },
    ],
  ])('%s', (_name, status, pods, expected) => {
    expect(rolloutOf(aDeployment(status), pods)).toEqual(expected);
  });

  it('the last words of a migration are the last line of the newest pod that failed', () => {
    const failed = (message: string) => ({ state: { terminated: { exitCode: 1, message } } });
    expect(
      lastWords([
        aPod('a', failed('first\nattempt'), { at: '2026-01-01T00:00:00Z' }),
        aPod('b', failed('0003-more: column "x" exists\n\n'), { at: '2026-01-01T00:01:00Z' }),
      ]),
    ).toBe('0003-more: column "x" exists');
    expect(lastWords([aPod('a', { state: { terminated: { exitCode: 0, message: 'done' } } })])).toBeUndefined();
  });
});

describe('one after the other', () => {
  const rolling = (owner: string) => aDeployment({ ...half, ...on }, owner);
  const done = (owner: string) => aDeployment(all, owner);
  const setUp = () => {
    const clock = { now: 0 };
    const turns = new Turns(() => clock.now);
    return {
      clock,
      turns,
      /** Asks, and when it has its turn, asks for its new pods. */
      ask: (uid: string, deployments: readonly Child[], namespace = `of-${uid}`) => {
        const taken = turns.take({ uid, namespace }, deployments);
        if (taken) turns.done(uid);
        return taken;
      },
    };
  };

  it('waits while the pods of one that was given its turn are being replaced', () => {
    const { ask } = setUp();
    expect(ask('b', [done('b')])).toBe(true);
    expect(ask('a', [rolling('b')])).toBe(false);
    expect(ask('a', [done('b')])).toBe(true);
  });

  it('is not in its own way', () => {
    const { ask } = setUp();
    expect(ask('a', [rolling('a')])).toBe(true);
    expect(ask('a', [rolling('a')])).toBe(true);
  });

  it('two that come at once do not both begin, also before the first is seen to roll', () => {
    const { turns, ask } = setUp();
    expect(turns.take({ uid: 'a', namespace: 'one' }, [done('a')])).toBe(true);
    expect(ask('b', [done('a')])).toBe(false);
    turns.done('a');
    expect(ask('b', [done('a')])).toBe(true);
  });

  it('one that is gone is not waited for', () => {
    const { ask } = setUp();
    expect(ask('a', [])).toBe(true);
    expect(ask('b', [])).toBe(true);
  });

  it('who came first is first', () => {
    const { ask } = setUp();
    expect(ask('a', [])).toBe(true);
    expect(ask('b', [rolling('a')])).toBe(false);
    expect(ask('c', [rolling('a')])).toBe(false);
    expect(ask('c', [done('a')])).toBe(false);
    expect(ask('b', [done('a')])).toBe(true);
  });

  it('who does not ask again is not waited for', () => {
    const { clock, ask } = setUp();
    expect(ask('a', [])).toBe(true);
    expect(ask('b', [rolling('a')])).toBe(false);
    clock.now = 20_000;
    expect(ask('c', [rolling('a')])).toBe(false);
    clock.now = 45_000;
    expect(ask('c', [done('a')])).toBe(true);
  });

  it('a Deployment that rolls without a turn keeps nobody waiting, however often', () => {
    const { ask } = setUp();
    expect(ask('a', [done('a')])).toBe(true);
    for (const one of ['b', 'c', 'd']) expect(ask(one, [done('a'), rolling('evil')])).toBe(true);
  });

  it('a turn ends ten minutes after it was given, whatever was complete or asked for in between', () => {
    const { clock, ask } = setUp();
    expect(ask('evil', [])).toBe(true);
    for (clock.now = 0; clock.now < turnPatience; clock.now += 20_000) {
      expect(ask('evil', [rolling('evil')])).toBe(true);
      expect(ask('a', [rolling('evil')])).toBe(false);
    }
    expect(ask('evil', [rolling('evil')])).toBe(false);
    expect(ask('a', [rolling('evil')])).toBe(true);
  });

  it('fifty servers of one namespace that do not come keep the one of another waiting for one turn', () => {
    const { clock, ask } = setUp();
    const evil = Array.from({ length: 50 }, (_, at) => `evil-${at}`);
    const stuck = evil.map(rolling);
    const askAll = () => evil.map((one) => ask(one, stuck, 'evil')).filter(Boolean).length;
    expect(ask('evil-0', [], 'evil')).toBe(true);
    expect(askAll()).toBe(1);
    for (; !ask('a', stuck); clock.now += 10_000) askAll();
    expect(clock.now).toBe(turnPatience);
    // Then it is one of theirs again, and behind it whoever came meanwhile.
    expect(evil.some((one) => ask(one, [rolling('a')], 'evil'))).toBe(false);
    expect(ask('b', [rolling('a')])).toBe(false);
    expect(askAll()).toBe(1);
    expect(ask('b', stuck)).toBe(false);
    expect(ask('b', [])).toBe(true);
  });

  it('what a leader before had begun is waited for once, ten minutes at most', () => {
    const { clock, ask } = setUp();
    expect(ask('a', [rolling('b'), rolling('c')])).toBe(false);
    expect(ask('a', [rolling('b'), done('c')])).toBe(false);
    expect(ask('a', [done('b'), rolling('c')])).toBe(true);
    const late = setUp();
    expect(late.ask('a', [rolling('b')])).toBe(false);
    late.clock.now = turnPatience - 1;
    expect(late.ask('a', [rolling('b')])).toBe(false);
    late.clock.now = turnPatience;
    expect(late.ask('a', [rolling('b')])).toBe(true);
    expect(clock.now).toBe(0);
  });

  it('a rollout that is given up by the cluster is none', () => {
    expect(isRolling(aDeployment({ ...half, conditions: [progressing('False', 'ProgressDeadlineExceeded')] }))).toBe(
      false,
    );
    expect(isRolling(rolling('a'))).toBe(true);
  });
});

describe('migrations side by side', () => {
  const setUp = () => {
    const clock = { now: 0 };
    const slots = new MigrationSlots(() => clock.now);
    const take = (uid: string, namespace = `of-${uid}`) => slots.take({ uid, namespace });
    return { clock, slots, take };
  };

  it('a few at once, and the next one when one is done', () => {
    const { slots, take } = setUp();
    const all = Array.from({ length: 10 }, (_, at) => take(`s${at}`));
    expect(all.filter(Boolean)).toHaveLength(8);
    expect(take('s0')).toBe(true);
    slots.done('s3');
    expect([take('s9'), take('s8')]).toEqual([true, false]);
  });

  it('two of one namespace, however many it has', () => {
    const { take } = setUp();
    expect(['a', 'b', 'c', 'd'].map((uid) => take(uid, 'crowd'))).toEqual([true, true, false, false]);
    expect(take('other')).toBe(true);
  });

  it('one whose database says nothing keeps others waiting for ten minutes at most', () => {
    const { clock, take } = setUp();
    expect(['a', 'b'].map((uid) => take(uid, 'silent'))).toEqual([true, true]);
    clock.now = slotPatience - 1;
    expect(take('c', 'silent')).toBe(false);
    clock.now = slotPatience;
    expect(take('c', 'silent')).toBe(true);
  });
});
