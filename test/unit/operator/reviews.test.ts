/** A database that is away keeps nobody else's Clients waiting when the operator starts. */
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { ClientReviews } from '../../../operator/src/controllers/client/reviews.ts';
import { RegistryHandle } from '../../../operator/src/controllers/registry-handle.ts';
import { ServerDatabase } from '../../../operator/src/controllers/server-database.ts';
import { ReferenceIndex } from '../../../operator/src/runtime/reference-index.ts';
import { Rows } from './fake-registry.ts';
import { fakeWorld } from './fake-world.ts';
import { aServerResource, observed } from './resources.ts';

/** Milliseconds: whatever is waited for takes as long as the machine needs. The time of the reviews stands still. */
const soon = { timeout: 60_000 };
const long = { timeout: 120_000 };

let reviews: ClientReviews | undefined;
afterEach(() => reviews?.stop());

/** Two servers of two tenants, a Client each, and an operator that begins. */
function begins() {
  const live = new Rows('auth/main');
  const dead = new RegistryHandle(undefined, 'bank/dead');
  const { world } = fakeWorld({
    resources: [aServerResource(), aServerResource({}, { name: 'dead', namespace: 'bank' }), observed('Client', 'web')],
  });
  const looked = new Set<string>();
  const clock = { now: 5_000, asked: 0 };
  const { source } = world;
  reviews = new ClientReviews({
    world: {
      ...world,
      source: {
        ...source,
        list: (kind) => {
          clock.asked += 1;
          return source.list(kind);
        },
      },
      registryOf: (name) => (name === 'auth/main' ? live.handle : dead),
      registries: () => [live.handle],
    },
    references: new ReferenceIndex(),
    look: (key) => looked.add(key),
    settle: () => undefined,
    wake: () => undefined,
    onProblem: (error) => expect.fail(String(error)),
    onReviewed: () => undefined,
    now: () => clock.now,
  });
  reviews.ask('resync');
  reviews.ask('resync', live.handle);
  return { dead, looked, clock };
}

describe('a review when the operator starts', () => {
  it.each<[string, (scene: ReturnType<typeof begins>) => void]>([
    [
      'is known to be away',
      ({ dead }) => {
        dead.isAway = true;
      },
    ],
    [
      'had ten seconds',
      ({ clock }) => {
        clock.now += 10_000;
      },
    ],
  ])('waits for a database that may open in a moment, until it %s', long, async (_, ends) => {
    const scene = begins();
    // It has looked whether all databases are there, and again.
    await expect.poll(() => scene.clock.asked, soon).toBeGreaterThanOrEqual(5);
    expect([...scene.looked]).toEqual([]);
    ends(scene);
    await expect.poll(() => scene.looked.has('shop/web'), soon).toBe(true);
  });
});

describe('the database of a server', () => {
  function aDatabase(): ServerDatabase {
    return new ServerDatabase({
      server: 'bank/dead',
      source: fakeWorld().world.source,
      fence: { source: 'test', leaseCreated: 1, leaseTransitions: 0 },
      listener: {} as never,
      onState: () => undefined,
      onMigration: () => undefined,
      onProblem: () => undefined,
    });
  }

  it.each(['refuses', 'is silent'])('that %s is known to be away after the first attempt', long, async (how) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { readonly port: number };
    if (how === 'refuses') await new Promise((resolve) => silent.close(resolve));
    const database = aDatabase();
    try {
      expect(database.handle.isAway).toBe(false);
      const url = `postgres://nobody:nothing@127.0.0.1:${port}/none`;
      database.want({ secret: 'pg', url, directUrl: undefined, ca: undefined, keys: undefined, makeKeys: undefined });
      await expect.poll(() => database.handle.isAway, { timeout: 60_000 }).toBe(true);
    } finally {
      await database.close();
      silent.close();
    }
  });

  it('of which nobody says where it is counts as away', async () => {
    const database = aDatabase();
    database.wantNothing();
    expect(database.handle.isAway).toBe(true);
    await database.close();
  });
});
