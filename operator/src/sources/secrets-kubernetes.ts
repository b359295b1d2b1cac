/**
 * Secrets of a Kubernetes API. Content is read by name only; what is watched is the metadata of those that carry the label
 * `auth.nauthera.io/watch: "true"`, so that one that is deleted or edited is noticed.
 */
import { ApiError, type ApiRequest, apiPath } from '../runtime/kubernetes-api.ts';
import type { Known, KubernetesObject } from '../runtime/reflected.ts';
import { idOf } from './kubernetes-objects.ts';
import { OwnerIndex } from './kubernetes-owners.ts';
import { type ClusterView, Reflectors } from './kubernetes-reflectors.ts';
import { changedSecretObject, newSecretObject, ownerOf, readSecret, type SecretObject } from './kubernetes-secret.ts';
import { isLabel, isSubdomain } from './object.ts';
import { isMadeFor, type NewSecret, type Secret, type SecretOf, type SecretStore } from './secret.ts';
import { WritesUnderWay } from './writes-under-way.ts';

export interface KubernetesSecretsOptions extends ClusterView {
  /** Default true. `false`: Secrets are neither listed nor watched, and no right to do so is needed. */
  readonly watch?: boolean;
  /** Runs for each watched Secret that somebody else made, changed or deleted. Must not throw. */
  onChange(namespace: string, name: string): void;
}

export const watchLabel = 'auth.nauthera.io/watch=true';

const fieldManager = 'nauthera-operator';

export class KubernetesSecrets implements SecretStore {
  readonly #options: KubernetesSecretsOptions;
  readonly #reflectors: Reflectors<KubernetesObject> | undefined;
  readonly #owners = new OwnerIndex();
  readonly #writes = new WritesUnderWay<KubernetesObject>((object) => this.#take(object));
  /** Uids of Secrets that go by our own word. */
  readonly #deleted = new Set<string>();
  /** Versions of what was written. */
  readonly #written = new WeakMap<NewSecret, string>();
  /** As they were read: an update sends all of an object. */
  readonly #raw = new WeakMap<Secret, SecretObject>();

  constructor(options: KubernetesSecretsOptions) {
    this.#options = options;
    if (options.watch === false) return;
    this.#reflectors = new Reflectors<KubernetesObject>(
      options,
      { path: secretsPath, query: () => ({ labelSelector: watchLabel }), metadataOnly: true },
      {
        onUpsert: (object) => {
          if (!this.#writes.defer(idOf(placeOf(object)), object)) this.#take(object);
        },
        onGone: (known) => this.#lose(known),
      },
    );
  }

  /** Resolves when the metadata of every watched Secret is known; goes on trying until then. */
  async start(): Promise<void> {
    await this.#reflectors?.start();
  }

  async stop(): Promise<void> {
    await this.#reflectors?.stop();
  }

  /** Milliseconds; `undefined`: not known yet. Without a watch 0. */
  sinceLastSync(): number | undefined {
    return this.#reflectors === undefined ? 0 : this.#reflectors.sinceLastSync();
  }

  watched(namespace: string, name: string): boolean {
    return this.#reflectors?.get(namespace, name) !== undefined;
  }

  toldVersion(namespace: string, name: string): string | undefined {
    const known = this.#reflectors?.get(namespace, name);
    return known === undefined ? undefined : `${known.uid}/${known.resourceVersion}`;
  }

  writtenVersion(secret: NewSecret): string | undefined {
    return this.#written.get(secret);
  }

  ownedNames(owner: SecretOf): readonly string[] | undefined {
    return this.#reflectors === undefined ? undefined : this.#namesOf(owner);
  }

  async read(namespace: string, name: string): Promise<Secret | undefined> {
    const raw = await this.#get(namespace, name);
    if (raw === undefined) return undefined;
    const secret = readSecret(raw);
    this.#raw.set(secret, raw);
    return secret;
  }

