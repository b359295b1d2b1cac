/** The operator for a Kubernetes API: one of several processes leads and works, the others wait for its Lease. */
import { type ClusterOptions, ClusterProcess } from './cluster-process.ts';
import { connect } from './runtime/kubernetes-client.ts';
import { startManagement } from './runtime/management.ts';

export type { ClusterOptions, ClusterSeams } from './cluster-process.ts';

export interface Cluster {
  readonly managementUrl: string;
  /** For the log: the API server. */
  readonly apiServer: string;
  /** In order: no new work, what is under way ends, the Lease is given back, connections close. */
  stop(): Promise<void>;
}

/** The message says what to do: wrong settings. */
export class ClusterError extends Error {
  readonly code = 'cluster';
}

/**
 * Resolves when health can be asked for; leading and working come later, whenever the Lease and the API server allow it.
 *
 * @throws ClusterError
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { kubeconfig, version, management, environment = {} } = options;
  const connection = await connect({ kubeconfig, version, environment }).catch((error: unknown) => {
    throw new ClusterError(error instanceof Error ? error.message : 'there is no API server to talk to');
  });
  const process = new ClusterProcess(options, connection);
  try {
    const health = await startManagement({
      ...management,
      checks: { watch: () => process.hears() },
      metrics: () => process.metrics.text(),
    });
    process.start();
    return {
      managementUrl: `http://${health.host.includes(':') ? `[${health.host}]` : health.host}:${health.port}`,
      apiServer: connection.host,
      async stop() {
        await process.stop();
        await health.close();
        await connection.close();
      },
    };
  } catch (error) {
    await connection.close();
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new ClusterError(`--management ${management.host}:${management.port} cannot be listened on${code}`);
  }
}
