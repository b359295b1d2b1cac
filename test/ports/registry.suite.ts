import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSealer } from '../../server/src/keys/sealer.ts';
import { fingerprintOf } from '../../server/src/registry/fingerprint.ts';
import { type Registration, type Registry, RegistryFenced } from '../../server/src/registry/registry.ts';
import { isSealedByAnother } from '../../server/src/registry/sealed.ts';
import type { Revision } from '../../server/src/registry/snapshot.ts';
import type { Database } from '../../server/src/store/database.ts';
import { aClient, anOwner, aScope } from '../support/builders.ts';
import {
  aFence,
  allowAnotherRole,
  type Backend,
  byAnotherRole,
  clean,
  client,
  counted,
  directory,
  oneOfEachKind,
  password,
  registryOf,
  sealer,
  sql,
  until,
} from './backend.ts';

/** Sorts by time (RFC 9562 §5.7). */
const uuidVersion7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function registrySuite(name: string, backend: () => Promise<Backend>): void {
  describe(`registry on ${name}`, () => {
    let open: Backend;
    let database: Database;
    let registry: Registry;
    beforeAll(async () => {
      open = await backend();
      ({ database } = await open.open());
      await allowAnotherRole(database);
    });
    afterAll(() => open.close());
    beforeEach(async () => {
      await clean(database);
      registry = registryOf(database);
    });

    const revision = async (): Promise<Revision> => {
      const [row] = await sql<Revision>(database, 'SELECT epoch, n FROM registry_revision');
      if (row === undefined) throw new Error('no revision');
      return row;
    };
    const written = async (registration: Registration): Promise<Revision> => {
      const result = await registry.put(registration);
      if (result.outcome !== 'written') throw new Error(`not written: ${JSON.stringify(result)}`);
      return result.revision;
    };
    const count = async (table: string) =>
      Number((await sql<{ n: number }>(database, `SELECT count(*) AS n FROM ${table}`))[0]?.n);

    describe('put', () => {
      it.each(oneOfEachKind().map((one) => [one.kind, one] as const))(
        'leaves the fingerprint that it announced: %s',
        async (_, one) => {
          expect(await registry.put(one)).toEqual({ outcome: 'written', revision: await revision() });
          const stored = await registry.get(one.kind, one.id);
          expect(stored).toMatchObject({ kind: one.kind, id: one.id, owner: one.owner, withdrawn: false });
          expect(stored?.fingerprint).toBe(registry.fingerprint(one));
          expect(stored?.revision).toEqual(await revision());
        },
      );

      it.each(oneOfEachKind().map((one) => [one.kind, one] as const))(
        'is told beforehand by the row alone where it would change nothing: %s',
        async (kind, one) => {
          await registry.put(one);
          const stored = await registry.get(kind, one.id);
          if (stored === null) throw new Error('it was put');
          expect(registry.stands(one, stored)).toBe(true);
          // Of another reading nothing is known.
          expect(registry.stands(one, { ...stored })).toBe(false);
          const others = [
            ...(kind === 'client' ? [{ ...one, allowedBy: { generation: 2 } }] : []),
            { ...one, withdrawn: true },
            { ...one, owner: { ...one.owner, uid: 'another' } },
            { ...one, value: { ...one.value, unknown: 'member' } },
          ] as readonly Registration[];
          for (const other of others) expect(registry.stands(other, stored)).toBe(false);
          // Somebody's edit by hand.
          await database.run({ name: 'edit', text: `UPDATE registry SET body = body || '{"x": 1}' WHERE id = $1` }, [
            one.id,
          ]);
          const edited = await registry.get(kind, one.id);
          expect(edited !== null && registry.stands(one, edited)).toBe(false);
        },
      );

      it('of what is there already writes nothing and raises no revision', async () => {
        const all = oneOfEachKind();
        await registry.putMany(all);
        const before = await revision();
        const rows = await sql(database, 'SELECT kind, id, n, xmin::text AS xmin FROM registry ORDER BY 1, 2');
        const fences = await sql(database, 'SELECT *, xmin::text AS xmin, xmax::text AS xmax FROM registry_fences');
        const results = await registry.putMany(all);
        expect(results.map(({ outcome }) => outcome)).toEqual(all.map(() => 'unchanged'));
        expect(results[0]).toEqual({ outcome: 'unchanged', revision: before });
        expect(await revision()).toEqual(before);
        expect(await sql(database, 'SELECT kind, id, n, xmin::text AS xmin FROM registry ORDER BY 1, 2')).toEqual(rows);
        expect(await sql(database, 'SELECT *, xmin::text AS xmin, xmax::text AS xmax FROM registry_fences')).toEqual(
          fences,
        );
        expect(await count('audit')).toBe(1);
      });

      it('keeps the trace that wrote a row, and writes no row for a trace alone', async () => {
        const [first, other] = ['1', '2'].map((digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-01`);
        const kept = async () =>
          (await sql<{ traceparent: string | null }>(database, `SELECT traceparent FROM registry`))[0];
        const traced = (one: Registration, traceparent = '') => registry.put({ ...one, traceparent });
        expect((await traced(client('web'), first)).outcome).toBe('written');
        expect(await kept()).toEqual({ traceparent: first });
        expect(registry.fingerprint({ ...client('web'), traceparent: 'any' })).toBe(
          registry.fingerprint(client('web')),
        );
        const before = await revision();
        expect((await traced(client('web'), other)).outcome).toBe('unchanged');
        expect((await registry.put(client('web'))).outcome).toBe('unchanged');
        expect([await kept(), await revision()]).toEqual([{ traceparent: first }, before]);
        // A write outside of any trace is not told as part of the one before.
        await written({ ...client('web'), withdrawn: true });
        expect(await kept()).toEqual({ traceparent: null });
        await traced(client('web'), other);
        expect(await kept()).toEqual({ traceparent: other });
      });

      it('keeps the edit and the policy behind a client; another one is written, and silence changes nothing', async () => {
        const of = (generation: number, policy?: string) => ({ ...client('web'), allowedBy: { generation, policy } });
        const kept = async () => (await sql(database, `SELECT generation, policy FROM registry`))[0];
        const outcome = async (one: Registration) => (await registry.put(one)).outcome;
        expect(await outcome(of(1, 'web'))).toBe('written');
        expect(registry.fingerprint(of(2, 'other'))).toBe(registry.fingerprint(client('web')));
        expect([await outcome(of(1, 'web')), await kept()]).toEqual(['unchanged', { generation: 1, policy: 'web' }]);
        // A version that does not know of it.
        expect([await outcome(client('web')), await kept()]).toEqual(['unchanged', { generation: 1, policy: 'web' }]);
        await written({ ...client('web'), withdrawn: true });
        expect(await kept()).toEqual({ generation: 1, policy: 'web' });
        expect([await outcome(of(2, 'web')), await kept()]).toEqual(['written', { generation: 2, policy: 'web' }]);
        expect([await outcome(of(2, 'jobs')), await kept()]).toEqual(['written', { generation: 2, policy: 'jobs' }]);
        expect([await outcome(of(3)), await kept()]).toEqual(['written', { generation: 3, policy: null }]);
        const told = await sql(
          database,
          `SELECT client_id, client_uid, client_generation, policy, registrations FROM audit ORDER BY time`,
        );
        const what = { client_id: 'shop.web', client_uid: client('web').owner.uid, registrations: ['client/shop.web'] };
        expect([told[0], told.at(-1)]).toEqual([
          { ...what, client_generation: 1, policy: 'web' },
          { ...what, client_generation: 3, policy: null },
        ]);
      });

      it('of 500 is one statement, one revision and one audit row', async () => {
        const before = await revision();
        const { database: watched, sent } = counted(database);
        const results = await registryOf(watched).putMany(
          Array.from({ length: 500 }, (_, index) => client(`c${index}`)),
        );
        expect(new Set(results.map((result) => JSON.stringify(result)))).toEqual(
          new Set([JSON.stringify({ outcome: 'written', revision: { epoch: before.epoch, n: before.n + 1 } })]),
        );
        expect(sent).toEqual(['registry_put']);
        expect(await count('registry')).toBe(500);
        const audit = await sql<{ id: string; event: string; registrations: string[] }>(
          database,
          'SELECT id::text, event, registrations FROM audit',
        );
        expect(audit).toHaveLength(1);
        expect(audit[0]?.event).toBe('registration.put');
        expect(audit[0]?.id).toMatch(uuidVersion7);
        expect(audit[0]?.registrations).toHaveLength(500);
      });

      it('refuses more than 500, and a registration of another source', async () => {
        await expect(registry.putMany(Array.from({ length: 501 }, (_, index) => client(`c${index}`)))).rejects.toThrow(
          RangeError,
        );
        await expect(registry.put(client('web', { source: 'other' }))).rejects.toThrow(RangeError);
      });

      it('writes only what changed of a batch', async () => {
        await registry.putMany([client('one'), client('two')]);
        const results = await registry.putMany([
          client('one'),
          client('two', {}, { withdrawn: true }),
          client('three'),
        ]);
        expect(results.map(({ outcome }) => outcome)).toEqual(['unchanged', 'written', 'written']);
      });

      it.each<[string, Registration, RegExp]>([
        [
          'a shape that the schema refuses',
          client('web', {}, {
            value: Object.assign(aClient('shop.web').build(), { extra: 1 }),
          } as Partial<Registration>),
          /^extra is not known here$/,
        ],
        [
          'metadata that endpoints rely on (A04)',
          client('web', {}, {
            value: aClient('shop.web')
              .with({ redirect_uris: ['https://a.example/#x'] })
              .build(),
          } as Partial<Registration>),
          /redirect_uris\[0\]/,
        ],
        ['an id that is not the client_id', client('web', {}, { id: 'other' }), /client_id/],
        [
          'a built-in scope',
          { kind: 'scope', id: 'openid', owner: anOwner('openid'), value: aScope('openid') },
          /built in/,
        ],
        ['a reserved claim (A36)', directory('people', { claims: { sub: 'uid' } }), /reserved claim sub/],
        ['NUL', { kind: 'scope', id: 'x', owner: anOwner('x'), value: aScope('x', { description: 'a\0b' }) }, /NUL/],
        [
          'half of a surrogate pair',
          { kind: 'scope', id: 'x', owner: anOwner('x'), value: aScope('x', { description: '\ud800' }) },
          /pair/,
        ],
      ])('refuses %s and writes the rest of the batch', async (_, bad, problem) => {
        const [first, second] = await registry.putMany([bad, client('good')]);
        expect(first).toMatchObject({ outcome: 'invalid', problem: expect.stringMatching(problem) });
        expect(second?.outcome).toBe('written');
        expect(await count('registry')).toBe(1);
      });

      it('F16 keeps no bind password in clear text, and a sealed one opens in its own row alone', async () => {
        await registry.putMany([directory('people'), directory('others', { bind_password: 'another' })]);
        const text = JSON.stringify(await sql(database, 'SELECT registry::text AS row FROM registry'));
        expect(text).not.toContain(password);
        expect(text).not.toContain(Buffer.from(password).toString('hex'));
        const sealed = (
          await sql<{ sealed: Buffer }>(database, `SELECT sealed FROM registry WHERE id = 'shop/people'`)
        )[0]?.sealed;
        expect(sealer.open(sealed ?? Buffer.alloc(0), ['registry', 'directory', 'shop/people'])?.toString()).toBe(
          password,
        );
        expect(sealer.open(sealed ?? Buffer.alloc(0), ['registry', 'directory', 'shop/others'])).toBeNull();
      });

      it('F16 tells a key that sealed nothing of what this source registered from one that did', async () => {
        const another = createSealer([randomBytes(32)]);
        const isAnother = () => isSealedByAnother(database, 'test', another);
        expect(await isAnother()).toBe(false);
        await written(client('web'));
        await written(directory('people'));
        expect([await isAnother(), await isSealedByAnother(database, 'test', sealer)]).toEqual([true, false]);
        // What is withdrawn, or of another source, is not sealed anew by this one.
        await written({ ...directory('people'), withdrawn: true });
        expect(await isAnother()).toBe(false);
        const elsewhere = registryOf(database, { source: 'other' });
        await elsewhere.put({ ...directory('far'), owner: anOwner('far', { source: 'other' }) });
        expect(await isAnother()).toBe(false);
      });

      it('sees a changed bind password by the fingerprint', async () => {
        await registry.put(directory('people'));
        const changed = directory('people', { bind_password: 'changed' });
        expect(registry.fingerprint(changed)).not.toBe((await registry.get('directory', 'shop/people'))?.fingerprint);
        expect((await registry.put(changed)).outcome).toBe('written');
      });
    });

    describe('owners', () => {
      it('F38 the first owner of an id keeps it, a later claimant gets Conflict and changes nothing', async () => {
        await written(client('web'));
        const before = await revision();
        const claim = { ...client('web', { name: 'late', uid: 'late' }) };
        expect(await registry.put(claim)).toEqual({ outcome: 'conflict', owner: anOwner('web'), reserved: false });
        expect(await revision()).toEqual(before);
        const elsewhere = registryOf(database, { source: 'other' });
        expect(await elsewhere.put(client('web', { source: 'other', uid: 'far' }))).toMatchObject({
          outcome: 'conflict',
        });
        expect((await registry.get('client', 'shop.web'))?.owner).toEqual(anOwner('web'));
      });

      it('of two claimants in one batch the first wins', async () => {
        const [first, second] = await registry.putMany([client('web'), client('web', { name: 'late', uid: 'late' })]);
        expect(first?.outcome).toBe('written');
        expect(second).toEqual({ outcome: 'conflict', owner: anOwner('web'), reserved: false });
      });

      it('the same resource twice in a batch ends as it was said last', async () => {
        const results = await registry.putMany([client('web'), client('web', {}, { withdrawn: true })]);
        expect(results.map(({ outcome }) => outcome)).toEqual(['written', 'written']);
        expect((await registry.get('client', 'shop.web'))?.withdrawn).toBe(true);
      });

      it('F38 the same namespace and name with a new uid is a new owner', async () => {
        await written(client('web'));
        await written(client('web', { uid: 'made anew' }));
        expect((await registry.get('client', 'shop.web'))?.owner.uid).toBe('made anew');
      });

      it('a resource that takes another id gives up the old one, and keeps it when the new one is refused', async () => {
        const scope = (id: string): Registration => ({ kind: 'scope', id, owner: anOwner('read'), value: aScope(id) });
        await written(scope('shop:read'));
        await written(scope('shop:see'));
        expect(await registry.get('scope', 'shop:read')).toBeNull();
        await written({ kind: 'scope', id: 'taken', owner: anOwner('other'), value: aScope('taken') });
        expect((await registry.put(scope('taken'))).outcome).toBe('conflict');
        expect((await registry.get('scope', 'shop:see'))?.owner.name).toBe('read');
      });

      it('a freed id stays reserved for its namespace for 24 hours', async () => {
        await written(client('web'));
        await registry.delete('client', anOwner('web').uid);
        const foreign = client('web', { namespace: 'evil', uid: 'evil' }, {
          id: 'shop.web',
          value: aClient('shop.web').build(),
        } as Partial<Registration>);
        expect(await registry.put(foreign)).toEqual({ outcome: 'conflict', owner: anOwner('web'), reserved: true });
        expect((await registry.put(client('web', { name: 'other', uid: 'other' }))).outcome).toBe('written');
        await registry.delete('client', 'other');
        await sql(database, `UPDATE registry_tombstones SET deleted_at = now() - interval '25 hours'`);
        expect((await registry.put(foreign)).outcome).toBe('written');
      });
    });

    describe('adoption', () => {
      const elsewhere = (source: string) => registryOf(database, { source });
      const identity = async (id: string) =>
        (
          await sql<Record<string, unknown>>(
            database,
            `SELECT source, uid, identity, adopted FROM registry WHERE id = '${id}'`,
          )
        )[0];
      const server = { namespace: 'auth', name: 'main' };
      const old = (name: string, uid = `old-${name}`) => client(name, { source: 'dead', uid });

      it('takes over ids and secrets; who claims a row keeps the uid that its grants hang on', async () => {
        await elsewhere('dead').putMany([old('web'), old('batch')]);
        expect(await registry.adopt('dead', server)).toBe('adopted');
        const stored = await registry.get('client', 'shop.web');
        expect(stored).toMatchObject({ adopted: true, owner: { source: 'test', uid: 'old-web' } });
        expect(stored?.secretDigests).toHaveLength(1);
        expect((await registry.put(client('web', { uid: 'new-web' }))).outcome).toBe('written');
        expect(await identity('shop.web')).toEqual({
          source: 'test',
          uid: 'new-web',
          identity: 'old-web',
          adopted: false,
        });
        expect(await registry.get('client', 'shop.web')).not.toHaveProperty('adopted');
        expect((await registry.put(client('web', { uid: 'new-web' }))).outcome).toBe('unchanged');
        expect(await registry.adopt('dead', server)).toBe('adopted');
      });

      it('F38 A39 whoever comes after the one that claimed it inherits nothing', async () => {
        await elsewhere('dead').put(old('web'));
        await registry.adopt('dead', server);
        await registry.put(client('web', { uid: 'new-web' }));
        await registry.put(client('web', { uid: 'third' }));
        expect(await identity('shop.web')).toMatchObject({ uid: 'third', identity: null });
        await registry.put(client('web', { uid: 'third' }, { withdrawn: true }));
        expect(await identity('shop.web')).toMatchObject({ uid: 'third', identity: null });
      });

      it('a second rebuilding keeps the first identity, and one with the same uid ends the adoption', async () => {
        await elsewhere('dead').putMany([old('web'), old('same', 'same')]);
        await elsewhere('second').adopt('dead', server);
        await elsewhere('second').put(client('web', { source: 'second', uid: 'second-web' }));
        await registry.adopt('second', server);
        await registry.putMany([client('web', { uid: 'third-web' }), client('same', { uid: 'same' })]);
        expect(await identity('shop.web')).toMatchObject({ uid: 'third-web', identity: 'old-web' });
        expect(await identity('shop.same')).toMatchObject({ uid: 'same', identity: null, adopted: false });
      });

      it('a freed name stays reserved for its namespace', async () => {
        await elsewhere('dead').put(old('web'));
        await elsewhere('dead').delete('client', 'old-web');
        await registry.adopt('dead', server);
        const thief = client('web', { uid: 'thief', namespace: 'mallory' }, {
          id: 'shop.web',
          value: aClient('shop.web').build(),
        } as Partial<Registration>);
        expect(await registry.put(thief)).toMatchObject({ outcome: 'conflict', reserved: true });
        expect((await registry.put(client('web', { uid: 'new-web' }))).outcome).toBe('written');
      });

      it('refuses its own source, and a database that serves somebody else', async () => {
        await elsewhere('dead').put(old('web'));
        expect(await registry.adopt('test', server)).toBe('refused');
        const [one] = oneOfEachKind().filter(({ kind }) => kind === 'server');
        if (one === undefined) throw new Error('no server');
        await registry.put(one);
        expect(await registry.adopt('dead', { namespace: 'mallory', name: 'own' })).toBe('refused');
        expect(await identity('shop.web')).toMatchObject({ source: 'dead', adopted: false });
        expect(await registry.adopt('dead', one.owner)).toBe('adopted');
      });

      it('takes the row of the server last, under the name of the one that asks', async () => {
        const [one] = oneOfEachKind().filter(({ kind }) => kind === 'server');
        if (one === undefined) throw new Error('no server');
        await elsewhere('dead').putMany([old('web'), { ...one, owner: { ...one.owner, source: 'dead' } }]);
        expect(await registry.adopt('dead', server)).toBe('adopted');
        expect((await registry.get('server', 'self'))?.owner).toMatchObject({ source: 'test', ...server });
      });

      it('F37 is fenced like every write', async () => {
        await registry.put(client('web'));
        const stale = registryOf(database, { leaseCreated: aFence().leaseCreated - 1 });
        await expect(stale.adopt('dead', server)).rejects.toBeInstanceOf(RegistryFenced);
      });
    });

    describe('delete', () => {
      it('removes by uid, raises the revision, leaves a tombstone and an audit row; twice is null', async () => {
        const put = await written(client('web'));
        const deleted = await registry.delete('client', anOwner('web').uid);
        expect(deleted).toEqual({ epoch: put.epoch, n: put.n + 1 });
        expect(await registry.get('client', 'shop.web')).toBeNull();
        expect(await registry.delete('client', anOwner('web').uid)).toBeNull();
        expect(await revision()).toEqual(deleted);
        expect(await sql(database, 'SELECT kind, id, uid, n FROM registry_tombstones')).toEqual([
          { kind: 'client', id: 'shop.web', uid: anOwner('web').uid, n: deleted?.n },
        ]);
        expect(
          await sql(database, `SELECT id::text, registrations FROM audit WHERE event = 'registration.deleted'`),
        ).toEqual([{ id: expect.stringMatching(uuidVersion7), registrations: ['client/shop.web'] }]);
      });

      it('an id that is granted again has no tombstone any more', async () => {
        await written(client('web'));
        await registry.delete('client', anOwner('web').uid);
        await written(client('web'));
        expect(await count('registry_tombstones')).toBe(0);
      });

      it('removes nothing of another kind or source', async () => {
        await written(client('web'));
        expect(await registry.delete('scope', anOwner('web').uid)).toBeNull();
        expect(await registryOf(database, { source: 'other' }).delete('client', anOwner('web').uid)).toBeNull();
        expect(await count('registry')).toBe(1);
      });

      it('sweeps tombstones that are a week old and says up to where', async () => {
        await written(client('one'));
        const gone = await registry.delete('client', anOwner('one').uid);
        await sql(database, `UPDATE registry_tombstones SET deleted_at = now() - interval '8 days'`);
        await written(client('two'));
        await registry.delete('client', anOwner('two').uid);
        expect(await sql(database, 'SELECT id FROM registry_tombstones')).toEqual([{ id: 'shop.two' }]);
        expect(await sql(database, 'SELECT swept_n FROM registry_revision')).toEqual([{ swept_n: gone?.n }]);
      });
    });

    describe('fencing', () => {
      const older = [{ leaseTransitions: 0 }, { leaseCreated: 999, leaseTransitions: 9 }];
      it.each(older)('F37 a leader older than the recorded one writes nothing: %o', async (fence) => {
        await written(client('web'));
        await registry.putIdentity({
          kind: 'Client',
          namespace: 'shop',
          name: 'web',
          uid: 'u',
          generation: 1,
          accepted: {},
        });
        const before = await revision();
        const thawed = registryOf(database, fence);
        await expect(thawed.put(client('new'))).rejects.toThrow(RegistryFenced);
        await expect(thawed.delete('client', anOwner('web').uid)).rejects.toThrow(RegistryFenced);
        await expect(
          thawed.putIdentity({ kind: 'Client', namespace: 'x', name: 'x', uid: 'x', generation: 1, accepted: {} }),
        ).rejects.toThrow(RegistryFenced);
        await expect(thawed.deleteIdentity({ kind: 'Client', namespace: 'shop', name: 'web' })).rejects.toThrow(
          RegistryFenced,
        );
        expect(await revision()).toEqual(before);
        expect(await registry.identities()).toHaveLength(1);
      });

      it('F37 a new leader is recorded by its first put, though that changes nothing', async () => {
        await written(client('web'));
        const leader = registryOf(database, { leaseTransitions: 2 });
        expect((await leader.put(client('web'))).outcome).toBe('unchanged');
        await expect(registry.put(client('other'))).rejects.toThrow(RegistryFenced);
      });

      it('F37 a new leader believes no row before it is recorded: an older one could still change it', async () => {
        await written(client('web'));
        const leader = registryOf(database, { leaseTransitions: 2 });
        const read = async () => {
          const stored = await leader.get('client', client('web').id);
          if (stored === null) throw new Error('it was put');
          return stored;
        };
        expect(leader.stands(client('web'), await read())).toBe(false);
        await leader.put(client('web'));
        expect(leader.stands(client('web'), await read())).toBe(true);
      });

      it('a Lease made anew counts more than transitions of the one before', async () => {
        await written(client('web'));
        await registryOf(database, { leaseCreated: 2_000, leaseTransitions: 0 }).put(client('web'));
        await expect(registry.put(client('other'))).rejects.toThrow(RegistryFenced);
      });

      it('sources do not fence one another', async () => {
        await registryOf(database, { source: 'other', leaseTransitions: 9 }).put(client('far', { source: 'other' }));
        expect((await registry.put(client('web'))).outcome).toBe('written');
      });
    });

    describe('revision', () => {
      it('NOTIFY goes out with the commit, and not with a rollback', async () => {
        const heard: string[] = [];
        const stop = await database.listen('nauthera_registry', (payload) => heard.push(payload));
        expect(heard).toEqual(['']);
        await database
          .transaction(async (transaction) => {
            await sql(transaction, `SELECT * FROM registry_put('test', 1000, 1, $1::jsonb)`, [
              JSON.stringify([
                {
                  place: 0,
                  kind: 'scope',
                  id: 'x',
                  namespace: 'x',
                  name: 'x',
                  uid: 'x',
                  format: 1,
                  withdrawn: false,
                  body: {},
                },
              ]),
            ]);
            throw new Error('changed my mind');
          })
          .catch(() => undefined);
        const { epoch, n } = await written(client('web'));
        await until(() => heard.length > 1);
        expect(heard).toEqual(['', `${epoch}:${n}`]);
        await stop?.();
      });

      it('is raised once by a transaction, however many statements change rows', async () => {
        await registry.putMany([client('one'), client('two')]);
        const before = await revision();
        await database.transaction(async (transaction) => {
          await sql(transaction, `UPDATE registry SET uid = 'x' WHERE id = 'shop.one'`);
          await sql(transaction, `DELETE FROM registry WHERE id = 'shop.two'`);
        });
        expect(await revision()).toEqual({ ...before, n: before.n + 1 });
      });

      it('a truncated registry begins a new epoch', async () => {
        const { epoch } = await written(client('web'));
        await byAnotherRole(database, 'TRUNCATE registry');
        expect((await revision()).epoch).not.toBe(epoch);
      });

      it('a revision that was deleted by hand comes back as a new epoch with the next write', async () => {
        const { epoch } = await written(client('web'));
        await sql(database, 'DELETE FROM registry_revision');
        expect((await written(client('other'))).epoch).not.toBe(epoch);
      });
    });

    describe('drift', () => {
      const edits: [string, string][] = [
        ['kind', `UPDATE registry SET kind = 'scope'`],
        ['id', `UPDATE registry SET id = 'elsewhere'`],
        ['source', `UPDATE registry SET source = 'elsewhere'`],
        ['namespace', `UPDATE registry SET namespace = 'elsewhere'`],
        ['name', `UPDATE registry SET name = 'elsewhere'`],
        ['uid', `UPDATE registry SET uid = 'elsewhere'`],
        ['format', `UPDATE registry SET format = 99`],
        ['withdrawn', `UPDATE registry SET withdrawn = NOT withdrawn`],
        ['body', `UPDATE registry SET body = jsonb_set(body, '{bind_dn}', '"cn=evil"')`],
        ['sealed', `UPDATE registry SET sealed = '\\x00'`],
        ['sealed (NULL)', `UPDATE registry SET sealed = NULL`],
        ['n', `UPDATE registry SET n = 0`],
        ['row', 'DELETE FROM registry'],
      ];
      it.each(edits)(
        'an edit of %s by another role raises the revision, is told, and is repaired by put',
        async (_, edit) => {
          const wanted = directory('people');
          const before = await written(wanted);
          const told: string[] = [];
          const stop = await registry.follow((changed) =>
            told.push(...(changed === 'all' ? ['all'] : changed.map(({ kind, id }) => `${kind}/${id}`))),
          );
          await until(() => told.includes('all'));
          await byAnotherRole(database, edit);
          expect((await revision()).n).toBe(before.n + 1);
          await until(() => told.includes('directory/shop/people'));
          const found = await registry.get('directory', 'shop/people');
          if (edit.includes('SET n =')) expect(found?.fingerprint).toBe(fingerprintOf(wanted, sealer));
          else expect(found?.fingerprint).not.toBe(fingerprintOf(wanted, sealer));
          expect((await registry.put(wanted)).outcome).toBe(edit.includes('SET n =') ? 'unchanged' : 'written');
          expect(await registry.get('directory', 'shop/people')).toMatchObject({
            owner: wanted.owner,
            fingerprint: registry.fingerprint(wanted),
          });
          await stop();
        },
      );
    });

    it('scanOwners gives whose every row of this source is, in pages', async () => {
      const names = Array.from({ length: 1_100 }, (_, index) => `c${index}`);
      for (let at = 0; at < names.length; at += 500)
        await registry.putMany(names.slice(at, at + 500).map((one) => client(one)));
      await registry.putMany(oneOfEachKind());
      await registryOf(database, { source: 'other' }).put(client('far', { source: 'other', namespace: 'far' }));
      const found: string[] = [];
      for await (const { kind, id, owner } of registry.scanOwners()) {
        found.push(`${kind}/${id} ${owner.uid}`);
      }
      const expected = [...names.map((one) => client(one)), ...oneOfEachKind()].map(
        ({ kind, id, owner }) => `${kind}/${id} ${owner.uid}`,
      );
      expect(found.toSorted()).toEqual(expected.toSorted());
    });

    const checked = async (of = registry): Promise<readonly string[]> => {
      const found: string[] = [];
      for await (const page of of.scanChecks())
        for (const { id, owner, state } of page) found.push(`${id} ${owner.uid} ${state}`);
      return found;
    };
    const put = async (...names: readonly string[]) => {
      const results = await registry.putMany(names.map((one) => client(one)));
      return names.map((one, place) => {
        const result = results[place];
        if (result === undefined || !('revision' in result)) throw new Error(`${one} was not written`);
        return { kind: 'client' as const, id: client(one).id, revision: result.revision };
      });
    };

    it('a check is read back for as long as its row stands as it did, and moves no revision', async () => {
      const [a, b] = await put('a', 'b');
      if (a === undefined || b === undefined) throw new Error('nothing was written');
      const revision = () => sql(database, 'SELECT epoch, n FROM registry_revision');
      const before = await revision();
      await registry.noteChecks([
        { ...a, state: 'as it was' },
        { ...b, state: 'too' },
      ]);
      const other = `shop.b ${client('b').owner.uid} too`;
      expect(await checked()).toEqual([`shop.a ${client('a').owner.uid} as it was`, other]);
      await registry.noteChecks([{ ...a, state: 'again' }]);
      expect(await revision()).toEqual(before);
      expect((await checked())[0]).toContain('again');

      await sql(database, `UPDATE registry SET withdrawn = true WHERE id = 'shop.a'`);
      expect(await checked()).toEqual([other]);
      // Of a row that moved meanwhile nothing is noted.
      await registry.noteChecks([{ ...a, state: 'late' }]);
      expect(await checked()).toEqual([other]);

      await registry.delete('client', client('b').owner.uid);
      expect(await checked()).toEqual([]);
      expect(await sql(database, `SELECT id FROM registry_checks WHERE id = 'shop.b'`)).toEqual([]);
    });

    it('checks are the own source’s, come in pages, and end with an epoch', async () => {
      const names = Array.from({ length: 1_100 }, (_, index) => `c${index}`);
      for (let at = 0; at < names.length; at += 500) {
        const rows = await put(...names.slice(at, at + 500));
        await registry.noteChecks(rows.map((one) => ({ ...one, state: 's' })));
      }
      const counting = counted(database);
      expect((await checked(registryOf(counting.database))).length).toBe(names.length);
      // One for a thousand, however many there are.
      expect(counting.sent).toEqual(['registry_scan_checks', 'registry_scan_checks']);
      expect(await checked(registryOf(database, { source: 'other' }))).toEqual([]);
      await sql(database, 'UPDATE registry_revision SET epoch = gen_random_uuid()::text');
      expect(await checked()).toEqual([]);
    });

    it('an older leader notes nothing', async () => {
      const [a] = await put('a');
      if (a === undefined) throw new Error('nothing was written');
      await registryOf(database, { leaseTransitions: 2 }).put(client('b'));
      await expect(registry.noteChecks([{ ...a, state: 'old' }])).rejects.toBeInstanceOf(RegistryFenced);
      expect(await checked()).toEqual([]);
    });

    it('identities are kept by source, kind, namespace and name', async () => {
      const identity = {
        kind: 'Client',
        namespace: 'shop',
        name: 'web',
        uid: 'u1',
        generation: 1,
        accepted: { spec: { a: [1] } },
      };
      await registry.putIdentity(identity);
      await registry.putIdentity({ ...identity, generation: 2, accepted: null });
      await registry.putIdentity({ ...identity, name: 'other' });
      await registryOf(database, { ...aFence(), source: 'other' }).putIdentity(identity);
      expect(await registry.identities()).toEqual([
        { ...identity, name: 'other' },
        { ...identity, generation: 2, accepted: null },
      ]);
      await registry.deleteIdentity(identity);
      expect((await registry.identities()).map(({ name: left }) => left)).toEqual(['other']);
    });
  });
}
