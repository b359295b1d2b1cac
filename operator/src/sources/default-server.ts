/**
 * The default AuthorizationServer, which helm hands over in a ConfigMap: it cannot create a resource beside the kind.
 * Applied server-side with a field manager of its own when the operator starts to lead and when the ConfigMap changes. What it
 * says wins over what somebody edited; what it does not say is theirs. Never deleted.
 */
import { apiVersion } from '@nauthera/crds';
import { parse } from 'yaml';
import { ApiError, type KubernetesApi } from '../runtime/kubernetes-api.ts';
import { isRecord } from './documents.ts';
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
    await api.request({
      method: 'PATCH',
      path: objectPath({ kind: 'AuthorizationServer', namespace, name: server }),
      query: { fieldManager, force: true, fieldValidation: 'Strict' },
      contentType: 'application/apply-patch+yaml',
      body,
    });
    this.#applied = text;
    this.#options.onApplied(server);
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

/** @throws DefaultServerInvalid */
export function readDefaultServer(
  text: string,
  namespace: string,
): { readonly server: string; readonly body: Readonly<Record<string, unknown>> } {
  let object: unknown;
  try {
    object = parse(text);
  } catch {
    throw new DefaultServerInvalid('it is no YAML');
  }
  const metadata = isRecord(object) ? object['metadata'] : undefined;
  if (!isRecord(object) || !isRecord(metadata) || typeof metadata['name'] !== 'string')
    throw new DefaultServerInvalid('it is no object with a name');
  if (object['kind'] !== 'AuthorizationServer' || object['apiVersion'] !== apiVersion)
    throw new DefaultServerInvalid(`it is no AuthorizationServer of ${apiVersion}`);
  if (metadata['namespace'] !== namespace)
    throw new DefaultServerInvalid(`its namespace must be ${namespace}, that of the operator`);
  return { server: metadata['name'], body: object };
}

function problemOf(error: unknown): string {
  if (error instanceof DefaultServerInvalid) return error.message;
  if (error instanceof ApiError) return error.says === '' ? error.message : error.says;
  return error instanceof Error ? error.message : String(error);
}
