/**
 * The default AuthorizationServer, which helm hands over in a ConfigMap: it cannot create a resource beside the kind.
 * Applied server-side with a field manager of its own when the operator starts to lead and when the ConfigMap changes, unless
 * it stands like that already. What it says wins over what somebody edited; what it does not say is theirs. Never deleted.
 */
import { apiVersion } from '@nauthera/crds';
import { parse } from 'yaml';
import { ApiError, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import { digestOf, isObject, type Json, type JsonObject } from './children.ts';
import { difference } from './children-compare.ts';
import { appliedAnnotation } from './children-objects.ts';
import { objectPath } from './kubernetes-objects.ts';
import type { ConfigMapReader } from './secret.ts';

export interface DefaultServerOptions {
  readonly api: KubernetesApi;
  readonly configMaps: Pick<ConfigMapReader, 'read'>;
  /** The operator's own: of the ConfigMap and of the server. */
  readonly namespace: string;
  /** Name of the ConfigMap. */
  readonly name: string;
  /** Each time it was written. */
  onApplied(server: string): void;
  /** One line for people. It is tried again. */
  onProblem(problem: string): void;
  /** Milliseconds until it is tried again after a problem, doubled each time. Default 2 s, at most 5 min. */
  readonly firstDelay?: number;
}

export const defaultServerKey = 'authorization-server.yaml';
const fieldManager = 'nauthera-operator-default-server';
const longestDelay = 300_000;

/** What the ConfigMap asks for is not an AuthorizationServer of this namespace. */
class DefaultServerInvalid extends Error {}

export class DefaultServer {
  readonly #options: DefaultServerOptions;
  /** The text that was applied last. */
  #applied: string | undefined;
  #working: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: DefaultServerOptions) {
    this.#options = options;
  }

  /** Looks at the ConfigMap now; while it looks, once more afterwards. */
  wake(): void {
    if (this.#stopped) return;
    clearTimeout(this.#retry);
    this.#again = true;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Resolves when nothing is written any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#retry);
    await this.#working;
  }

  async #work(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        await this.#apply();
        this.#failures = 0;
      } catch (error) {
        this.#failed(error);
      }
    }
  }

  async #apply(): Promise<void> {
    const { api, configMaps, namespace, name } = this.#options;
    const text = (await configMaps.read(namespace, name))?.data[defaultServerKey];
    // Removed from the release, or about to be made: what was applied stays.
    if (text === undefined || text === this.#applied) return;
    const { server, body } = readDefaultServer(text, namespace);
    const path = objectPath({ kind: 'AuthorizationServer', namespace, name: server });
    if (!(await this.#stands(path, body))) {
      await api.request({
        method: 'PATCH',
        path,
        query: { fieldManager, force: true, fieldValidation: 'Strict' },
        contentType: 'application/apply-patch+yaml',
        body,
      });
      this.#options.onApplied(server);
    }
    this.#applied = text;
  }

  /** As it was applied: with nothing more, which the annotation tells, and nothing edited since. */
  async #stands(path: string, body: JsonObject): Promise<boolean> {
    try {
      return difference(body, await this.#options.api.request<JsonObject>({ method: 'GET', path })) === undefined;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return false;
      throw error;
    }
  }

  #failed(error: unknown): void {
    const { firstDelay = 2_000, name } = this.#options;
    this.#options.onProblem(`ConfigMap ${name}, ${defaultServerKey}: ${problemOf(error)}`);
    this.#failures += 1;
    if (this.#stopped) return;
    const delay = Math.min(firstDelay * 2 ** (this.#failures - 1), longestDelay);
    this.#retry = setTimeout(() => this.wake(), delay).unref();
  }
}

/**
 * `body` says by an annotation what is wanted.
 *
 * @throws DefaultServerInvalid
 */
export function readDefaultServer(
  text: string,
  namespace: string,
): { readonly server: string; readonly body: JsonObject } {
  let object: Json;
  try {
    object = parse(text);
  } catch {
    throw new DefaultServerInvalid('it is no YAML');
  }
  const metadata = isObject(object) ? object['metadata'] : undefined;
  if (!isObject(object) || !isObject(metadata) || typeof metadata['name'] !== 'string')
    throw new DefaultServerInvalid('it is no object with a name');
  if (object['kind'] !== 'AuthorizationServer' || object['apiVersion'] !== apiVersion)
    throw new DefaultServerInvalid(`it is no AuthorizationServer of ${apiVersion}`);
  if (metadata['namespace'] !== namespace)
    throw new DefaultServerInvalid(`its namespace must be ${namespace}, that of the operator`);
  const given = metadata['annotations'];
  const annotations = { ...(isObject(given) ? given : {}), [appliedAnnotation]: digestOf(object) };
  return { server: metadata['name'], body: { ...object, metadata: { ...metadata, annotations } } };
}

function problemOf(error: unknown): string {
  if (error instanceof DefaultServerInvalid) return error.message;
  if (error instanceof ApiError) return error.says === '' ? error.message : error.says;
  return error instanceof Error ? error.message : String(error);
}
