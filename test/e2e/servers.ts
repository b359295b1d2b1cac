/** The server `default` of a namespace, as the API tells of it. */
import { expect } from 'vitest';
import { images } from './images.ts';
import { eventually, get, inPod, isReady } from './kubectl.ts';

export interface Deployment {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly image: string }[] } };
  };
  readonly status: { readonly readyReplicas?: number; readonly updatedReplicas?: number; readonly replicas?: number };
}

interface Named {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
}

export const serverPods = ['-l', 'app.kubernetes.io/component=server'];

export class Servers {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  deployment(): Promise<Deployment> {
    return get(this.#namespace, 'deployment', 'default-server');
  }

  /** Names, without those that are about to end. */
  async runningPods(): Promise<readonly string[]> {
    const running = ['pods', ...serverPods, '--field-selector=status.phase=Running'];
    const { items } = await get<{ items: Named[] }>(this.#namespace, ...running);
    return items.flatMap(({ metadata }) => (metadata.deletionTimestamp === undefined ? [metadata.name] : []));
  }

  async twoAreReady(): Promise<void> {
    await eventually(
      async () => {
        const { status } = await this.deployment();
        expect([status.replicas, status.updatedReplicas, status.readyReplicas]).toEqual([2, 2, 2]);
      },
      { within: 300_000 },
    );
  }

  /** Also those that are about to end have ended. */
  async onlyTwo(): Promise<void> {
    await this.twoAreReady();
    await eventually(async () => {
      expect((await get<{ items: Named[] }>(this.#namespace, 'pods', ...serverPods)).items).toHaveLength(2);
    });
  }

  /** Both pods run this version, and the server is Ready with it. */
  async run(version: string): Promise<void> {
    await eventually(
      async () => {
        const { spec } = await this.deployment();
        expect(spec.template.spec.containers[0]?.image).toBe(`${images.repository}:${version}`);
        const { status } = await get<{ status: { version?: string } }>(this.#namespace, 'nas/default');
        expect(status.version).toBe(version);
      },
      { within: 300_000 },
    );
    await this.twoAreReady();
    await isReady('nas/default', this.#namespace);
  }

  /** Names of the Jobs. */
  async migrations(): Promise<readonly string[]> {
    const { items } = await get<{ items: Named[] }>(this.#namespace, 'jobs');
    return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('default-migrate-'));
  }

  /** One value from the database in the pod `pg-rw`. */
  async ask(sql: string): Promise<string> {
    const psql = ['psql', '-h', '/tmp', '-U', 'postgres', '-d', 'app', '-Atc', sql];
    return (await inPod(this.#namespace, 'pg-rw', ...psql)).trim();
  }
}
