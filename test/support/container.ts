/**
 * Services in containers, where an engine runs. An engine that is not there, or cannot get the image, counts as absent:
 * one line says so and local binaries are used.
 */
import { existsSync } from 'node:fs';

export interface ContainerPostgres {
  readonly url: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

function engineIsThere(): boolean {
  if (process.env.NAUTHERA_TEST_CONTAINERS === 'off') return false;
  return process.env.DOCKER_HOST !== undefined || existsSync('/var/run/docker.sock');
}

export async function startPostgresContainer(major: number): Promise<ContainerPostgres | null> {
  if (!engineIsThere()) return null;
  // Loaded only where an engine is there: it takes half a second.
  const { GenericContainer, Wait } = await import('testcontainers');
  const image = process.env.NAUTHERA_TEST_POSTGRES_IMAGE ?? `postgres:${major}`;
  try {
    const container = await new GenericContainer(image)
      .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust' })
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
      .start();
    const url = `postgres://postgres@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
    return {
      url,
      kill: () => container.restart({ timeout: 0 }),
      start: () => Promise.resolve(),
      stop: async () => {
        await container.stop({ remove: true, removeVolumes: true });
      },
    };
  } catch (error) {
    console.error(
      `container engine passed over: no ${image} (${error instanceof Error ? error.message : String(error)})`,
    );
    return null;
  }
}
