import { describe, expect, it } from 'vitest';
import { pendingStatus } from '../../../crds/src/index.ts';
import { clientController } from '../../../operator/src/controllers/client/controller.ts';
import { reconcileKey } from '../../../operator/src/controllers/kind.ts';
import { ReferenceIndex } from '../../../operator/src/runtime/reference-index.ts';
import {
  isMadeFor,
  type NewSecret,
  type Observed,
  type Secret,
  type SecretOf,
} from '../../../operator/src/sources/source.ts';
import { Rows } from './fake-registry.ts';
import { fakeWorld } from './fake-world.ts';
import { aSecret, aServerResource, observed } from './resources.ts';

const uid = 'uid-Client-shop-web';
const madeFor = 'auth.nauthera.io/made-for';
const owner = { kind: 'Client', name: 'web', uid };
const retained = { name: 'web-oauth2', uid: 's-1' };

describe('a Secret was made for a resource', () => {
  const of = { namespace: 'shop', name: 'web', uid, status: { retained } };
  const its = { annotations: { [madeFor]: uid }, uid: 's-1' };
  const secret = (more: Partial<Secret> = {}) => aSecret('web-oauth2', {}, { ...its, ...more });

  it.each<[string, boolean, Secret, SecretOf]>([
    ['that owns it', true, aSecret('any', {}, { owner }), of],
    ['that its word and the status name', true, secret(), of],
    ['not of another namespace', false, secret({ namespace: 'bank' }), of],
    ['not of another namespace, whatever owner it names', false, aSecret('any', {}, { owner, namespace: 'bank' }), of],
    ['not when another one owns it', false, secret({ owner: { ...owner, uid: 'other' } }), of],
    ['not by its word alone', false, secret(), { namespace: 'shop', name: 'web', uid }],
    ['not by the status alone', false, secret({ annotations: {} }), of],
    ['not under another name', false, { ...secret(), name: 'copy' }, of],
    ['not when it is another object of that name', false, secret({ uid: 's-2' }), of],
    ['not when it speaks of a namesake', false, secret({ annotations: { [madeFor]: 'former' } }), of],
    ['not when somebody else controls it', false, secret({ controlled: true }), of],
  ])('%s', (_, expected, one, resource) => {
    expect(isMadeFor(resource, one)).toBe(expected);
  });
});

/** One pass after the other over one Client, on a store whose Secrets have uids. */
class Passes {
  spec: Record<string, unknown> = { deletionPolicy: 'Retain' };
  status: Observed<'Client'>['status'] = structuredClone(pendingStatus) as never;
  secret: Secret | undefined;
  readonly steps: string[] = [];
  readonly #rows = new Rows('auth/main');
  readonly #uids: boolean;
  #version = 0;
  #made = 0;

  /** @param uids whether its store gives each Secret a uid */
  constructor(uids = true) {
    this.#uids = uids;
  }

  #put(next: NewSecret, uid: string | undefined): void {
    this.#version += 1;
    this.secret = { ...next, version: String(this.#version), ...(uid === undefined ? {} : { uid }) };
  }

  /** @param dies the step after which nothing happens any more */
  async pass(dies?: string): Promise<void> {
    const step = (name: string) => {
      this.steps.push(name);
      if (name === dies) throw new Error('it dies');
    };
    const client = observed('Client', 'web', this.spec, { status: this.status } as never);
    const server = aServerResource({ database: { secretRef: { name: 'database' } } });
    const { world } = fakeWorld({
      resources: [client, server],
      registries: { 'auth/main': this.#rows },
      secrets: {
        read: (_, name) => Promise.resolve(name === 'web-oauth2' ? this.secret : undefined),
        create: async (next) => {
          this.#made += 1;
          this.#put(next, this.#uids ? `s-${this.#made}` : undefined);
          step(`create of ${next.owner === undefined ? 'nobody' : 'the Client'}`);
          return 'created';
        },
        update: async ({ uid: same }, next) => {
          this.#put(next, same);
          step(`update of ${next.owner === undefined ? 'nobody' : 'the Client'}`);
          return 'updated';
        },
      },
    });
    world.clusterKeys = () => undefined;
    world.source.writeStatus = async (_, status) => {
      this.status = status as typeof this.status;
      step(`status ${this.status.retained?.uid ?? 'without'}`);
    };
    const tools = {
      world,
      references: new ReferenceIndex(),
      wake: () => undefined,
      heardAt: () => 0,
      onTransition: () => undefined,
    };
    await reconcileKey(clientController(world), tools, 'shop/web').catch((error: unknown) => {
      if (!(error instanceof Error) || error.message !== 'it dies') throw error;
    });
  }
}

describe('a Client that retains its Secret', () => {
  it('notes it in the status before it takes the owner away, and does nothing more afterwards', async () => {
    const passes = new Passes();
    await passes.pass();
    expect(passes.steps).toEqual(['create of the Client', 'status s-1', 'update of nobody', 'status s-1']);
    await passes.pass();
    expect(passes.steps).toHaveLength(4);
    expect(passes.status.conditions?.find(({ type }) => type === 'ResolvedRefs')?.status).toBe('True');
  });

  it.each(['create of the Client', 'status s-1', 'update of nobody'])(
    'comes to the same when a process dies after "%s"',
    async (step) => {
      const passes = new Passes();
      await passes.pass(step);
      await passes.pass();
      expect(passes.secret?.owner).toBeUndefined();
      expect(passes.status.retained).toEqual(retained);
      const value = passes.secret?.data['client-secret'];
      const done = passes.steps.length;
      await passes.pass();
      expect([passes.steps.length, passes.secret?.data['client-secret']]).toEqual([done, value]);
    },
  );

  it.each(['update of the Client', 'status without'])(
    'gives it back when the policy changes, also when a process dies after "%s"',
    async (step) => {
      const passes = new Passes();
      await passes.pass();
      passes.spec = {};
      await passes.pass(step);
      await passes.pass();
      expect([passes.secret?.owner, passes.status.retained]).toEqual([owner, undefined]);
      expect(passes.secret?.annotations).not.toHaveProperty([madeFor]);
      passes.spec = { deletionPolicy: 'Retain' };
      await passes.pass();
      expect([passes.secret?.owner, passes.status.retained]).toEqual([undefined, retained]);
    },
  );

  it('also one that cannot be changed in what it holds', async () => {
    const passes = new Passes();
    passes.spec = {};
    await passes.pass();
    const { secret } = passes;
    if (secret === undefined) throw new Error('nothing was written');
    passes.secret = { ...secret, immutable: true, annotations: {} };
    passes.spec = { deletionPolicy: 'Retain' };
    await passes.pass();
    expect([passes.secret.owner, passes.status.retained]).toEqual([undefined, retained]);
    expect(passes.secret.data).toEqual(secret.data);
  });

  it('leaves it its owner where nobody collects', async () => {
    const passes = new Passes(false);
    await passes.pass();
    await passes.pass();
    expect(passes.steps).toEqual(['create of the Client', 'status without']);
    expect(passes.secret?.owner).toEqual(owner);
  });
});
