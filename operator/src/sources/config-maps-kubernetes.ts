/** ConfigMaps of a Kubernetes API, like its Secrets: content by name, metadata of those that carry the label. */
import { ApiError, apiPath } from '../runtime/kubernetes-api.ts';
import type { KubernetesObject } from '../runtime/reflected.ts';
import { type ClusterView, Reflectors } from './kubernetes-reflectors.ts';
import { isLabel, isSubdomain } from './object.ts';
import type { ConfigMap, ConfigMapReader } from './secret.ts';
import { watchLabel } from './secrets-kubernetes.ts';

export interface KubernetesConfigMapsOptions extends ClusterView {
  /** Runs for each watched ConfigMap that was made, changed or deleted. Must not throw. */
  onChange(namespace: string, name: string): void;
}

interface ConfigMapObject extends KubernetesObject {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
}

export class KubernetesConfigMaps implements ConfigMapReader {
  readonly #options: KubernetesConfigMapsOptions;
  readonly #reflectors: Reflectors<KubernetesObject>;

  constructor(options: KubernetesConfigMapsOptions) {
    this.#options = options;
    this.#reflectors = new Reflectors<KubernetesObject>(
      options,
      { path: configMapsPath, query: () => ({ labelSelector: watchLabel }), metadataOnly: true },
      {
        onUpsert: ({ metadata: { namespace = '', name } }) => options.onChange(namespace, name),
        onGone: ({ namespace, name }) => options.onChange(namespace, name),
      },
    );
  }

  /** Resolves when the metadata of every watched ConfigMap is known; goes on trying until then. */
  start(): Promise<void> {
    return this.#reflectors.start();
  }

  stop(): Promise<void> {
    return this.#reflectors.stop();
  }

  sinceLastSync(): number | undefined {
    return this.#reflectors.sinceLastSync();
  }

  watched(namespace: string, name: string): boolean {
    return this.#reflectors.get(namespace, name) !== undefined;
  }

  async read(namespace: string, name: string): Promise<ConfigMap | undefined> {
    const { api, namespaces } = this.#options;
    if (namespaces !== undefined && !namespaces.includes(namespace)) return undefined;
    // Names come from resources: one like `..` would be another path.
    if (!isLabel(namespace) || !isSubdomain(name)) return undefined;
    const path = `${configMapsPath(namespace)}${apiPath(name)}`;
    try {
      const { data = {}, binaryData } = await api.request<ConfigMapObject>({ method: 'GET', path });
      return { namespace, name, data, ...(binaryData === undefined ? {} : { binaryData }) };
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }
}

function configMapsPath(namespace: string | undefined): string {
  return namespace === undefined
    ? apiPath('api', 'v1', 'configmaps')
    : apiPath('api', 'v1', 'namespaces', namespace, 'configmaps');
}
