import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApi } from '../../../operator/src/runtime/kubernetes-client.ts';
import { createLeader, type Leader } from '../../../operator/src/runtime/leader.ts';
import { HandClock } from './hand-clock.ts';
import { aMoment, type Call, json, type ScriptedApi, startScriptedApi, status } from './scripted-api.ts';

const base = '/apis/coordination.k8s.io/v1/namespaces/auth-system/leases';

interface StoredLease {
  metadata: { name: string; uid: string; resourceVersion: string; creationTimestamp: string; labels?: object };
  spec: {
    holderIdentity?: string | null;
    leaseTransitions?: number;
    leaseDurationSeconds?: number;
    renewTime?: string;
  };
}

/** One Lease, with the rules of the API server: an update needs the version that it replaces. */
class LeaseServer {
  lease: StoredLease | undefined;
  created = '2026-01-01T00:00:00Z';
  /** Runs before an answer; true: it answered by itself. */
  before: (call: Call) => boolean = () => false;
  #version = 0;

  handle = (call: Call): void => {
    if (this.before(call)) return;
    const { response } = call;
    if (call.method === 'POST' && call.path === base) {
      if (this.lease !== undefined) return status(response, 409, 'AlreadyExists');
      this.create(JSON.parse(call.body) as StoredLease);
      return json(response, this.lease, 201);
    }
    if (call.path !== `${base}/nauthera-operator` || this.lease === undefined) return status(response, 404, 'NotFound');
    if (call.method === 'PUT') {
      const sent = JSON.parse(call.body) as StoredLease;
      if (sent.metadata.resourceVersion !== this.lease.metadata.resourceVersion)
        return status(response, 409, 'Conflict');
      this.edit((lease) => {
        lease.spec = sent.spec;
        lease.metadata = { ...sent.metadata, uid: lease.metadata.uid };
      });
    }
    json(response, this.lease);
  };