  async create(secret: NewSecret): Promise<'created' | 'exists'> {
    const answer = await this.#write(secret, {
      method: 'POST',
      path: secretsPath(secret.namespace),
      body: newSecretObject(secret),
    });
    if (answer === undefined) return 'exists';
    this.#written.set(secret, versionOf(answer));
    return 'created';
  }

  async update(before: Secret, next: NewSecret): Promise<'updated' | 'changed'> {
    const raw = this.#raw.get(before) ?? (await this.#get(before.namespace, before.name));
    if (raw === undefined || readSecret(raw).version !== before.version) return 'changed';
    // The type of a Secret cannot change.
    if (before.type !== next.type) return this.#replace(before, next);
    const answer = await this.#write(before, {
      method: 'PUT',
      path: secretPath(before),
      body: changedSecretObject(raw, before, next),
    });
    if (answer === undefined) return 'changed';
    this.#written.set(next, versionOf(answer));
    return 'updated';
  }

  async delete(before: Secret): Promise<void> {
    await this.#delete(before);
  }

  async ownedBy(owner: SecretOf, except?: string): Promise<readonly Secret[]> {
    const { namespace } = owner;
    const found: Secret[] = [];
    for (const name of this.#namesOf(owner)) {
      const secret = name === except ? undefined : await this.read(namespace, name);
      if (secret !== undefined && isMadeFor(owner, secret)) found.push(secret);
    }
    return found;
  }

  /** An owner reference into another namespace is forged, and ignored. */
  #namesOf({ namespace, uid, status }: SecretOf): readonly string[] {
    const told = [status?.retained?.name, this.#reflectors === undefined ? status?.binding?.name : undefined];
    const prefix = `${namespace}/`;
    const ids = this.#owners.owned(uid).filter((id) => id.startsWith(prefix));
    const names = new Set([...ids.map((id) => id.slice(prefix.length)), ...told]);
    return [...names].filter((name) => name !== undefined);
  }

  async #replace(before: Secret, next: NewSecret): Promise<'updated' | 'changed'> {
    if (!(await this.#delete(before))) return 'changed';
    return (await this.create(next)) === 'created' ? 'updated' : 'changed';
  }

  /** `false`: it changed, and stands. */
  async #delete({ namespace, name, version }: Secret): Promise<boolean> {
    const [uid = '', resourceVersion = ''] = version.split('/');
    this.#deleted.add(uid);
    try {
      const body = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid, resourceVersion } };
      await this.#request({ method: 'DELETE', path: secretPath({ namespace, name }), body });
      this.#owners.set(idOf({ namespace, name }), undefined);
      // No event is to come.
      if (!this.watched(namespace, name)) this.#deleted.delete(uid);
      return true;
    } catch (error) {
      this.#deleted.delete(uid);
      if (isStatus(error, 404)) return true;
      if (isStatus(error, 409)) return false;
      throw error;
    }
  }

  /** `undefined`: something else stands there. */
  #write(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    request: Pick<ApiRequest, 'method' | 'path' | 'body'>,
  ): Promise<KubernetesObject | undefined> {
    const id = idOf({ namespace, name });
    return this.#writes.run(id, async () => {
      try {
        const { metadata } = await this.#request<SecretObject>({ ...request, query: { fieldManager } });
        if (request.method === 'POST') this.#reflectors?.noteCreated({ metadata });
        else this.#reflectors?.noteWritten({ metadata });
        if (this.#reflectors !== undefined) this.#owners.set(id, ownerOf(metadata)?.uid);
        return { metadata };
      } catch (error) {
        // A quota that is being counted is a conflict too, and passes.
        if (request.method === 'POST' && error instanceof ApiError && error.reason === 'AlreadyExists')
          return undefined;
        if (request.method === 'PUT' && (isStatus(error, 404) || isStatus(error, 409))) return undefined;
        throw error;
      }
    });
  }

  async #get(namespace: string, name: string): Promise<SecretObject | undefined> {
    const { namespaces } = this.#options;
    if (namespaces !== undefined && !namespaces.includes(namespace)) return undefined;
    // Names come from resources: one like `..` would be another path.
    if (!isLabel(namespace) || !isSubdomain(name)) return undefined;
    try {
      return await this.#request<SecretObject>({ method: 'GET', path: secretPath({ namespace, name }) });
    } catch (error) {
      if (isStatus(error, 404)) return undefined;
      throw error;
    }
  }

  async #request<T>(request: ApiRequest): Promise<T> {
    try {
      return await this.#options.api.request<T>(request);
    } catch (error) {
      throw discreet(error);
    }
  }

  #take({ metadata }: KubernetesObject): void {
    const { namespace, name } = placeOf({ metadata });
    this.#owners.set(idOf({ namespace, name }), ownerOf(metadata)?.uid);
    this.#options.onChange(namespace, name);
  }

  #lose({ namespace, name, uid }: Known): void {
    const id = idOf({ namespace, name });
    this.#owners.set(id, undefined);
    this.#writes.forget(id);
    if (!this.#deleted.delete(uid)) this.#options.onChange(namespace, name);
  }
}

function secretsPath(namespace: string | undefined): string {
  return namespace === undefined
    ? apiPath('api', 'v1', 'secrets')
    : apiPath('api', 'v1', 'namespaces', namespace, 'secrets');
}

function secretPath({ namespace, name }: { readonly namespace: string; readonly name: string }): string {
  return `${secretsPath(namespace)}${apiPath(name)}`;
}

function placeOf({ metadata: { namespace = '', name } }: KubernetesObject) {
  return { namespace, name };
}

function versionOf({ metadata }: KubernetesObject): string {
  return `${metadata.uid}/${metadata.resourceVersion}`;
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiError && error.status === status;
}

/** What the API server says about a Secret may quote it. */
function discreet(error: unknown): unknown {
  if (!(error instanceof ApiError)) return error;
  const { message, status, reason, retryAfter } = error;
  return new ApiError(message, { status, reason, retryAfter });
}
