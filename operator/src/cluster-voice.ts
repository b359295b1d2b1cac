/** What the operator of a cluster says to people: in its log, and by Events about what became of resources. */
import { readyOrder, reasonInfo } from '@nauthera/crds';
import type { Log } from '@nauthera/server/log';
import { DatabaseUnavailable } from '@nauthera/server/registry';
import type { OperatorOptions } from './app.ts';
import { adviceFor, Rarely } from './cluster-problems.ts';
import type { EventSink } from './controllers/world.ts';
import { resourceFields } from './resource-fields.ts';
import { ApiError, ApiUnavailable, NotLeading } from './runtime/kubernetes-api.ts';

export class ClusterVoice {
  readonly #log: Log;
  readonly #rarely = new Rarely();

  constructor(log: Log) {
    this.#log = log;
  }

  /** Once a minute: what was found, and what to do where we know. */
  warn(logger: string, message: string, error: unknown, more: Readonly<Record<string, string>> = {}): void {
    const advice = adviceFor(error);
    const found = { ...sketch(error), ...more };
    // Every kind meets the same wall: one line says it.
    if (!this.#rarely.isNews(advice ?? `${message} ${JSON.stringify(found)}`)) return;
    const detail = [found['error.detail'], advice].filter((part) => part !== undefined).join(': ');
    this.#log.named(logger).warn(message, { ...found, ...(detail === '' ? {} : { 'error.detail': detail }) });
  }

  transition(events: EventSink, ...[resource, to, pass]: Parameters<OperatorOptions['onTransition']>): void {
    const { kind, namespace, name } = resource;
    this.#log.info('Ready has another reason', {
      ...resourceFields(kind, `${namespace}/${name}`, pass),
      'nauthera.reason': to.reason,
    });
    const isStalled = readyOrder[kind].some((type) => reasonInfo(kind, type, to.reason)?.standing === 'Stalled');
    events.record(resource, {
      type: to.status !== 'True' && isStalled ? 'Warning' : 'Normal',
      reason: to.reason,
      note: to.message,
    });
  }

  failure(failure: Parameters<OperatorOptions['onFailure']>[0]): void {
    const { controller, key, error, retryIn, pass } = failure;
    if (error instanceof NotLeading) return;
    // Told by the status of its server, and by every resource on it that waits.
    const level = error instanceof DatabaseUnavailable ? 'debug' : 'warn';
    this.#log.named('operator')[level]('a pass failed and will be repeated', {
      ...resourceFields(controller, key, pass),
      duration_ms: Math.round(retryIn),
      ...sketch(error),
    });
  }
}

export function isForbidden(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 403;
}

/** Of a stranger's error its kind; our own speak for people. */
export function sketch(error: unknown): { readonly 'error.type': string; readonly 'error.detail'?: string } {
  if (!(error instanceof Error)) return { 'error.type': typeof error };
  const type = 'code' in error ? String(error.code) : error.name;
  const ours = error instanceof ApiError || error instanceof ApiUnavailable || error instanceof DatabaseUnavailable;
  return { 'error.type': type, ...(ours ? { 'error.detail': error.message } : {}) };
}
