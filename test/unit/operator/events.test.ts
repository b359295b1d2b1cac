import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventRecorder, type EventFacts, type EventRecorder } from '../../../operator/src/runtime/events.ts';
import { createApi } from '../../../operator/src/runtime/kubernetes-client.ts';
import { HandClock } from './hand-clock.ts';
import { json, type ScriptedApi, startScriptedApi, status } from './scripted-api.ts';

let api: ScriptedApi;
let clock: HandClock;
let problems: unknown[];
let recorder: EventRecorder;
let mayWrite: boolean;
beforeEach(async () => {
  api = await startScriptedApi(({ response }) => json(response, {}, 201));
  clock = new HandClock();
  problems = [];
  mayWrite = true;
  recorder = createEventRecorder({
    api: createApi(api.connection, { mayWrite: () => mayWrite }),
    apiVersion: 'auth.nauthera.io/v1alpha1',
    instance: 'nauthera-operator-abc',
    onProblem: (error) => problems.push(error),
    timers: clock,
  });
});
afterEach(async () => {
  await recorder.stop();
  await api.close();
});

const anEvent = (more: Partial<EventFacts> & { uid?: string; namespace?: string; name?: string } = {}): EventFacts => {
  const { uid = 'uid-1', namespace = 'shop', name = 'web', ...facts } = more;
  return {
    regarding: { kind: 'Client', namespace, name, uid },
    type: 'Normal',
    reason: 'SecretCreated',
    action: 'WriteSecret',
    note: 'Secret web-oauth2 was created',
    ...facts,
  };
};
const bodies = () => api.calls.map((call) => JSON.parse(call.body) as Record<string, unknown>);
const sent = (count: number) =>
  expect.poll(() => api.calls.filter((call) => call.response.writableFinished).length).toBe(count);

describe('an Event', () => {
  it('says what happened to what, beside it', async () => {
    recorder.record(anEvent({ type: 'Warning' }));
    await sent(1);
    expect(api.calls[0]).toMatchObject({ method: 'POST', path: '/apis/events.k8s.io/v1/namespaces/shop/events' });
    const [event] = bodies();
    expect(event).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
      eventTime: expect.stringMatching(/\.\d{6}Z$/),
      type: 'Warning',
      reason: 'SecretCreated',
      action: 'WriteSecret',
      note: 'Secret web-oauth2 was created',
      reportingController: 'auth.nauthera.io/operator',
      reportingInstance: 'nauthera-operator-abc',
      regarding: {
        apiVersion: 'auth.nauthera.io/v1alpha1',
        kind: 'Client',
        namespace: 'shop',
        name: 'web',
        uid: 'uid-1',
      },
    });
  });

  it('on what has no namespace lies in default', async () => {
    recorder.record(anEvent({ namespace: '' }));
    await sent(1);
    expect(api.calls[0]?.path).toBe('/apis/events.k8s.io/v1/namespaces/default/events');
    expect(bodies()[0]?.['regarding']).not.toHaveProperty('namespace');
  });

  it('has a note of at most 1 kB, cut between characters', async () => {
    recorder.record(anEvent({ note: 'ä'.repeat(2000) }));
    await sent(1);
    const note = String(bodies()[0]?.['note']);
    expect(Buffer.byteLength(note)).toBeLessThanOrEqual(1024);
    expect(note).toMatch(/^ä{500,}…$/);
  });
});

describe('many of them', () => {
  it('identical ones within six minutes become a series, written now and then', async () => {
    for (let i = 0; i < 5; i += 1) recorder.record(anEvent());
    await sent(1);
    clock.advance(10_000);
    await sent(2);
    const name = (bodies()[0]?.['metadata'] as { name: string } | undefined)?.name ?? '';
    expect(api.calls[1]).toMatchObject({
      method: 'PATCH',
      path: `/apis/events.k8s.io/v1/namespaces/shop/events/${name}`,
    });
    expect(api.calls[1]?.headers['content-type']).toBe('application/merge-patch+json');
    expect(bodies()[1]).toEqual({ series: { count: 5, lastObservedTime: expect.stringMatching(/\.\d{6}Z$/) } });
    clock.advance(400_000);
    recorder.record(anEvent());
    await sent(3);
    expect(api.calls[2]?.method).toBe('POST');
  });

  it('another note, or another object of that name, is another Event', async () => {
    recorder.record(anEvent());
    recorder.record(anEvent({ note: 'Secret web-oauth2 was created again' }));
    recorder.record(anEvent({ uid: 'uid-2' }));
    await sent(3);
    expect(api.calls.map((call) => call.method)).toEqual(['POST', 'POST', 'POST']);
  });

  it('on one object are 25, then one in five minutes; others are not held up', async () => {
    for (let i = 0; i < 40; i += 1) recorder.record(anEvent({ note: `${i}` }));
    recorder.record(anEvent({ uid: 'uid-2' }));
    await sent(26);
    clock.advance(300_000);
    recorder.record(anEvent({ note: 'later' }));
    recorder.record(anEvent({ note: 'too much' }));
    await sent(27);
    expect(bodies()[26]?.['note']).toBe('later');
    expect(problems).toEqual([]);
  });

  it('wait in a queue that has an end', async () => {
    api.answer(() => undefined);
    for (let i = 0; i < 600; i += 1) recorder.record(anEvent({ uid: `uid-${i}` }));
    expect(problems).toHaveLength(1);
    api.answer(({ response }) => json(response, {}, 201));
    for (const call of api.calls) json(call.response, {}, 201);
  });
});

describe('when they cannot be written', () => {
  it('they are lost, which is told once until it works again', async () => {
    api.answer(({ response }) => status(response, 500, 'InternalError'));
    for (let i = 0; i < 3; i += 1) recorder.record(anEvent({ uid: `uid-${i}` }));
    await sent(3);
    await expect.poll(() => problems.length).toBe(1);
    api.answer(({ response }) => json(response, {}, 201));
    recorder.record(anEvent({ uid: 'uid-9' }));
    await sent(4);
    api.answer(({ response }) => status(response, 403, 'Forbidden'));
    recorder.record(anEvent({ uid: 'uid-10' }));
    await expect.poll(() => problems.length).toBe(2);
  });

  it('a namespace that is gone, or a lead that is lost, is nothing to tell', async () => {
    api.answer(({ response }) => status(response, 404, 'NotFound'));
    recorder.record(anEvent());
    await sent(1);
    mayWrite = false;
    recorder.record(anEvent({ uid: 'uid-2' }));
    await recorder.stop();
    expect(api.calls).toHaveLength(1);
    expect(problems).toEqual([]);
  });

  it('stopping sends what waits, and takes nothing more', async () => {
    for (let i = 0; i < 10; i += 1) recorder.record(anEvent({ uid: `uid-${i}` }));
    await recorder.stop();
    expect(api.calls).toHaveLength(10);
    recorder.record(anEvent({ uid: 'uid-11' }));
    await recorder.stop();
    expect(api.calls).toHaveLength(10);
  });

  it('stopping does not wait for an API server that is silent', async () => {
    api.answer(() => undefined);
    for (let i = 0; i < 3; i += 1) recorder.record(anEvent({ uid: `uid-${i}` }));
    const began = performance.now();
    await recorder.stop();
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
