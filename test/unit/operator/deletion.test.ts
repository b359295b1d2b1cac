import { describe, expect, it } from 'vitest';
import { discardSecrets } from '../../../operator/src/controllers/client/apply.ts';
import { clientController } from '../../../operator/src/controllers/client/controller.ts';
import { deletionPatience } from '../../../operator/src/controllers/deletion.ts';
import { reconcileKey } from '../../../operator/src/controllers/kind.ts';
import { Patience } from '../../../operator/src/runtime/patience.ts';
import { ReferenceIndex } from '../../../operator/src/runtime/reference-index.ts';
import type { NewSecret, Observed, Secret, SecretStore } from '../../../operator/src/sources/source.ts';
import { Rows } from './fake-registry.ts';
import { type FakeParts, fakeWorld } from './fake-world.ts';
import { aSecret, aServerResource, aStored, observed } from './resources.ts';

const since = '2026-06-01T00:00:00Z';
const t0 = Date.parse(since);
const uid = 'uid-Client-shop-web';
const ready = {
  type: 'Ready',
  status: 'True',
  reason: 'Ready',
  message: 'x',
  observedGeneration: 1,
  lastTransitionTime: since,
};
const status = { observedGeneration: 1, conditions: [ready], authorizationServer: 'auth/main' };
const going = (more: Partial<Observed<'Client'>> = {}) =>
  observed('Client', 'web', {}, { deleting: true, deletingSince: since, generation: 2, status, ...more } as never);
const server = aServerResource({ database: { secretRef: { name: 'database' } } });
const database = aSecret('database', { uri: 'x' }, { namespace: 'auth' });
const row = () => aStored('shop.web', { source: 'test', namespace: 'shop', name: 'web', uid });

function scene(parts: FakeParts & { readonly client?: Observed<'Client'> } = {}) {
  const { client = going(), ...more } = parts;
  const clock = { own: t0, steady: 5_000 };
  const main = new Rows('auth/main', [row()]);
  const fake = fakeWorld({
    resources: [client, server],
    stored: [database],
    registries: { 'auth/main': main },
    now: () => clock.own,
    steadyNow: () => clock.steady,
    ...more,
  });
  const references = new ReferenceIndex();
  const tools = {
    world: fake.world,
    references,
    wake: () => undefined,
    heardAt: () => 0,
    onTransition: () => undefined,
  };
  const pass = () => reconcileKey(clientController(fake.world), tools, 'shop/web');
  return { ...fake, main, pass, references, clock };
}

