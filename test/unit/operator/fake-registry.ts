/** A registry that holds its rows in memory: who owns which, and whether they are withdrawn. */
import { RegistryHandle } from '../../../operator/src/controllers/registry-handle.ts';
import {
  DatabaseUnavailable,
  type Registration,
  type Registry,
  type StoredRegistration,
} from '../../../server/src/registry/index.ts';
import { aStored } from './resources.ts';

export class Rows {
  readonly handle: RegistryHandle;
  readonly rows = new Map<string, StoredRegistration>();
  /** In order, as `put client shop.web`, `delete client <uid>`, `scan`. */
  readonly calls: string[] = [];
  /** Its database does not answer. */
  away = false;
  readonly #registry: Registry;

  /** @param server `<namespace>/<name>` of the server whose database it is; its row is there */
  constructor(server: string, more: readonly StoredRegistration[] = []) {
    const [namespace = '', name = ''] = server.split('/');
    const uid = `uid-AuthorizationServer-${namespace}-${name}`;
    const own = aStored('self', { source: 'test', namespace, name, uid }, { kind: 'server' });
    for (const row of [own, ...more]) this.rows.set(`${row.kind}/${row.id}`, row);
    const answer = async <T>(call: string, work: () => T): Promise<T> => {
      this.calls.push(call);
      if (this.away) throw new DatabaseUnavailable('it is away');
      return work();
    };
    const put = (registration: Registration) => this.#put(registration);
    const remove = (kind: string, uidOf: string) => {
      for (const [key, row] of this.rows) if (row.kind === kind && row.owner.uid === uidOf) this.rows.delete(key);
      return null;
    };
    const scan = (): StoredRegistration[] => [...this.rows.values()];
    this.#registry = {
      fingerprint: () => 'another',
      stands: () => false,
      clock: () => answer('clock', () => Date.now()),
      get: (kind: string, id: string) => answer(`get ${kind} ${id}`, () => this.rows.get(`${kind}/${id}`) ?? null),
      putMany: (registrations: readonly Registration[]) =>
        answer(registrations.map(({ kind, id }) => `put ${kind} ${id}`).join(), () => registrations.map(put)),
      delete: (kind: string, uidOf: string) => answer(`delete ${kind} ${uidOf}`, () => remove(kind, uidOf)),
      async *scanOwners() {
        yield* await answer('scan', scan);
      },
    } as unknown as Registry;
    this.handle = new RegistryHandle(this.#registry, server);
  }

  #put({ kind, id, owner, withdrawn = false, value }: Registration) {
    const secretDigests = 'client_secret_digests' in value ? value.client_secret_digests : [];
    this.rows.set(`${kind}/${id}`, aStored(id, owner, { kind, withdrawn, secretDigests }));
    return { outcome: 'written' as const, revision: { epoch: 'e', n: 2 } };
  }
}
