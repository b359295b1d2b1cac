/** Requests to the API server, and how its watches fare. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RequestFacts } from '../runtime/kubernetes-client.ts';
import type { Silences } from '../runtime/silence.ts';
import { buckets } from './buckets.ts';

/** @param host of the API server */
export function requestsIn(registry: Registry, host: string): (facts: RequestFacts) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server',
    labelNames: ['code', 'method', 'host'],
    registers,
  });
  const duration = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Duration of requests to the API server; of a watch until its answer begins',
    labelNames: ['verb', 'host'],
    registers,
    buckets,
  });
  return ({ method, status, milliseconds }) => {
    // As clients of Go say it that got no answer.
    requests.inc({ code: status === 0 ? '<error>' : String(status), method, host });
    duration.observe({ verb: method, host }, milliseconds / 1000);
  };
}

export interface WatchProblem {
  /** Of the collection. */
  readonly path: string;
  readonly reason: string;
}

/**
 * @param silences milliseconds since everything of a kind was heard of last; `undefined`: not known yet
 * @returns counts a list or watch that failed and begins anew
 */
export function watchesIn(registry: Registry, silences: () => Silences): (problem: WatchProblem) => void {
  const registers = [registry];
  new Gauge({
    name: 'nauthera_watch_seconds_since_last_sync',
    help: 'Seconds since the API server told anything of a kind; over 120 the process is not ready',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset();
      for (const [kind, silence] of Object.entries(silences()))
        if (silence !== undefined) this.set({ kind }, silence / 1000);
    },
  });
  const restarts = new Counter({
    name: 'nauthera_watch_restarts_total',
    help: 'Lists and watches that failed and began anew',
    labelNames: ['kind', 'reason'],
    registers,
  });
  return ({ path, reason }) => restarts.inc({ kind: watchedKind(path), reason });
}

const kinds: Readonly<Record<string, string>> = {
  authorizationservers: 'AuthorizationServer',
  clients: 'Client',
  scopes: 'Scope',
  ldapbindings: 'LdapBinding',
  namespaces: 'Namespace',
  secrets: 'Secret',
  configmaps: 'ConfigMap',
};

/** By the last part of a collection's path. What was made for servers is one kind, as in the seconds. */
function watchedKind(path: string): string {
  return kinds[path.slice(path.lastIndexOf('/') + 1)] ?? 'Child';
}
