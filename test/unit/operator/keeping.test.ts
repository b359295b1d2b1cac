import { describe, expect, it } from 'vitest';
import { attach, mayBeKept } from '../../../operator/src/controllers/attachment.ts';
import { keptBy } from '../../../operator/src/controllers/authorization-server/keeping.ts';
import { deletionPatience } from '../../../operator/src/controllers/deletion.ts';
import type { Observed } from '../../../operator/src/sources/source.ts';
import type { StoredRegistration } from '../../../server/src/registry/index.ts';
import { Rows } from './fake-registry.ts';
import { fakeWorld } from './fake-world.ts';
import { aServerResource, aStored, observed, shop } from './resources.ts';

const since = '2026-06-01T00:00:00Z';
const t0 = Date.parse(since);
const client = observed('Client', 'web');
const row = (more: Partial<StoredRegistration> = {}) =>
  aStored('shop.web', { source: 'test', namespace: 'shop', name: 'web', uid: client.uid }, more);
const going = (more: Partial<Observed<'AuthorizationServer'>> = {}) =>
  aServerResource({}, { deleting: true, deletingSince: since, annotations: {}, ...more });

function keeps(
  server: Observed<'AuthorizationServer'>,
  { rows = [row()], resources = [client] as Observed[], known = true } = {},
) {
  const registries = known ? { 'auth/main': new Rows('auth/main', rows) } : {};
  return keptBy(fakeWorld({ resources: [server, ...resources], registries }).world, server);
}

describe('an AuthorizationServer that is deleted', () => {
  it('stays while it serves a Client, and says what to do', async () => {
    expect(await keeps(going())).toBe(
      'Goes on serving 1 Client. Delete it first, or let go of it with the annotation auth.nauthera.io/confirm-deletion: "yes"',
    );
    const other = observed('Client', 'other');
    const rows = [row(), aStored('shop.other', { source: 'test', uid: other.uid })];
    expect(await keeps(going(), { rows, resources: [client, other] })).toMatch(
      /^Goes on serving 2 Clients. Delete them/,
    );
  });

  it.each<[string, Observed<'AuthorizationServer'>, Parameters<typeof keeps>[1]?]>([
    ['serves none', going(), { rows: [] }],
    ['has rows of Clients that are gone', going(), { resources: [] }],
    ['has Clients that are served to nobody', going(), { rows: [row({ withdrawn: true })] }],
    ['is let go by its owner', going({ annotations: { 'auth.nauthera.io/confirm-deletion': 'yes' } })],
    ['is in a namespace that ends', going({ deletingWhole: true })],
    ['is gone already', { ...going(), spec: undefined }],
    ['is a file that is gone', { ...going(), deletingSince: undefined } as never],
    ['never had its database', going(), { known: false }],
    ['is not deleted at all', aServerResource()],
  ])('goes when it %s', async (_, server, parts) => {
    expect(await keeps(server, parts)).toBeUndefined();
  });

  it('goes when another server has its database', async () => {
    const theirs = going({ uid: 'uid-of-another' });
    expect(await keeps(theirs)).toBeUndefined();
  });
});

describe('F36 an AuthorizationServer that is deleted, without its database', () => {
  const waiting = /^Waiting for its database/;

  /** Deleted an hour ago, by a clock that anybody can set. */
  function scene() {
    const main = new Rows('auth/main', [row()]);
    const clock = { own: t0 + 3_600_000, steady: 5_000 };
    const { world } = fakeWorld({
      resources: [going(), client],
      registries: { 'auth/main': main },
      now: () => clock.own,
      steadyNow: () => clock.steady,
    });
    const look = async (away: boolean) => {
      main.away = away;
      return keptBy(world, going());
    };
    return { clock, look };
  }

  it('waits for it, ten minutes and no longer', async () => {
    const { clock, look } = scene();
    expect(await look(true)).toMatch(waiting);
    clock.steady += deletionPatience - 1;
    expect(await look(true)).toMatch(waiting);
    clock.steady += 1;
    expect(await look(true)).toBeUndefined();
  });

  it('each time that it is away: one that has served Clients for long is not gone at the first hiccup', async () => {
    const { clock, look } = scene();
    expect(await look(true)).toMatch(waiting);
    clock.steady += deletionPatience - 1;
    expect(await look(false)).toMatch(/^Goes on serving 1 Client/);
    clock.steady += deletionPatience;
    expect(await look(true)).toMatch(waiting);
  });

  it.each([11 * 60_000, 3650 * 86_400_000, -86_400_000])('whatever our own clock says: %s ms off', async (jump) => {
    const { clock, look } = scene();
    await look(true);
    clock.own += jump;
    expect(await look(true)).toMatch(waiting);
  });
});

describe('who is attached to a server that is deleted', () => {
  const attached = (createdAt: string, server = going()) =>
    attach({ ...client, createdAt, spec: { ...client.spec, authorizationServerRef: ref } }, [server], shop).outcome;
  const ref = { name: 'main', namespace: 'auth' };

  it('what was there before, and nothing that came after: nobody holds it for ever', () => {
    expect(attached('2026-05-31T23:59:59Z')).toBe('attached');
    expect(attached(since)).toBe('attached');
    expect(attached('2026-06-01T00:00:01Z')).toBe('unresolved');
  });

  it('nobody, once it is let go or goes as a whole', () => {
    const annotations = { 'auth.nauthera.io/confirm-deletion': 'yes' };
    expect(attached('2026-01-01T00:00:00Z', going({ annotations }))).toBe('unresolved');
    expect(attached('2026-01-01T00:00:00Z', going({ deletingWhole: true }))).toBe('unresolved');
    expect(mayBeKept(going())).toBe(true);
  });
});