  create({ metadata, spec }: Pick<StoredLease, 'spec'> & { metadata: { name: string } }): void {
    this.#version += 1;
    this.lease = {
      metadata: {
        ...metadata,
        uid: `uid-${this.#version}`,
        resourceVersion: String(this.#version),
        creationTimestamp: this.created,
      },
      spec,
    };
  }

  edit(change: (lease: StoredLease) => void): void {
    if (this.lease === undefined) return;
    change(this.lease);
    this.#version += 1;
    this.lease.metadata.resourceVersion = String(this.#version);
  }

  heldBy(holderIdentity: string, leaseTransitions = 4, more: Partial<StoredLease['spec']> = {}): void {
    const spec = { holderIdentity, leaseTransitions, leaseDurationSeconds: 15, renewTime: 't0', ...more };
    this.create({ metadata: { name: 'nauthera-operator' }, spec });
  }
}

let api: ScriptedApi;
let server: LeaseServer;
let leaders: Leader[] = [];
beforeEach(async () => {
  server = new LeaseServer();
  api = await startScriptedApi(server.handle);
});
afterEach(async () => {
  await Promise.all(leaders.map((leader) => leader.stop()));
  leaders = [];
  await api.close();
});

function aLeader(clock = new HandClock()) {
  const lost: string[] = [];
  const problems: unknown[] = [];
  const leader = createLeader({
    api: createApi(api.connection),
    namespace: 'auth-system',
    name: 'nauthera-operator',
    onLost: (reason) => lost.push(reason),
    onProblem: (error) => problems.push(error),
    timers: clock,
    random: () => 0,
  });
  leaders.push(leader);
  return { leader, lost, problems, clock };
}

/** Lets the next look happen, and waits until it has. */
async function turn(clock: HandClock, by = 2000): Promise<void> {
  await expect.poll(() => clock.next).toBeDefined();
  const before = api.calls.length;
  clock.advance(by);
  await expect.poll(() => api.calls.length).toBeGreaterThan(before);
  await quiet();
}

/** No request under way any more. */
async function quiet(): Promise<void> {
  await expect.poll(() => api.calls.every((call) => call.response.writableFinished)).toBe(true);
  await aMoment();
}

describe('taking the lead', () => {
  it('makes the Lease when there is none', async () => {
    const { leader } = aLeader();
    await expect(leader.acquire()).resolves.toEqual({ leaseCreated: Date.parse(server.created), leaseTransitions: 1 });
    expect(leader.leading()).toBe(true);
    expect(leader.holder()).toBe(leader.identity);
    expect(server.lease?.spec).toMatchObject({ holderIdentity: leader.identity, leaseDurationSeconds: 15 });
    expect(server.lease?.spec.renewTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  it('takes a released Lease at once, with a higher number, and keeps what others wrote into it', async () => {
    server.heldBy('', 7);
    server.edit((lease) => Object.assign(lease.metadata, { labels: { a: 'b' } }));
    const { leader } = aLeader();
    await expect(leader.acquire()).resolves.toMatchObject({ leaseTransitions: 8 });
    expect(server.lease?.metadata.labels).toEqual({ a: 'b' });
  });

  it('F37: waits until a Lease has not changed for 15 s of its own time, whatever the times in it say', async () => {
    server.heldBy('other', 4, { renewTime: '1999-01-01T00:00:00.000000Z' });
    const { leader, clock } = aLeader();
    const acquired = leader.acquire();
    await quiet();
    for (let waited = 0; waited < 14_000; waited += 2000) await turn(clock);
    expect(leader.leading()).toBe(false);
    server.edit((lease) => Object.assign(lease.spec, { renewTime: 't1' }));
    for (let waited = 0; waited < 16_000; waited += 2000) await turn(clock);
    expect(leader.leading()).toBe(false);
    await turn(clock);
    await expect(acquired).resolves.toMatchObject({ leaseTransitions: 5 });
  });

  it('respects what an older holder promised, up to a minute', async () => {
    server.heldBy('other', 4, { leaseDurationSeconds: 86_400 });
    const { leader, clock } = aLeader();
    const acquired = leader.acquire();
    await quiet();
    for (let waited = 0; waited < 60_000; waited += 10_000) await turn(clock, 10_000);
    expect(leader.leading()).toBe(false);
    await turn(clock, 10_000);
    await expect(acquired).resolves.toMatchObject({ leaseTransitions: 5 });
  });

  it('of two, one leads', async () => {
    const one = aLeader();
    const two = aLeader();
    void one.leader.acquire();
    void two.leader.acquire();
    await expect.poll(() => [one, two].filter(({ leader }) => leader.leading()).length).toBe(1);
    await quiet();
    await turn(one.clock);
    await turn(two.clock);
    expect([one, two].filter(({ leader }) => leader.leading())).toHaveLength(1);
  });

  it('finds its own Lease when the answer was lost, without raising the number again', async () => {
    let lose = true;
    server.before = (call) => {
      if (call.method !== 'POST' || !lose) return false;
      lose = false;
      server.create(JSON.parse(call.body) as StoredLease);
      call.response.destroy();
      return true;
    };
    const { leader, clock } = aLeader();
    const acquired = leader.acquire();
    await expect.poll(() => clock.next).toBeDefined();
    clock.advance(2000);
    await expect(acquired).resolves.toMatchObject({ leaseTransitions: 1 });
  });

  it('each start of a process is another holder', () => {
    expect(aLeader().leader.identity).not.toBe(aLeader().leader.identity);
  });

  it('stopped before, it never leads', async () => {
    server.heldBy('other');
    const { leader } = aLeader();
    const acquired = leader.acquire();
    await leader.stop();
    await expect(acquired).resolves.toBeUndefined();
    expect(server.lease?.spec.holderIdentity).toBe('other');
  });
});

describe('keeping the lead, and losing it', () => {
  it('renews every 2 s, by one request', async () => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    for (let renewals = 0; renewals < 10; renewals += 1) await turn(clock);
    expect(leader.leading()).toBe(true);
    expect(lost).toEqual([]);
    expect(api.calls.filter((call) => call.method === 'PUT')).toHaveLength(10);
    expect(api.calls).toHaveLength(12);
  });

  it('F37: frozen beyond the deadline it does not lead, before anything told it so', async () => {
    const { leader, clock } = aLeader();
    await leader.acquire();
    clock.freeze(9_999);
    expect(leader.leading()).toBe(true);
    clock.freeze(1);
    expect(leader.leading()).toBe(false);
  });

  it('the deadline counts from when the renewal was sent, not from its answer', async () => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    let slow: Call | undefined;
    server.before = (call) => {
      slow = call;
      return true;
    };
    clock.advance(2000);
    await expect.poll(() => slow).toBeDefined();
    clock.freeze(4000);
    server.before = () => false;
    if (slow !== undefined) server.handle(slow);
    await quiet();
    clock.freeze(5999);
    expect(leader.leading()).toBe(true);
    clock.freeze(1);
    expect(leader.leading()).toBe(false);
    expect(lost).toEqual([]);
  });

  it.each([
    ['refused', (call: Call) => status(call.response, 500, 'InternalError')],
    ['cut', (call: Call) => void call.response.destroy()],
  ])('renewals that are %s are tried again until the deadline; then it has lost', async (_what, fail) => {
    const { leader, clock, lost, problems } = aLeader();
    await leader.acquire();
    await quiet();
    server.before = (call) => {
      fail(call);
      return true;
    };
    for (let failures = 1; failures <= 4; failures += 1) {
      await expect.poll(() => clock.next).toBeDefined();
      clock.advance(2000);
      await expect.poll(() => problems.length).toBe(failures);
    }
    expect(leader.leading()).toBe(true);
    await expect.poll(() => clock.next).toBeDefined();
    clock.advance(2000);
    // It writes nothing any more, and ends when others may lead.
    expect(leader.leading()).toBe(false);
    await expect.poll(() => problems.length).toBe(5);
    expect(lost).toEqual([]);
    clock.freeze(4999);
    clock.advance(1);
    expect(lost).toEqual(['The Lease was not renewed in time']);
    expect(leader.leading()).toBe(false);
  });

  it('a renewal that hangs does not hide the deadline', async () => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    server.before = () => true;
    clock.advance(10_000);
    expect(leader.leading()).toBe(false);
    clock.advance(5_000);
    expect(lost).toEqual(['The Lease was not renewed in time']);
  });

  it('after a failure it is tried again soon: four times in the time of one', async () => {
    const { leader, clock, problems } = aLeader();
    await leader.acquire();
    await quiet();
    server.before = (call) => {
      status(call.response, 500, 'InternalError');
      return true;
    };
    clock.advance(2000);
    await expect.poll(() => problems.length).toBe(1);
    await turn(clock, 500);
    await expect.poll(() => problems.length).toBe(2);
    server.before = () => false;
    await turn(clock, 500);
    clock.freeze(9_000);
    expect(leader.leading()).toBe(true);
  });

  it('a process that had no time to renew writes nothing, and goes on when nobody took over', async () => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    clock.freeze(12_000);
    expect(leader.leading()).toBe(false);
    await turn(clock, 0);
    expect(leader.leading()).toBe(true);
    expect(lost).toEqual([]);
    expect(server.lease?.spec.leaseTransitions).toBe(1);
  });

  it('a process that had no time to renew, and whose Lease somebody took meanwhile, has lost', async () => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    clock.freeze(12_000);
    server.heldBy('other', 2);
    await turn(clock, 0);
    expect(leader.leading()).toBe(false);
    expect(lost).toHaveLength(1);
  });

  it.each([
    ['taken over', () => server.edit((lease) => Object.assign(lease.spec, { holderIdentity: 'other' })), 'taken over'],
    ['deleted', () => Object.assign(server, { lease: undefined }), 'deleted'],
    ['made anew', () => server.heldBy('other'), 'deleted'],
  ])('a Lease that was %s is a lost one', async (_what, happen, says) => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    happen();
    await turn(clock);
    expect(leader.leading()).toBe(false);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toContain(says);
  });

  it('somebody else’s label in between is no loss', async () => {
    const { leader, clock, lost } = aLeader();
    await leader.acquire();
    await quiet();
    server.edit((lease) => Object.assign(lease.metadata, { labels: { a: 'b' } }));
    await turn(clock);
    expect(leader.leading()).toBe(true);
    expect(lost).toEqual([]);
    expect(server.lease?.metadata.labels).toEqual({ a: 'b' });
  });

  it('stopped, it gives the Lease back; the next one leads at once, with a higher number', async () => {
    const { leader, lost } = aLeader();
    await leader.acquire();
    await leader.stop();
    expect(leader.leading()).toBe(false);
    expect(lost).toEqual([]);
    expect(server.lease?.spec.holderIdentity ?? '').toBe('');
    await expect(aLeader().leader.acquire()).resolves.toMatchObject({ leaseTransitions: 2 });
  });

  it('stopped after it was taken over, it gives nothing back', async () => {
    const { leader } = aLeader();
    await leader.acquire();
    server.edit((lease) => Object.assign(lease.spec, { holderIdentity: 'other' }));
    await leader.stop();
    expect(server.lease?.spec.holderIdentity).toBe('other');
  });
});
