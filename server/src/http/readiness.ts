/**
 * Whether this replica may issue. Old configuration stops issuing: a replica that could not confirm registry and keys for
 * ten seconds might be serving a client that was suspended since.
 */
import type { FastifyInstance } from 'fastify';
import { routeOf } from './exchange.ts';
import { NotServing } from './http-error.ts';

/** What is wrong, for the management port alone: constant text. */
export type ReadinessProblem = string;

export interface ReadinessParts {
  readonly registry: () => { readonly declared: boolean; readonly confirmedAt: number | undefined };
  readonly keys: () => {
    readonly state: 'pending' | 'ready' | 'key_encryption_key_mismatch';
    readonly confirmedAt: number | undefined;
    /** Seconds that our clock is ahead of the database's. */
    readonly clockSkew: number;
  };
  /** Milliseconds, never going backwards. */
  readonly monotonic: () => number;
}

export interface Readiness {
  /** Empty: ready. */
  problems(): readonly ReadinessProblem[];
  /** @throws NotServing (503) */
  requireServing(): void;
  /** From now on not ready; requests are still served. */
  drain(): void;
}

/** Milliseconds. */
const staleAfter = 10_000;
/** Seconds. */
const maxSkew = 5;

export function createReadiness({ registry, keys, monotonic }: ReadinessParts): Readiness {
  let draining = false;
  const isStale = (confirmedAt: number | undefined): boolean =>
    confirmedAt === undefined || monotonic() - confirmedAt > staleAfter;

  const serving = (): ReadinessProblem | null => {
    const { declared, confirmedAt } = registry();
    if (confirmedAt === undefined) return 'registry: not loaded yet';
    if (!declared) return 'registry: no AuthorizationServer is declared yet';
    if (isStale(confirmedAt)) return 'registry: not confirmed for 10 s';
    const { state, confirmedAt: keysConfirmedAt, clockSkew } = keys();
    if (state === 'key_encryption_key_mismatch')
      return 'keys: sealed with another key-encryption key than the one given';
    if (state === 'pending') return 'keys: not there yet';
    if (isStale(keysConfirmedAt)) return 'keys: not confirmed for 10 s';
    if (Math.abs(clockSkew) > maxSkew) return 'clock: differs from the database by more than 5 s';
    return null;
  };

  return {
    problems() {
      const problem = serving();
      return [...(draining ? ['shutting down'] : []), ...(problem === null ? [] : [problem])];
    },
    requireServing() {
      const problem = serving();
      if (problem !== null) throw new NotServing(problem);
    },
    drain() {
      draining = true;
    },
  };
}

/** Every route but documents answers 503 while this replica must not issue: none of them can forget it. */
export function serveOnlyWhenReady(app: FastifyInstance, readiness: Readiness): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const { url, config } = routeOf(request);
    if (url !== undefined && config?.admission !== 'exempt') readiness.requireServing();
    done();
  });
}
