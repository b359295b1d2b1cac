/** Traces of a program, as its environment has them. Without an endpoint nothing is loaded. */

import { type Log, logWithin, readTracingSettings, startTracing, type Tracing } from '@nauthera/server/tracing';
import type { PodTracing } from './controllers/authorization-server/deployment/context.ts';

export interface Traced {
  readonly service: string;
  readonly version: string;
  readonly pod: string | undefined;
  readonly log: Log;
}

export interface ProgramTracing {
  /** `undefined`: nothing is traced. */
  readonly tracing: Tracing | undefined;
  /** Names the span that a line belongs to. */
  readonly log: Log;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What is wrong with them, one sentence each. */
export function tracingProblems(environment: Environment): readonly string[] {
  const read = readTracingSettings(environment);
  return read.outcome === 'refused' ? read.problems : [];
}

/** @param environment without problems */
export async function openTracing(environment: Environment, traced: Traced): Promise<ProgramTracing> {
  const { log } = traced;
  const read = readTracingSettings(environment);
  if (read.outcome !== 'on') return { tracing: undefined, log };
  const tracing = await startTracing(read.settings, traced);
  return { tracing, log: logWithin(log, tracing) };
}

const passedOn = ['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_TRACES_SAMPLER', 'OTEL_TRACES_SAMPLER_ARG'] as const;

/**
 * What server pods are told, where everybody who may read a Deployment reads it: headers may be secret, and are for
 * `spec.pod.env`. `undefined`: nothing, as there is no endpoint, or one with a password or a query.
 * @param cidrs networks of the collector; empty: anywhere
 */
export function podTracing(environment: Environment, cidrs: readonly string[] = []): PodTracing | undefined {
  const endpoint = environment.OTEL_EXPORTER_OTLP_ENDPOINT?.trim();
  if (endpoint === undefined || !URL.canParse(endpoint) || readTracingSettings(environment).outcome !== 'on')
    return undefined;
  const { port, protocol, username, password, search } = new URL(endpoint);
  if (username !== '' || password !== '' || search !== '') return undefined;
  const env = passedOn.flatMap((name): readonly [string, string][] => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? [] : [[name, value]];
  });
  return { env: Object.fromEntries(env), port: Number(port) || (protocol === 'https:' ? 443 : 80), cidrs };
}