describe('a Client that is going', () => {
  it('ends what is registered, then is released', async () => {
    const { pass, main, steps, events } = scene();
    expect(await pass()).toEqual({ outcome: 'done' });
    expect([main.rows.has('client/shop.web'), steps, events]).toEqual([false, ['release web'], []]);
  });

  it('F36: waits for the database, says so once, and is woken by its return', async () => {
    const { pass, main, steps, statuses, references } = scene();
    main.away = true;
    expect(await pass()).toMatchObject({ outcome: 'waiting' });
    expect(steps).toEqual(['status web']);
    expect(statuses[0]?.status).toMatchObject({
      observedGeneration: 2,
      authorizationServer: 'auth/main',
      conditions: [
        {
          type: 'Ready',
          status: 'False',
          reason: 'Deleting',
          message:
            'Waiting for the database of AuthorizationServer auth/main, to end what is registered there; for 10 minutes at most',
        },
      ],
    });
    expect(references.dependents('registry/auth/main')).toEqual(['Client/shop/web']);
    main.away = false;
    expect(await pass()).toEqual({ outcome: 'done' });
    expect(steps).toEqual(['status web', 'release web']);
  });

  it('writes no status when that is what it says already', async () => {
    const first = scene();
    first.main.away = true;
    await first.pass();
    const said = { ...status, ...first.statuses[0]?.status } as Observed<'Client'>['status'];
    const again = scene({ client: going({ status: said }) });
    again.clock.own += 60_000;
    again.main.away = true;
    await again.pass();
    expect(again.steps).toEqual([]);
  });

  it.each([
    ['a moment before', deletionPatience - 1, 'waiting', []],
    ['after ten minutes', deletionPatience, 'done', ['release web']],
  ] as const)('%s without its database: %s ms', async (_, after, outcome, expected) => {
    const { pass, main, steps, events, clock } = scene();
    main.away = true;
    expect(await pass()).toMatchObject({ outcome: 'waiting', lookAgainAfter: 30_000 });
    clock.steady += after;
    expect((await pass()).outcome).toBe(outcome);
    expect(steps.filter((step) => step !== 'status web')).toEqual(expected);
    expect(events.map(({ type, reason }) => [type, reason])).toEqual(
      outcome === 'done' ? [['Warning', 'FinalizerReleased']] : [],
    );
  });

  it('by a clock that nobody can set: a jump of our own ends no patience', async () => {
    const { pass, main, steps, clock } = scene();
    main.away = true;
    await pass();
    clock.own += 11 * 60_000;
    expect((await pass()).outcome).toBe('waiting');
    clock.steady += deletionPatience - 10;
    expect(await pass()).toMatchObject({ outcome: 'waiting', lookAgainAfter: 10 });
    expect(steps).not.toContain('release web');
  });

  it('one that is made anew under its name begins anew', async () => {
    let now = 0;
    const patience = new Patience(() => now);
    patience.waited('web', 'a');
    now = 500;
    expect([patience.waited('web', 'a'), patience.waited('web', 'b'), patience.waited('other', 'a')]).toEqual([
      500, 0, 0,
    ]);
    now = 600;
    patience.over('web');
    expect(patience.waited('web', 'b')).toBe(0);
  });

  it.each([
    ['its AuthorizationServer is gone', { resources: [going()] }],
    ['the Secret of its database is gone', { stored: [] }],
  ])('is released at once when %s', async (_, more) => {
    const { pass, main, steps, events } = scene(more);
    main.away = true;
    expect(await pass()).toEqual({ outcome: 'done' });
    expect([steps, events]).toEqual([['release web'], []]);
  });

  it('does not wait for a database in which it only might have been', async () => {
    const other = new Rows('auth/other');
    other.away = true;
    const main = new Rows('auth/main', [row()]);
    const { pass, steps } = scene({ registries: { 'auth/other': other, 'auth/main': main } });
    expect(await pass()).toEqual({ outcome: 'done' });
    expect([main.rows.has('client/shop.web'), steps]).toEqual([false, ['release web']]);
  });

  it('that is gone already is cleaned up by its uid, and nothing is written to it', async () => {
    const { deletingSince: _since, ...rest } = going();
    const ghost = { ...rest, spec: undefined, status: { observedGeneration: -1, conditions: [] } } as never;
    const { pass, main, steps } = scene({ client: ghost });
    expect(await pass()).toEqual({ outcome: 'done' });
    expect([main.calls, steps]).toEqual([['scan', `delete client ${uid}`], ['release web']]);
  });

  it('its Secret goes after the registration, before it is released', async () => {
    const order: string[] = [];
    const secret = aSecret('web-oauth2', {}, { owner: { kind: 'Client', name: 'web', uid } });
    let owned = [secret];
    const { pass, main, steps } = scene({
      secrets: {
        ownedBy: () => Promise.resolve(owned),
        delete: () => {
          order.push(main.rows.has('client/shop.web') ? 'too early' : 'deleted', ...steps);
          owned = [];
          return Promise.resolve();
        },
      },
    });
    await pass();
    expect([order, steps]).toEqual([['deleted'], ['release web']]);
  });
});

describe('the Secrets of a Client that is gone', () => {
  const owner = { kind: 'Client', name: 'web', uid };
  const retained = { 'auth.nauthera.io/deletion-policy': 'Retain' };
  const old = { ...retained, 'auth.nauthera.io/remove-after': '2026-06-02T00:00:00Z' };

  async function discard(client: Observed<'Client'>, ...secrets: Secret[]) {
    const done: string[] = [];
    let owned = secrets;
    const store: Partial<SecretStore> = {
      ownedBy: () => Promise.resolve(owned),
      delete: ({ name }) => {
        owned = owned.filter((one) => one.name !== name);
        done.push(`delete ${name}`);
        return Promise.resolve();
      },
      update: ({ name }, next: NewSecret) => {
        owned = owned.filter((one) => one.name !== name);
        done.push(`keep ${name} of ${next.owner?.uid ?? 'nobody'}`);
        return Promise.resolve('updated' as const);
      },
    };
    await discardSecrets(fakeWorld({ secrets: store }).world, client);
    return done;
  }

  const gone = { ...going(), spec: undefined };
  it.each([
    ['Delete', going(), {}, 'delete web-oauth2'],
    ['Retain', observed('Client', 'web', { deletionPolicy: 'Retain' }), {}, 'keep web-oauth2 of nobody'],
    ['Delete, whatever the Secret says', going(), retained, 'delete web-oauth2'],
    ['as the Secret says when nobody can be asked: Retain', gone, retained, 'keep web-oauth2 of nobody'],
    ['as the Secret says when nobody can be asked: Delete', gone, {}, 'delete web-oauth2'],
    ['Retain, under a name that was given up', gone, old, 'delete web-oauth2'],
  ])('%s', async (_, client, annotations, expected) => {
    expect(await discard(client, aSecret('web-oauth2', {}, { owner, annotations }))).toEqual([expected]);
  });

  it('that changed meanwhile are looked at again before anything is released', async () => {
    const secret = aSecret('web-oauth2', {}, { owner });
    const { world } = fakeWorld({
      secrets: { ownedBy: () => Promise.resolve([secret]), delete: () => Promise.resolve() },
    });
    await expect(discardSecrets(world, going())).rejects.toThrow('changed while it was written');
  });
});
